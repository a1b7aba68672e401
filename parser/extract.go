package parser

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// Extract reads a page. Without an observation the page is unusable: empty, of
// another kind, or without the teams; the error says which. Problems are what
// else was not found or not understood.
func (p *Profile) Extract(page Page) ([]Observation, []Problem, error) {
	doc, err := p.open(page)
	if err != nil {
		return nil, nil, err
	}
	x := &extraction{profile: p, doc: doc}
	o, err := x.match()
	if err != nil {
		return nil, x.problems, err
	}
	for i := range p.Incidents {
		x.incidents(i, o)
	}
	if len(p.Incidents) > 0 {
		x.problems = append(x.problems, o.contradictions()...)
	}
	return []Observation{*o}, x.problems, nil
}

// An extraction is one page being read.
type extraction struct {
	profile  *Profile
	doc      *document
	codes    map[event.Side]string // how rows name the teams; "" where they use the names
	problems []Problem
}

func (x *extraction) problem(field string, err error) {
	x.problems = append(x.problems, Problem{field, err.Error()})
}

// value evaluates a rule about the whole match; what is not found is a problem
// if the profile has a rule for it.
func (x *extraction) value(field string, r *Rule) string {
	if !r.set() {
		return ""
	}
	text, err := x.doc.page().text(r)
	if err != nil {
		x.problem("match."+field, err)
	}
	return text
}

func (x *extraction) match() (*Observation, error) {
	r := &x.profile.Match
	o := &Observation{Sport: x.profile.Sport, Incidents: []Incident{}}
	o.Match.ID = x.value("id", &r.ID)
	o.League = x.value("league", &r.League)
	o.Match.Home, o.Match.Away = x.value("home", &r.Home), x.value("away", &r.Away)
	if o.Match.Home == "" || o.Match.Away == "" {
		return nil, fmt.Errorf("the page does not name both teams: %w", x.firstProblem("match.home", "match.away"))
	}
	if fold(o.Match.Home) == fold(o.Match.Away) {
		return nil, fmt.Errorf("the page names %q as both teams", o.Match.Home)
	}
	x.codes = map[event.Side]string{event.Home: x.value("home_code", &r.HomeCode), event.Away: x.value("away_code", &r.AwayCode)}
	if text := x.value("start", &r.Start); text != "" {
		var err error
		if o.Match.Start, err = readTime(&r.Start, text); err != nil {
			x.problem("match.start", err)
		}
	}
	status, period, _ := strings.Cut(x.value("status", &r.Status), " ")
	o.Match.Status, o.Match.Period = event.Status(status), event.Period(period)
	if text := x.quiet(&r.Clock); text != "" {
		var err error
		if o.Match.Clock, err = readClock(o.Sport, r.Clock.As, o.Match.Period, text); err != nil {
			x.problem("match.clock", err)
		}
	}
	o.Score = x.score("score", &r.HomeScore, &r.AwayScore, false)
	o.Shootout = x.score("shootout", &r.HomeShootout, &r.AwayShootout, true)
	return o, nil
}

// quiet is value for what a page shows only at times.
func (x *extraction) quiet(r *Rule) string {
	if !r.set() {
		return ""
	}
	text, err := x.doc.page().text(r)
	if err != nil && !errors.Is(err, errNothing) {
		x.problem("match.clock", err)
	}
	return text
}

func (x *extraction) firstProblem(fields ...string) error {
	for _, p := range x.problems {
		for _, f := range fields {
			if p.Field == f {
				return errors.New(p.String())
			}
		}
	}
	return errNothing
}

// score is two numbers or nothing.
func (x *extraction) score(what string, home, away *Rule, optional bool) *event.Score {
	if !home.set() || !away.set() {
		return nil
	}
	var s event.Score
	for _, part := range []struct {
		field string
		rule  *Rule
		into  *int
	}{{"home_" + what, home, &s.Home}, {"away_" + what, away, &s.Away}} {
		text, err := x.doc.page().text(part.rule)
		if err == nil {
			*part.into, err = strconv.Atoi(text)
			if err != nil || *part.into < 0 {
				err = fmt.Errorf("%q is no score", shorten(text))
			}
		} else if optional && errors.Is(err, errNothing) {
			return nil
		}
		if err != nil {
			x.problem("match."+part.field, err)
			return nil
		}
	}
	return &s
}

