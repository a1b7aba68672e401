package profile

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A rowReader reads the rows of one list of incidents in turn.
type rowReader struct {
	part
	rules      *IncidentRules
	match      *observation.Observation
	home, away string // how rows name the teams; "" where they use the names
}

// read gives the row's incident. It is none without a kind, or if nobody knows
// whose it is.
func (r *rowReader) read(ctx context.Context) (observation.Incident, bool) {
	rules, sport := r.rules, r.match.Sport
	period := word(&r.part, "period", r.optional(ctx, "period", &rules.Period), sport.Periods()) // a header row may hold nothing else
	kind, detail := r.kindWords(ctx)
	in := observation.Incident{
		Kind: word(&r.part, "kind", kind, sport.Kinds()), Detail: detail, Path: r.scope.path,
		Side:   event.Side(r.optional(ctx, "side", &rules.Side)),
		Player: observation.RepairEncoding(r.optional(ctx, "player", &rules.Player)),
		Off:    observation.RepairEncoding(r.optional(ctx, "off", &rules.Off)),
		Assist: observation.RepairEncoding(r.optional(ctx, "assist", &rules.Assist)),
	}
	team := r.optional(ctx, "team", &rules.Team)
	clock := r.optional(ctx, "clock", &rules.Clock)
	if in.Kind == "" {
		return in, false
	}
	if rules.Detail.IsSet() {
		in.Detail = r.optional(ctx, "detail", &rules.Detail)
	}
	if rules.Team.IsSet() {
		in.Side = r.sideOf(team)
	}
	if in.Side = word(&r.part, "side", string(in.Side), []event.Side{event.Home, event.Away}); in.Side == "" && !in.Kind.OfNeitherSide() {
		r.problem("side", fmt.Errorf("%s of neither team", in.Kind))
		return in, false
	}
	if in.Score = r.score(ctx, "incident", &rules.HomeScore, &rules.AwayScore, "score", false); in.Score == nil &&
		sport.Scores(in.Kind) && !sport.CountsGoals() {
		r.problem("score", fmt.Errorf("%s without the score after it", in.Kind))
		return in, false
	}
	in.Clock = r.readClock(in.Kind, period, clock)
	return in, true
}

// kindWords splits the kind from the detail that may stand behind it.
func (r *rowReader) kindWords(ctx context.Context) (kind, detail string) {
	text := r.optional(ctx, "kind", &r.rules.Kind)
	if first, rest, ok := strings.Cut(text, " "); ok && slices.Contains(r.match.Sport.Kinds(), event.Kind(first)) {
		return first, rest
	}
	return text, ""
}

// readClock reads when it happened. Nothing happens beyond the period being
// played: on a page in the second half 92' is its stoppage time.
func (r *rowReader) readClock(k event.Kind, period event.Period, text string) event.Clock {
	rule := &r.rules.Clock
	if !rule.IsSet() {
		return event.Clock{Period: period}
	}
	profile, sport, now := r.x.profile, r.match.Sport, r.match.Match.Period
	if text == "" {
		return event.Clock{Period: period}
	}
	c, err := profile.readClock(clockAs(rule), period, text)
	if err == nil && c.Period == "" && len(sport.Periods()) > 0 {
		err = fmt.Errorf("%q does not tell the period: give one", shorten(text))
	}
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
	switch name := event.Fold(observation.RepairEncoding(team)); {
	case team == "":
		return ""
	case team == r.home || name == event.Fold(r.match.Match.Home):
		return event.Home
	case team == r.away || name == event.Fold(r.match.Match.Away):
		return event.Away
	}
	return ""
}
