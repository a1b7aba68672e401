package reconcile

import (
	"cmp"
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// compareGoals compares the goals of both sides, in sports that count goals. It does nothing for an
// awarded result. If the score is in doubt, it only notes which goals are in doubt.
func (d *draft) compareGoals() {
	if !d.obs.Sport.CountsGoals() || d.obs.Match.Status == event.Awarded {
		return
	}
	if d.score.doubtful {
		d.noteDoubts()
		return
	}
	d.compareGoalsOf(event.Home)
	d.compareGoalsOf(event.Away)
}

// compareGoalsOf pairs one side's rows with its tracked goals, by the most certain rule first. The
// score determines the number of new goals. If more rows are unpaired, they are paired with the
// tracked goals that they resemble most. On a page that lists every goal, a row that is still
// unpaired replaces a tracked goal.
func (d *draft) compareGoalsOf(side event.Side) {
	rows := rowsOf(&d.obs, event.Goal, side)
	listed, tracked := len(rows), len(d.state.of(event.Goal, side))
	goals := max(listed, tracked)
	if d.obs.Score != nil {
		goals = d.obs.Score.Of(side) // a row is not reported before the score includes it
	}
	rows = d.pair(rows,
		allOf(samePlayer, sameClock, sameDetail), allOf(samePlayer, sameClock), allOf(samePlayer, nearClock),
		allOf(samePlayer, sameMinute), allOf(isProvisional, nearClock),
		allOf(hasClock, sameClock, d.mayBeSameGoal), allOf(isProvisional, d.notAfter))
	if len(rows) > goals-tracked {
		rows = d.pairClosest(rows, side, max(goals-tracked, 0), listed == goals)
	}
	switch {
	case d.obs.Score == nil:
		goals = tracked + len(rows) // retractMissing retracts the tracked goals that the page does not list
	case listed == goals && len(rows) > goals-tracked:
		tracked -= d.retractReplaced(side)
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
	goals := slices.DeleteFunc(d.state.of(event.Goal, side), d.isRetracted)
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
