package parser

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

// extractTimeout bounds the reading of one page, for queries that do not end.
const extractTimeout = 10 * time.Second

// Extract reads a page: one observation, or on a page with many matches as
// many as it has, which may be none. With an error the page is unusable: empty,
// of another kind, cut off, or without the teams; the error says which.
// Problems are what else was not found or not understood.
func (p *Profile) Extract(page Page) ([]Observation, []Problem, error) {
	ctx, cancel := context.WithTimeout(context.Background(), extractTimeout)
	defer cancel()
	doc, err := p.open(ctx, page)
	if err != nil {
		return nil, nil, err
	}
	x := &extraction{profile: p}
	var all []Observation
	if p.Matches.set() {
		all, err = x.matches(doc)
	} else {
		var o *Observation
		if o, err = (&part{x: x, scope: doc.page()}).match(); err == nil {
			all = []Observation{*o}
		}
	}
	if ctx.Err() != nil {
		return nil, nil, fmt.Errorf("reading the page takes more than %v: %w", extractTimeout, ctx.Err())
	}
	return all, x.problems, err
}

// An extraction is one page being read.
type extraction struct {
	profile  *Profile
	problems []Problem
}

// matches reads a page with many matches. A row that names no team is a
// heading, which may tell the rows below it something that they inherit.
func (x *extraction) matches(doc *document) ([]Observation, error) {
	rows, err := doc.page().rows(&x.profile.Matches)
	if err != nil {
		return nil, fmt.Errorf("matches: %w", err)
	}
	if len(rows) == 0 {
		x.problems = append(x.problems, Problem{"matches", "no rows"})
	}
	var all []Observation
	seen := map[string]int{}
	part := &part{x: x, above: map[*Rule]string{}}
	for n, row := range rows {
		part.scope, part.name = row, fmt.Sprintf("matches row %d: ", n+1)
		before := len(x.problems)
		o, err := part.match()
		switch {
		case errors.Is(err, errNoTeams):
			x.problems = x.problems[:before]
			continue
		case err != nil:
			x.problems = append(x.problems[:before], Problem{part.name + "match", err.Error()})
			continue
		}
		if first, twice := seen[o.Match.ID]; twice && o.Match.ID != "" {
			x.problems = append(x.problems[:before], Problem{part.name + "match.id", fmt.Sprintf("%q is the ID of row %d already", o.Match.ID, first)})
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
	p.x.problems = append(p.x.problems, Problem{p.name + field, err.Error()})
}

// optional evaluates a rule. Nothing found is no problem.
func (p *part) optional(field string, r *Rule) string {
	text, err := p.ask(r)
	if err != nil && !errors.Is(err, errNothing) {
		p.problem(field, err)
	}
	return text
}

// needed evaluates a rule. Nothing found is a problem if the profile has it.
func (p *part) needed(field string, r *Rule) string {
	text, err := p.ask(r)
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

func (p *part) ask(r *Rule) (string, error) {
	if !r.set() {
		return "", nil
	}
	text, err := p.scope.text(r)
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

func (p *part) match() (*Observation, error) {
	r := &p.x.profile.Match
	o := &Observation{Sport: p.x.profile.Sport, Incidents: []Incident{}}
	for _, n := range r.rules() {
		if n.rule.Inherit {
			_, _ = p.ask(n.rule) // a heading tells it to the rows below
		}
	}
	if err := p.teams(o); err != nil {
		return nil, err
	}
	if o.Match.ID = p.needed("match.id", &r.ID); o.Match.ID != "" {
		if err := event.CheckMatchID(o.Match.ID); err != nil {
			p.problem("match.id", err)
			o.Match.ID = ""
		}
	}
	o.League = undoubled(p.needed("match.league", &r.League))
	if text := p.needed("match.start", &r.Start); text != "" {
		var err error
		if o.Match.Start, err = readTime(&r.Start, text); err != nil {
			p.problem("match.start", err)
		}
	}
	status, period := p.statusWords()
	o.Match.Status = word(p, "match.status", status, event.Statuses())
	o.Match.Period = word(p, "match.status", period, o.Sport.Periods())
	p.clock(o)
	begun := rank(o.Match.Status) > 0 && o.Match.Status != event.Cancelled // else there need not be a score
	o.Score = p.score("match", &r.HomeScore, &r.AwayScore, "score", begun)
	o.Shootout = p.score("match", &r.HomeShootout, &r.AwayShootout, "shootout", false)
	p.incidents(o)
	return o, nil
}

// statusWords splits the status from the period that may stand behind it. A
// text that is no status stays whole, for the problem to show it.
func (p *part) statusWords() (status, period string) {
	text := p.needed("match.status", &p.x.profile.Match.Status)
	if first, rest, ok := strings.Cut(text, " "); ok && slices.Contains(event.Statuses(), event.Status(first)) {
		return first, rest
	}
	return text, ""
}

func (p *part) teams(o *Observation) error {
	r := &p.x.profile.Match
	home, homeErr := p.ask(&r.Home)
	away, awayErr := p.ask(&r.Away)
	o.Match.Home, o.Match.Away = undoubled(home), undoubled(away)
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
func (p *part) clock(o *Observation) {
	r := &p.x.profile.Match.Clock
	text := p.optional("match.clock", r)
	if text == "" {
		return
	}
	c, err := p.x.profile.readClock(clockAs(r), o.Match.Period, text)
	if err != nil {
		p.problem("match.clock", err)
		return
	}
	if o.Match.Period == "" && o.Sport == event.Soccer {
		if ambiguous(c) {
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
func (p *part) score(in string, home, away *Rule, what string, needed bool) *event.Score {
	if !home.set() || !away.set() {
		return nil
	}
	var s event.Score
	for _, half := range []struct {
		field string
		rule  *Rule
		into  *int
	}{{"home_" + what, home, &s.Home}, {"away_" + what, away, &s.Away}} {
		text, err := p.ask(half.rule)
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
func (p *part) incidents(o *Observation) {
	lists := p.x.profile.Incidents
	o.Blind = slices.ContainsFunc(lists, func(l IncidentRules) bool { return !l.Rows.Optional })
	goals := false // whether there may be rows of goals
	for i := range lists {
		name := fmt.Sprintf("%sincidents[%d]", p.name, i)
		rows, err := p.scope.rows(&lists[i].Rows)
		if err != nil {
			p.x.problems = append(p.x.problems, Problem{name + ".rows", err.Error()})
		}
		if o.Lists = append(o.Lists, len(rows)); len(rows) > 0 {
			o.Blind = false
		}
		goals = goals || lists[i].canList(event.Goal) && (len(rows) > 0 || !lists[i].Rows.Optional)
		reader := rowReader{part: part{x: p.x, above: map[*Rule]string{}}, rules: &lists[i], match: o}
		if lists[i].Team.set() {
			reader.home, reader.away = p.needed("match.home_code", &p.x.profile.Match.HomeCode), p.needed("match.away_code", &p.x.profile.Match.AwayCode)
		}
		for n, row := range rows {
			reader.scope, reader.name = row, fmt.Sprintf("%s row %d: ", name, n+1)
			if in, ok := reader.read(); ok {
				in.List = i
				o.Incidents = append(o.Incidents, in)
			}
		}
	}
	if !goals {
		return
	}
	if o.Blind && o.Score != nil && *o.Score != (event.Score{}) {
		p.x.problems = append(p.x.problems, Problem{p.name + "incidents", "no rows, though the score is not 0-0"})
		return
	}
	for _, c := range o.contradictions() {
		p.x.problems = append(p.x.problems, Problem{p.name + c.Field, c.Message})
	}
}
