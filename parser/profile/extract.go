package profile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
)

// ExtractTimeout bounds each of Parse, Observations, Quote, Extract and Explain,
// for queries that do not end.
const ExtractTimeout = 10 * time.Second

var errTimeout = fmt.Errorf("it takes more than %v: %w", ExtractTimeout, context.DeadlineExceeded)

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, ExtractTimeout, errTimeout)
}

// Extract parses a page and returns its observations, see [Profile.Parse] and
// [Document.Observations].
func (p *Profile) Extract(ctx context.Context, pg page.Page) ([]observation.Observation, []observation.Problem, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	d, err := p.Parse(ctx, pg)
	if err != nil {
		return nil, nil, err
	}
	return d.Observations(ctx)
}

// Observations returns what the page says: one observation, or on a page with
// many matches as many as it has, which may be none. With an error the page is
// unusable, for example because it does not name the teams. Problems are what
// else was not found or not understood.
func (d *Document) Observations(ctx context.Context) ([]observation.Observation, []observation.Problem, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	x := &extraction{profile: d.profile}
	all, err := x.observations(ctx, d)
	if ctx.Err() != nil {
		return nil, nil, fmt.Errorf("reading the page: %w", context.Cause(ctx))
	}
	return all, x.problems, err
}

func (x *extraction) observations(ctx context.Context, d *Document) ([]observation.Observation, error) {
	if x.profile.Matches.IsSet() {
		return x.matches(ctx, d)
	}
	o, err := (&part{x: x, scope: d.page()}).match(ctx)
	if err != nil {
		return nil, err
	}
	return []observation.Observation{*o}, nil
}

// An extraction is one page being read.
type extraction struct {
	profile  *Profile
	problems []observation.Problem
}

// matches reads a page with many matches. A row that names no team is a
// heading, which may tell the rows below it something that they inherit.
func (x *extraction) matches(ctx context.Context, doc *Document) ([]observation.Observation, error) {
	rows, err := doc.page().rows(ctx, &x.profile.Matches)
	if err != nil {
		return nil, fmt.Errorf("matches: %w", err)
	}
	if len(rows) == 0 {
		x.problems = append(x.problems, observation.Problem{Field: "matches", Message: "no rows"})
	}
	var all []observation.Observation
	seen := map[string]int{}
	part := &part{x: x, above: map[*Rule]string{}}
	for n, row := range rows {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		part.scope, part.name = row, fmt.Sprintf("matches row %d: ", n+1)
		before := len(x.problems)
		o, err := part.match(ctx)
		switch {
		case errors.Is(err, errNoTeams):
			x.problems = x.problems[:before]
			continue
		case err != nil:
			x.problems = append(x.problems[:before], observation.Problem{Field: part.name + "match", Message: err.Error()})
			continue
		}
		if first, twice := seen[o.Match.ID]; twice && o.Match.ID != "" {
			x.problems = append(x.problems[:before], observation.Problem{Field: part.name + "match.id", Message: fmt.Sprintf("%q is the ID of row %d already", o.Match.ID, first)})
			continue
		}
		seen[o.Match.ID], o.Shared = n+1, true
		all = append(all, *o)
	}
	return all, nil
}

// A part is what rules are asked about: the page, or one of its rows.
type part struct {
	x     *extraction
	scope scope
	name  string           // before each problem: "", "matches row 3: ", "incidents[0] row 2: "
	above map[*Rule]string // last value of each rule that inherits
}

func (p *part) problem(field string, err error) {
	p.x.problems = append(p.x.problems, observation.Problem{Field: p.name + field, Message: err.Error()})
}

// optional evaluates a rule. Nothing found is no problem.
func (p *part) optional(ctx context.Context, field string, r *Rule) string {
	text, err := p.ask(ctx, r)
	if err != nil && !errors.Is(err, errNothing) {
		p.problem(field, err)
	}
	return text
}

// needed evaluates a rule. Nothing found is a problem if the profile has it.
func (p *part) needed(ctx context.Context, field string, r *Rule) string {
	text, err := p.ask(ctx, r)
	if err != nil && !(r.Optional && errors.Is(err, errNothing)) {
		p.problem(field, err)
	}
	return text
}

