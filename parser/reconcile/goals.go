package reconcile

import (
	"cmp"
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// compareGoals compares the goals of both sides, in sports that count goals. It does nothing for an
// awarded result, or if the score is in doubt.
func (d *draft) compareGoals() {
	if !d.obs.Sport.CountsGoals() || d.obs.Match.Status == event.Awarded || d.score.doubtful {
		return
	}
	d.compareGoalsOf(event.Home)
	d.compareGoalsOf(event.Away)
}

// compareGoalsOf pairs one side's rows with its tracked goals, by the most certain rule first. An
// unpaired row is a new goal or a changed goal. The score determines the number of new goals. If
// more rows are unpaired, weaker rules pair them with tracked goals.
func (d *draft) compareGoalsOf(side event.Side) {
	rows := rowsOf(&d.obs, event.Goal, side)
	listed, tracked := len(rows), len(d.state.of(event.Goal, side))
	goals := max(listed, tracked) // without a score, retractMissing retracts goals
	if d.obs.Score != nil {
		goals = d.obs.Score.Of(side) // a row is not reported before the score includes it
	}
	rows = d.pair(rows,
		allOf(samePlayer, sameClock, sameDetail), allOf(samePlayer, sameClock), allOf(samePlayer, nearClock),
		isProvisional, allOf(hasClock, sameClock))
	if len(rows) > goals-tracked {
		rows = d.pair(rows, nearClock)
		if listed == goals {
			rows = d.pair(rows, always)
		}
	}
	s := series{"goal", string(side)}
	for nth := tracked + 1; nth <= goals; nth++ {
		in, provisional := d.goalWithoutRow(side), len(rows) == 0
		if !provisional {
			in, rows = rows[0], rows[1:]
		}
		d.report(in, phasePlay, provisional, s.nth(nth).with(d.generation(s)))
	}
	if tracked > goals && d.score.mayRetract {
		d.retractGoals(side, tracked-goals)
	}
}

// goalWithoutRow returns a goal that the score implies and no row shows yet. Its clock is the
// page's clock.
func (d *draft) goalWithoutRow(side event.Side) observation.Incident {
	in := observation.Incident{Kind: event.Goal, Side: side, Clock: d.obs.Match.Clock}
	in.Clock.Period = d.obs.Sport.PlayedBefore(cmp.Or(in.Clock.Period, d.state.Match.Period))
	return in
}

// retractGoals retracts n goals of a side. It first retracts goals that earlier pages listed and
// this page does not, then goals that no page has listed, and then any goals. In each group, it
// retracts the most recently reported goal first.
func (d *draft) retractGoals(side event.Side, n int) {
	goals := d.state.of(event.Goal, side)
	slices.Reverse(goals)
	order := func(at int) int {
		switch {
		case d.listed[at]:
			return 2
		case d.state.Tracked[at].Provisional:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(goals, func(a, b int) int { return order(a) - order(b) })
	for _, at := range goals[:min(n, len(goals))] {
		d.retract(at, series{"goal", string(side)})
	}
}

// rowsOf returns a side's rows of a kind.
func rowsOf(o *observation.Observation, k event.Kind, side event.Side) []observation.Incident {
	var rows []observation.Incident
	for _, in := range o.Incidents {
		if in.Kind == k && in.Side == side {
			rows = append(rows, in)
		}
	}
	return rows
}
