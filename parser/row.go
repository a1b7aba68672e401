package parser

import (
	"fmt"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// A rowReader reads the rows of one list of incidents in turn.
type rowReader struct {
	part
	rules      *IncidentRules
	match      *Observation
	home, away string // how rows name the teams; "" where they use the names
}

// read gives the row's incident. It is none without a kind, or if nobody knows
// whose it is.
func (r *rowReader) read() (Incident, bool) {
	rules := r.rules
	period := event.Period(r.optional("period", &rules.Period)) // a header row may hold nothing else
	kind, detail, _ := strings.Cut(r.optional("kind", &rules.Kind), " ")
	in := Incident{
		Kind: event.Kind(kind), Detail: detail, Path: r.scope.path,
		Side:   event.Side(r.optional("side", &rules.Side)),
		Player: undoubled(r.optional("player", &rules.Player)),
		Off:    undoubled(r.optional("off", &rules.Off)),
		Assist: undoubled(r.optional("assist", &rules.Assist)),
	}
	team := r.optional("team", &rules.Team)
	clock := r.optional("clock", &rules.Clock)
	if in.Kind == "" {
		return in, false
	}
	if rules.Detail.set() {
		in.Detail = r.optional("detail", &rules.Detail)
	}
	if rules.Team.set() {
		in.Side = r.sideOf(team)
	}
	if in.Side == "" {
		r.problem("side", fmt.Errorf("a %s of neither team", kind))
		return in, false
	}
	if in.Score = r.score("incident", &rules.HomeScore, &rules.AwayScore, "score", false); in.Score == nil &&
		r.match.Sport.Scores(in.Kind) && !r.match.Sport.CountsGoals() {
		r.problem("score", fmt.Errorf("a %s without the score after it", kind))
		return in, false
	}
	in.Clock = r.readClock(in.Kind, period, clock)
	return in, true
}

// readClock reads when it happened. Nothing happens beyond the period being
// played: on a page in the second half 92' is its stoppage time.
func (r *rowReader) readClock(k event.Kind, period event.Period, text string) event.Clock {
	rule := &r.rules.Clock
	if !rule.set() {
		return event.Clock{Period: period}
	}
	profile, sport, now := r.x.profile, r.match.Sport, r.match.Match.Period
	c, err := profile.readClock(clockAs(rule), period, text)
	if err != nil && k != event.ShootoutKick {
		r.problem("clock", err)
	}
	if period == "" && now != "" && sport.Index(c.Period) > sport.Index(now) {
		if before, err := profile.readClock(clockAs(rule), sport.PlayedBefore(now), text); err == nil {
			c = before
		}
	}
	if c.Period == "" {
		c.Period = period
	}
	return c
}

// sideOf finds the side of a team by its code or name.
func (r *rowReader) sideOf(team string) event.Side {
	switch name := fold(undoubled(team)); {
	case team == "":
		return ""
	case team == r.home || name == fold(r.match.Match.Home):
		return event.Home
	case team == r.away || name == fold(r.match.Match.Away):
		return event.Away
	}
	return ""
}
