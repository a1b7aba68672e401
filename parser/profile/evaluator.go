package profile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/profile/internal/notations"
)

// An evaluator evaluates rules on rows in order. It collects the problems.
type evaluator struct {
	*extraction
	row    row
	prefix string // prefix of the field in problems, such as "incidents[0] row 2: "
}

// fault adds a problem with a field of the row. If the text on the page shows that the page is
// about another sport, fault also records the contradiction.
func (e *evaluator) fault(field string, err error) {
	e.problem(e.prefix+field, err.Error())
	var u unreadable
	if errors.As(err, &u) {
		e.checkForeign(field, u.text)
	}
}

// An unreadable is an error about a text on the page that is not a valid value.
type unreadable struct {
	error
	text string
}

// checkForeign records that the page is about another sport, if an invalid value of the field is
// valid only in other sports.
func (e *evaluator) checkForeign(field, text string) {
	sport, what, part := e.doc.profile.Sport, field[strings.LastIndex(field, ".")+1:], ""
	switch what {
	case "status", "period":
		what, part = "period", notations.ForeignPeriod(sport, text)
	case "clock":
		part = notations.ForeignClock(sport, text)
		if part == "" && len(e.doc.profile.Lengths) == 0 && notations.TooLong(sport, text) {
			part = text
		}
	case "kind":
		if isForeignKind(sport, text) {
			part = text
		}
	case "home_score", "away_score":
		if what = "score"; notations.IsForeignScore(sport, text) {
			part = text
		}
	}
	if part != "" {
		e.contradict(observation.Problem{Field: field,
			Message: fmt.Sprintf("%s %q is not a %s of %s", what, shorten(part), what, sport.Title())})
	}
}

// contradict records a contradiction between the page and the sport of the profile. It ignores all
// contradictions after the first.
func (e *evaluator) contradict(p observation.Problem) {
	if e.contradiction == nil {
		p.Field = e.prefix + p.Field
		e.contradiction = &p
	}
}

// isForeignKind reports whether a word for incidents belongs to another sport. A sport that a
// profile defines can be a variant of the other sport. So isForeignKind returns false if such a
// sport shares a kind with the other sport.
func isForeignKind(sport event.Sport, text string) bool {
	other := event.MarkOf(text)
	return other != "" && other != sport && !slices.ContainsFunc(sport.Rules().Kinds, func(k event.Kind) bool {
		return !slices.Contains(event.KnownSports(), sport) && slices.Contains(other.Rules().Kinds, k)
	})
}

// value returns the value of a rule. It returns "" if the profile does not have the rule.
func (e *evaluator) value(ctx context.Context, r *Rule) (string, error) {
	if !r.isSet() {
		return "", nil
	}
	return r.text(ctx, e.row)
}

// remember evaluates the rules whose values later rows can inherit. Call it for every row, because
// the other rules may not be evaluated on a heading.
func (e *evaluator) remember(ctx context.Context, rules []namedRule) {
	for _, n := range rules {
		if n.rule.inherits() {
			_, _ = e.value(ctx, n.rule)
		}
	}
}

// optional returns the value of a rule, or "" if the rule finds none. It adds a problem for any
// error other than errNothing.
func (e *evaluator) optional(ctx context.Context, field string, r *Rule) string {
	text, err := e.value(ctx, r)
	if err != nil && !errors.Is(err, errNothing) {
		e.fault(field, err)
	}
	return text
}

// required returns the value of a rule, or "" if the rule finds none. It adds a problem for any
// error, except errNothing if the rule is optional.
func (e *evaluator) required(ctx context.Context, field string, r *Rule) string {
	text, _ := e.requiredChoice(ctx, field, r)
	return text
}

// requiredChoice is like required. It also returns the alternative that has the value, or r if r
// has no alternatives.
func (e *evaluator) requiredChoice(ctx context.Context, field string, r *Rule) (string, *Rule) {
	if !r.isSet() {
		return "", r
	}
	text, chosen, err := r.choose(ctx, e.row)
	if err != nil && !(r.Optional && errors.Is(err, errNothing)) {
		e.fault(field, err)
	}
	return text, chosen
}

// score returns the values of two rules as a score, or nil if a value is missing or invalid. The
// fields of problems are in+".home_"+name and in+".away_"+name. If required is true, a missing value
// is a problem, unless its rule is optional.
func (e *evaluator) score(ctx context.Context, in, name string, home, away *Rule, required bool) *event.Score {
	if !home.isSet() || !away.isSet() {
		return nil
	}
	var s event.Score
	for _, part := range []struct {
		field string
		rule  *Rule
		into  *int
	}{{"home_" + name, home, &s.Home}, {"away_" + name, away, &s.Away}} {
		text, err := e.value(ctx, part.rule)
		if err == nil {
			*part.into, err = strconv.Atoi(text)
			if err != nil || *part.into < 0 {
				err = unreadable{fmt.Errorf("%q is not a score", shorten(text)), text}
			}
		} else if (!required || part.rule.Optional) && errors.Is(err, errNothing) {
			return nil
		}
		if err != nil {
			e.fault(in+"."+part.field, err)
			return nil
		}
	}
	return &s
}

