package profile

import (
	"context"
	"fmt"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// An incidentRow is the current row of one list of incidents. It moves from row to row, in order, and
// evaluates the rules of the list on each row.
type incidentRow struct {
	evaluator
	rules              *IncidentRules
	match              *observation.Observation
	homeCode, awayCode string // names of the teams in the rows; "" if they do not differ from the match's names
}

// incident returns the row's incident. ok is false if the row has no valid kind, or lacks the team
// or score that the kind requires.
func (r *incidentRow) incident(ctx context.Context) (in observation.Incident, ok bool) {
	rules, sport := r.rules, r.match.Sport
	r.remember(ctx, rules.rules())
	period := oneOf(&r.evaluator, "period", r.optional(ctx, "period", &rules.Period), sport.Rules().Periods)
	kind, detail := splitWord(r.optional(ctx, "kind", &rules.Kind), sport.Rules().Kinds)
	in = observation.Incident{
		Kind:   oneOf(&r.evaluator, "kind", kind, sport.Rules().Kinds),
		Detail: detail,
		Path:   r.row.path,
		Side:   event.Side(r.optional(ctx, "side", &rules.Side)),
		Player: r.optional(ctx, "player", &rules.Player),
		Off:    r.optional(ctx, "off", &rules.Off),
		Assist: r.optional(ctx, "assist", &rules.Assist),
	}
	team := r.optional(ctx, "team", &rules.Team)
	clock := r.optional(ctx, "clock", &rules.Clock)
	if in.Kind == "" {
		return in, false
	}
	if detail := r.optional(ctx, "detail", &rules.Detail); detail != "" {
		in.Detail = detail
	}
	if rules.Team.isSet() {
		in.Side = r.sideOf(team)
	}
	in.Side = oneOf(&r.evaluator, "side", string(in.Side), []event.Side{event.Home, event.Away})
	if in.Side == "" && !in.Kind.SideOptional() {
		r.fault("side", fmt.Errorf("the row does not show the team of the %s", in.Kind))
		return in, false
	}
	in.Score = r.score(ctx, "incident", "score", &rules.HomeScore, &rules.AwayScore, false)
	if in.Score != nil && max(in.Score.Home, in.Score.Away) > sport.Rules().Bounds.Listed {
		r.fault("score", fmt.Errorf("%s is impossible in %s: want at most %d for each side",
			in.Score, sport, sport.Rules().Bounds.Listed))
		in.Score = nil
	}
	missed := sport.Misses(in.Kind, in.Detail)
	if missed {
		in.Score = nil // the row shows the score before the incident
	}
	if in.Score == nil && !missed && sport.Scores(in.Kind) && !sport.Rules().CountsGoals {
		r.fault("score", fmt.Errorf("the row does not show the score after the %s", in.Kind))
		return in, false
	}
	in.Clock, in.PeriodGuessed = r.clock(in.Kind, period, clock)
	return in, true
}

// clock returns the clock of the incident. If the row has no period, clock does not choose a period
// after the current period of the match. For example, 92' is stoppage time while the page shows the
// second half. guessed is true if the period is still uncertain.
func (r *incidentRow) clock(k event.Kind, period event.Period, text string) (c event.Clock, guessed bool) {
	if text == "" {
		return event.Clock{Period: period}, false
	}
	profile, sport, now := r.doc.profile, r.match.Sport, r.match.Match.Period
	notation := r.rules.Clock.notation()
	c, names, err := profile.parseClock(notation, period, text)
	if err == nil && c.Period == "" && len(sport.Rules().Periods) > 0 {
		err = fmt.Errorf("%q does not imply the period: the profile needs a rule for period", shorten(text))
	}
	if err != nil && !k.IsKick() {
		r.fault("clock", err)
	}
	if period == "" && now != "" && sport.Index(c.Period) > sport.Index(now) {
		if earlier, _, err := profile.parseClock(notation, sport.PlayedBefore(now), text); err == nil {
			c = earlier
		}
	}
	if c.Period == "" {
		c.Period = period
	}
	return c, period == "" && !names && sport.MaybeStoppage(c)
}

// sideOf returns the side of a team by its code or name, or "" if the match has no such team.
func (r *incidentRow) sideOf(team string) event.Side {
	switch name := event.Fold(team); {
	case team == "":
		return ""
	case team == r.homeCode || name == event.Fold(r.match.Match.Home):
		return event.Home
	case team == r.awayCode || name == event.Fold(r.match.Match.Away):
		return event.Away
	}
	return ""
}