// incidents reads the list of the profile's i-th incident rules into o.
func (x *extraction) incidents(i int, o *Observation) {
	r := &x.profile.Incidents[i]
	list := fmt.Sprintf("incidents[%d]", i)
	rows, err := x.doc.rows(&r.Rows)
	if err == nil && len(rows) == 0 && o.Match.Status != event.Scheduled {
		err = nothing("no rows") // a match may have none yet; a profile being written had better
		if o.Score != nil && *o.Score == (event.Score{}) {
			err = nil
		}
	}
	if err != nil {
		x.problem(list+".rows", err)
	}
	row := rowReader{x: x, rules: r, above: map[*Rule]string{}, match: o}
	for n, s := range rows {
		row.scope, row.name = s, fmt.Sprintf("%s row %d", list, n+1)
		if in, ok := row.read(); ok {
			o.Incidents = append(o.Incidents, in)
		}
	}
}

// A rowReader reads the rows of one list in turn.
type rowReader struct {
	x     *extraction
	rules *IncidentRules
	match *Observation
	above map[*Rule]string // last value of each rule that inherits

	scope scope
	name  string
}

// value evaluates a rule about the row. Nothing found is no problem: many
// cells are empty.
func (r *rowReader) value(field string, rule *Rule) string {
	if !rule.set() {
		return ""
	}
	text, err := r.scope.text(rule)
	if err != nil && !errors.Is(err, errNothing) {
		r.x.problem(r.name+": "+field, err)
	}
	if rule.Inherit {
		if text == "" {
			return r.above[rule]
		}
		r.above[rule] = text
	}
	return text
}

func (r *rowReader) read() (Incident, bool) {
	rules := r.rules
	period := event.Period(r.value("period", &rules.Period)) // a header row may hold nothing else
	kind, detail, _ := strings.Cut(r.value("kind", &rules.Kind), " ")
	in := Incident{
		Kind: event.Kind(kind), Detail: detail, Path: r.scope.path,
		Side:   event.Side(r.value("side", &rules.Side)),
		Player: r.value("player", &rules.Player),
		Off:    r.value("off", &rules.Off),
		Assist: r.value("assist", &rules.Assist),
	}
	team := r.value("team", &rules.Team)
	clock := r.value("clock", &rules.Clock)
	if in.Kind == "" {
		return in, false
	}
	if rules.Detail.set() {
		in.Detail = r.value("detail", &rules.Detail)
	}
	if rules.Team.set() {
		in.Side = r.sideOf(team)
	}
	if in.Side == "" {
		r.x.problem(r.name+": side", fmt.Errorf("a %s of neither team", kind))
		return in, false
	}
	if rules.Clock.set() {
		var err error
		if in.Clock, err = readClock(r.match.Sport, rules.Clock.As, period, clock); err != nil && in.Kind != event.ShootoutKick {
			r.x.problem(r.name+": clock", err)
		}
	}
	if sport, now := r.match.Sport, r.match.Match.Period; period == "" && now != "" && sport.Index(in.Clock.Period) > sport.Index(now) {
		// Nothing happens beyond the period being played: 92' of the second half.
		if c, err := readClock(sport, rules.Clock.As, sport.PlayedBefore(now), clock); err == nil {
			in.Clock = c
		}
	}
	if in.Clock.Period == "" {
		in.Clock.Period = period
	}
	return in, true
}

// sideOf finds the side of a team by its name or code.
func (r *rowReader) sideOf(team string) event.Side {
	if team == "" {
		return ""
	}
	for _, side := range []event.Side{event.Home, event.Away} {
		if team == r.x.codes[side] || fold(team) == fold(r.match.Match.Team(side)) {
			return side
		}
	}
	return ""
}