// word holds a text that no map vouches for against a vocabulary: one that is
// not of it is a problem and no value.
func word[W ~string](p *part, field, text string, words []W) W {
	if text == "" || slices.Contains(words, W(text)) {
		return W(text)
	}
	p.problem(field, fmt.Errorf("%q is not one of ours (%s): translate it by a map", shorten(text), listed(words)))
	return ""
}

// listed is a vocabulary in a few words.
func listed[W ~string](words []W) string {
	const most = 5
	var all []string
	for _, w := range words[:min(most, len(words))] {
		all = append(all, string(w))
	}
	if len(words) > most {
		all = append(all, "…")
	}
	return strings.Join(all, ", ")
}

func (p *part) ask(ctx context.Context, r *Rule) (string, error) {
	if !r.IsSet() {
		return "", nil
	}
	text, err := p.scope.text(ctx, r)
	if r.Inherit && p.above != nil {
		if text != "" {
			p.above[r] = text
		} else if had := p.above[r]; had != "" {
			return had, nil
		}
	}
	return text, err
}

// errNoTeams says that a row is no match.
var errNoTeams = errors.New("the page names neither team")

func (p *part) match(ctx context.Context) (*observation.Observation, error) {
	r := &p.x.profile.Match
	o := &observation.Observation{Sport: p.x.profile.Sport, Incidents: []observation.Incident{}}
	for _, n := range r.rules() {
		if n.rule.Inherit {
			_, _ = p.ask(ctx, n.rule) // a heading tells it to the rows below
		}
	}
	if err := p.teams(ctx, o); err != nil {
		return nil, err
	}
	if o.Match.ID = p.needed(ctx, "match.id", &r.ID); o.Match.ID != "" {
		if err := event.CheckMatchID(o.Match.ID); err != nil {
			p.problem("match.id", err)
			o.Match.ID = ""
		}
	}
	o.League = observation.RepairEncoding(p.needed(ctx, "match.league", &r.League))
	if text := p.needed(ctx, "match.start", &r.Start); text != "" {
		var err error
		if o.Match.Start, err = readTime(&r.Start, text); err != nil {
			p.problem("match.start", err)
		}
	}
	status, period := p.statusWords(ctx)
	o.Match.Status = word(p, "match.status", status, event.Statuses())
	o.Match.Period = word(p, "match.status", period, o.Sport.Periods())
	p.clock(ctx, o)
	begun := o.Match.Status.Rank() > 0 && o.Match.Status != event.Cancelled // else there need not be a score
	o.Score = p.score(ctx, "match", &r.HomeScore, &r.AwayScore, "score", begun)
	o.Shootout = p.score(ctx, "match", &r.HomeShootout, &r.AwayShootout, "shootout", false)
	p.incidents(ctx, o)
	return o, nil
}

// statusWords splits the status from the period that may stand behind it. A
// text that is no status stays whole, for the problem to show it.
func (p *part) statusWords(ctx context.Context) (status, period string) {
	text := p.needed(ctx, "match.status", &p.x.profile.Match.Status)
	if first, rest, ok := strings.Cut(text, " "); ok && slices.Contains(event.Statuses(), event.Status(first)) {
		return first, rest
	}
	return text, ""
}

func (p *part) teams(ctx context.Context, o *observation.Observation) error {
	r := &p.x.profile.Match
	home, homeErr := p.ask(ctx, &r.Home)
	away, awayErr := p.ask(ctx, &r.Away)
	o.Match.Home, o.Match.Away = observation.RepairEncoding(home), observation.RepairEncoding(away)
	switch {
	case homeErr != nil && awayErr != nil && errors.Is(homeErr, errNothing) && errors.Is(awayErr, errNothing):
		return fmt.Errorf("%w: match.home: %w", errNoTeams, homeErr)
	case homeErr != nil:
		return fmt.Errorf("the page does not name both teams: match.home: %w", homeErr)
	case awayErr != nil:
		return fmt.Errorf("the page does not name both teams: match.away: %w", awayErr)
	case event.Fold(home) == event.Fold(away):
		return fmt.Errorf("the page names %q as both teams", home)
	}
	return nil
}