// innings returns the score of a cricket match, its line score if the page shows innings, and the
// side that has not batted, if any. A side without a score has not batted if the other side has
// innings. If required is true, innings adds a problem for any other missing score, unless the rule
// for this score is optional.
func (m *matchRow) innings(ctx context.Context, required bool) (
	score *event.Score, line *event.LineScore, absent event.Side,
) {
	rules := &m.doc.profile.Match
	if !rules.HomeScore.isSet() || !rules.AwayScore.isSet() {
		return nil, nil, ""
	}
	home, homeErr := m.sideScore(ctx, &rules.HomeScore)
	away, awayErr := m.sideScore(ctx, &rules.AwayScore)
	switch {
	case isAbsent(&home, homeErr) && awayErr == nil && len(away.Line) > 0:
		homeErr, absent = nil, event.Home
	case isAbsent(&away, awayErr) && homeErr == nil && len(home.Line) > 0:
		awayErr, absent = nil, event.Away
	}
	for _, side := range []struct {
		field string
		rule  *Rule
		err   error
	}{{"match.home_score", &rules.HomeScore, homeErr}, {"match.away_score", &rules.AwayScore, awayErr}} {
		switch {
		case side.err == nil:
			continue
		case !errors.Is(side.err, errNothing) || required && !side.rule.Optional:
			m.fault(side.field, side.err)
		}
		return nil, nil, ""
	}
	score = &event.Score{Home: home.Runs(), Away: away.Runs()}
	if !home.Bare || !away.Bare {
		line = &event.LineScore{Home: home.Line, Away: away.Line}
	}
	m.inningsScores = append(m.inningsScores, inningsScore{score, home, away})
	return score, line, absent
}

// sets returns the score of the latest set, and the scores of all sets if the texts show them. It
// is for sports whose score counts the games of each set. The texts of both sides must have the
// same number of sets. If the texts show one set, but period is not the first set, the page may
// show only the current set. The line score is then nil.
func (m *matchRow) sets(ctx context.Context, period event.Period, required bool) (*event.Score, *event.LineScore) {
	rules := &m.doc.profile.Match
	if !rules.HomeScore.isSet() || !rules.AwayScore.isSet() {
		return nil, nil
	}
	line := &event.LineScore{}
	for _, side := range []struct {
		field string
		rule  *Rule
		into  *event.Line
	}{{"match.home_score", &rules.HomeScore, &line.Home}, {"match.away_score", &rules.AwayScore, &line.Away}} {
		text, err := m.value(ctx, side.rule)
		switch {
		case err == nil:
			if *side.into, err = notations.ParseSets(text); err != nil {
				err = unreadable{fmt.Errorf("%q %w", shorten(text), err), text}
			}
		case (!required || side.rule.Optional) && errors.Is(err, errNothing):
			return nil, nil
		}
		if err != nil {
			m.fault(side.field, err)
			return nil, nil
		}
	}
	sets := line.Sets()
	if len(line.Home) != len(line.Away) {
		m.fault("match.away_score", fmt.Errorf("%d sets, but the other side has %d", len(line.Away), len(line.Home)))
		return nil, nil
	}
	if len(sets) == 1 && m.doc.profile.Sport.Index(period) != 0 {
		line = nil
	}
	return &sets[len(sets)-1], line
}

// An inningsScore contains the score of a cricket match, and the scores of both sides as the page
// shows them.
type inningsScore struct {
	score      *event.Score
	home, away notations.SideScore
}

// orderInnings sets the order of runs and wickets of the innings on the page. All innings on the
// page have the same order.
func (x *extraction) orderInnings() {
	var all []notations.SideScore
	for i := range x.inningsScores {
		all = append(all, x.inningsScores[i].home, x.inningsScores[i].away)
	}
	order := notations.Order(all, string(x.doc.profile.Match.inningsOrder()))
	for i := range x.inningsScores {
		s := &x.inningsScores[i]
		s.home.SetOrder(order) // this also changes the line score, which shares the innings
		s.away.SetOrder(order)
		*s.score = event.Score{Home: s.home.Runs(), Away: s.away.Runs()}
	}
}

// inningsOrder returns the order of runs and wickets that the rules for the score set, or "".
func (r *MatchRules) inningsOrder() notation {
	return cmp.Or(r.HomeScore.notation(), r.AwayScore.notation())
}

// sideScore returns the value of a rule for the score of a side.
func (m *matchRow) sideScore(ctx context.Context, r *Rule) (notations.SideScore, error) {
	text, err := m.value(ctx, r)
	if err != nil {
		return notations.SideScore{Bare: true}, err
	}
	s, err := notations.ParseInnings(text)
	if err != nil {
		return s, fmt.Errorf("%q %w", shorten(text), err)
	}
	return s, nil
}

// isAbsent reports whether the page shows no score for a side, or shows that the side has not
// batted. It returns false if the regular expression of the rule does not match the text on the
// page.
func isAbsent(s *notations.SideScore, err error) bool {
	var unmatched mismatch
	return err == nil && len(s.Line) == 0 || errors.Is(err, errNothing) && !errors.As(err, &unmatched)
}

// oneOf returns text if it is "" or one of values. Otherwise it adds a problem and returns "".
func oneOf[W ~string](e *evaluator, field, text string, values []W) W {
	if text == "" || slices.Contains(values, W(text)) {
		return W(text)
	}
	err := fmt.Errorf("%q is not a valid value (%s): translate it with map", shorten(text), firstFew(values))
	e.fault(field, unreadable{err, text})
	return ""
}

// firstFew returns at most the first five of values, separated by commas, for messages. "…" stands
// for the others.
func firstFew[W ~string](values []W) string {
	const limit = 5
	var all []string
	for _, w := range values[:min(limit, len(values))] {
		all = append(all, string(w))
	}
	if len(values) > limit {
		all = append(all, "…")
	}
	return strings.Join(all, ", ")
}

// splitWord splits text into its first word and the rest, such as "live" and "2h". If the first
// word is not one of firsts, it returns the whole text as first, so that problems show the whole
// text.
func splitWord[W ~string](text string, firsts []W) (first, rest string) {
	if first, rest, ok := strings.Cut(text, " "); ok && slices.Contains(firsts, W(first)) {
		return first, rest
	}
	return text, ""
}
