package profile

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/profile/internal/notations"
)

// innings sets the score of a match in cricket, and the line score if a text shows innings. A side
// without a score has not batted if the other side has a score. If required is true, innings adds a
// problem if neither side has a score and the rules are not optional.
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

// An inningsScore is the score of a match in cricket, and the scores of its sides.
type inningsScore struct {
	score      *event.Score
	home, away notations.SideScore
}

// orderInnings sets the order of runs and wickets of the innings on the page. The innings of all matches
// on the page have one order.
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

// isAbsent reports whether the page shows no score of a side, or shows that the side has not batted.
// It returns false if the regular expression of the rule does not match the text on the page.
func isAbsent(s *notations.SideScore, err error) bool {
	var other mismatch
	return err == nil && len(s.Line) == 0 || errors.Is(err, errNothing) && !errors.As(err, &other)
}