// clock reads the match's own clock, which pages show only at times. Where the
// page does not name the period, a clock that can mean but one tells it.
func (p *part) clock(ctx context.Context, o *observation.Observation) {
	r := &p.x.profile.Match.Clock
	text := p.optional(ctx, "match.clock", r)
	if text == "" {
		return
	}
	c, err := p.x.profile.readClock(clockAs(r), o.Match.Period, text)
	if err != nil {
		p.problem("match.clock", err)
		return
	}
	if o.Match.Period == "" && o.Sport == event.Soccer {
		if c.MaybeStoppage() {
			c.Period = ""
		} else if o.Match.Status == event.Live {
			o.Match.Period = c.Period
		}
	}
	o.Match.Clock = c
}

// clockAs is how a clock's rule, or the first of its alternatives that says so,
// wants it read.
func clockAs(r *Rule) transform {
	for i := range r.first {
		if as := r.first[i].As; as != "" {
			return as
		}
	}
	return r.As
}

// score is two numbers or nothing.
func (p *part) score(ctx context.Context, in string, home, away *Rule, what string, needed bool) *event.Score {
	if !home.IsSet() || !away.IsSet() {
		return nil
	}
	var s event.Score
	for _, half := range []struct {
		field string
		rule  *Rule
		into  *int
	}{{"home_" + what, home, &s.Home}, {"away_" + what, away, &s.Away}} {
		text, err := p.ask(ctx, half.rule)
		if err == nil {
			*half.into, err = strconv.Atoi(text)
			if err != nil || *half.into < 0 || *half.into > maxScore {
				err = fmt.Errorf("%q is no score", shorten(text))
			}
		} else if (!needed || half.rule.Optional) && errors.Is(err, errNothing) {
			return nil
		}
		if err != nil {
			p.problem(in+"."+half.field, err)
			return nil
		}
	}
	return &s
}

// maxScore is beyond any score of any sport, innings of cricket included.
const maxScore = 2000

// incidents reads the lists of incidents.
func (p *part) incidents(ctx context.Context, o *observation.Observation) {
	lists := p.x.profile.Incidents
	o.Blind = slices.ContainsFunc(lists, func(l IncidentRules) bool { return !l.Rows.Optional })
	goals := false // whether there may be rows of goals
	for i := range lists {
		name := fmt.Sprintf("%sincidents[%d]", p.name, i)
		rows, err := p.scope.rows(ctx, &lists[i].Rows)
		if err != nil {
			p.x.problems = append(p.x.problems, observation.Problem{Field: name + ".rows", Message: err.Error()})
		}
		if o.Lists = append(o.Lists, len(rows)); len(rows) > 0 {
			o.Blind = false
		}
		goals = goals || lists[i].canList(event.Goal) && (len(rows) > 0 || !lists[i].Rows.Optional)
		reader := rowReader{part: part{x: p.x, above: map[*Rule]string{}}, rules: &lists[i], match: o}
		if lists[i].Team.IsSet() {
			reader.home, reader.away = p.needed(ctx, "match.home_code", &p.x.profile.Match.HomeCode), p.needed(ctx, "match.away_code", &p.x.profile.Match.AwayCode)
		}
		for n, row := range rows {
			if ctx.Err() != nil {
				return
			}
			reader.scope, reader.name = row, fmt.Sprintf("%s row %d: ", name, n+1)
			if in, ok := reader.read(ctx); ok {
				in.List = i
				o.Incidents = append(o.Incidents, in)
			}
		}
	}
	if !goals {
		return
	}
	if o.Blind && o.Score != nil && *o.Score != (event.Score{}) {
		p.x.problems = append(p.x.problems, observation.Problem{Field: p.name + "incidents", Message: "no rows, though the score is not 0-0"})
		return
	}
	for _, c := range o.Contradictions() {
		p.x.problems = append(p.x.problems, observation.Problem{Field: p.name + c.Field, Message: c.Message})
	}
}
