package reconcile

import (
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// replacedReason is the reason for the retraction of an incident that another one replaces.
const replacedReason = "the page shows another one in its place"

// mayBeSameGoal reports whether a row can be a correction of a tracked goal or of tracked points. If
// not, the first goal was cancelled, and the row shows another goal:
//
//   - The period of the row started after the goal was reported.
//   - Another player scored, in another period or more than two minutes apart.
//   - A fresh page in between showed the score without the goal, and the player or the time differs.
//
// A provisional goal can always be corrected. If another site set the attributes, its pages decide.
func (d *draft) mayBeSameGoal(row observation.Incident, tracked *TrackedIncident) bool {
	switch {
	case tracked.Provisional, !row.Clock.Known(), !tracked.Clock.Known(),
		tracked.Site != d.from.Site && d.state.seenRecently(d.from.At, d.from.isOtherSite):
		return true
	case observation.OtherPlayer(row.Player, tracked.Player):
		return clocksNear(row.Clock, tracked.Clock) && !tracked.Doubted
	case clocksNear(row.Clock, tracked.Clock) || sameMinute(row, tracked):
		return true
	}
	return !tracked.Doubted && !d.startedAfter(row.Clock.Period, tracked)
}

// startedAfter reports whether the start of period p was reported after a tracked incident.
func (d *draft) startedAfter(p event.Period, tracked *TrackedIncident) bool {
	before := false
	for i := range d.state.Tracked {
		switch other := &d.state.Tracked[i]; {
		case other == tracked:
			before = true
		case other.Kind == event.PeriodStart && other.Clock.Period == p:
			return before
		}
	}
	return false
}

// noteDoubts marks the tracked incidents that changed the score of a side that lost points on the
// page, although it is not yet confirmed.
func (d *draft) noteDoubts() {
	for i := range d.state.Tracked {
		tracked := &d.state.Tracked[i]
		if d.obs.Sport.Scores(tracked.Kind) && d.score.lost.Of(tracked.Side) > 0 {
			tracked.Doubted = true
		}
	}
}

// pairClosest pairs rows with the goals of a side that no row shows yet, so that the pairs differ as
// little as possible. The rows that differ most are the new goals, of which there are added. If
// complete is false, the page may not list every goal, so that only goals within two minutes are
// paired. It returns the rows that are not paired.
func (d *draft) pairClosest(rows []observation.Incident, side event.Side, added int, complete bool) (
	left []observation.Incident,
) {
	var goals []int
	for _, at := range d.state.of(event.Goal, side) {
		if !d.listed[at] {
			goals = append(goals, at)
		}
	}
	const unpaired = 1 << 20 // the cost of a row without a goal; more than all other costs together
	columns := len(goals) + added
	costs := make([][]int, len(rows))
	for i, row := range rows {
		costs[i] = make([]int, columns+len(rows))
		for j := range costs[i] {
			switch {
			case j >= columns:
				costs[i][j] = unpaired
			case j < len(goals):
				tracked := &d.state.Tracked[goals[j]]
				costs[i][j] = unpaired
				if d.mayBeSameGoal(row, tracked) && (complete || nearClock(row, tracked)) {
					costs[i][j] = difference(row, tracked)
				}
			}
		}
	}
	for i, j := range cheapest(costs) {
		if j >= len(goals) || costs[i][j] == unpaired {
			left = append(left, rows[i])
			continue
		}
		d.markListed(goals[j])
		d.correct(goals[j], rows[i])
	}
	return left
}

// difference returns how much a row differs from a tracked goal. The player counts more than the
// clock.
func difference(row observation.Incident, tracked *TrackedIncident) int {
	const otherPlayer, someClock, maxMinutes = 1000, 100, 500
	cost := 1
	switch {
	case row.Player == "" || tracked.Player == "":
		cost += otherPlayer / 2
	case observation.OtherPlayer(row.Player, tracked.Player):
		cost += otherPlayer
	}
	switch {
	case !row.Clock.Known() || !tracked.Clock.Known():
		cost += someClock
	case row.Clock.Period != tracked.Clock.Period && !sameMinute(row, tracked):
		cost += maxMinutes
	default:
		seconds := clockSeconds(row.Clock) - clockSeconds(tracked.Clock)
		cost += min(max(seconds, -seconds)/60, maxMinutes)
	}
	return cost
}

// retractReplaced retracts the tracked goals of a side that no row shows, because the page lists
// other goals in their place. It returns their number. A page that may be a stale copy retracts
// nothing until it persists.
func (d *draft) retractReplaced(side event.Side) (n int) {
	for _, at := range d.state.of(event.Goal, side) {
		if !d.listed[at] && d.persists(at) {
			d.retractBecause(at, series{"goal", string(side)}, replacedReason)
			n++
		}
	}
	return n
}

// persists reports whether the page is newer than all earlier pages, or an incident has been replaced
// for so long that the page is no stale copy.
func (d *draft) persists(at int) bool {
	tracked := &d.state.Tracked[at]
	if d.verdict >= fresh {
		return true
	}
	tracked.Missing = tracked.Missing.extended(d.from.At)
	return tracked.Missing.overdue(confirmPolls, confirmFor)
}
