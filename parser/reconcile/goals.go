package reconcile

import (
	"cmp"
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/assign"
	"github.com/matchwire/matchwire/parser/observation"
)

// compareGoals compares the goals of both sides, in sports that count goals. It does nothing for an
// awarded result. If the score is in doubt, it only notes which goals are in doubt.
func (d *draft) compareGoals() {
	if !d.obs.Sport.Rules().CountsGoals || d.obs.Match.Status == event.Awarded {
		return
	}
	if d.score.doubtful {
		d.noteDoubts()
		return
	}
	d.compareGoalsOf(event.Home)
	d.compareGoalsOf(event.Away)
}

// compareGoalsOf pairs one side's rows with its tracked goals. It applies the most certain rule
// first. The score determines the number of new goals. If more rows are unpaired than there are new
// goals, compareGoalsOf pairs rows with the most similar tracked goals. On a page that lists every
// goal, a row that is still unpaired then replaces a tracked goal. Finally, compareGoalsOf reports the
// new goals, or retracts as many goals as the score has lost.
func (d *draft) compareGoalsOf(side event.Side) {
	rows := rowsOf(&d.obs, event.Goal, side)
	listed, tracked := len(rows), len(d.state.of(event.Goal, side))
	goals := max(listed, tracked)
	if d.obs.Score != nil {
		goals = d.obs.Score.Of(side) // a row is not reported before the score includes its goal
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
		tracked -= d.retractReplaced(side, len(rows)-max(goals-tracked, 0))
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
// page's clock, in the latest period of play.
func (d *draft) goalWithoutRow(side event.Side) observation.Incident {
	in := observation.Incident{Kind: event.Goal, Side: side, Clock: d.obs.Match.Clock}
	in.Clock.Period = d.obs.Sport.PlayedBefore(cmp.Or(in.Clock.Period, d.state.Match.Period))
	return in
}

// retractGoals retracts n goals of a side. It first retracts goals that earlier pages listed and
// this page does not, then goals that no page has listed, and then all others. In each group, it
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

// replacedReason is the reason for a retraction if another incident replaces the retracted
// incident.
const replacedReason = "the page shows another one in its place"

// mayBeSameGoal reports whether a row can be a correction of a tracked goal or of tracked points.
// It returns false in the following cases. In these, the tracked goal was disallowed, and the row
// shows another goal:
//
//   - The period of the row started after the goal was reported.
//   - The row's clock is more than two minutes after the clock of the page that reported the goal.
//   - Another player scored, in another period or more than two minutes apart.
//   - Another player scored, more than a minute after the clock of the page that reported the goal. Both
//     clocks show seconds.
//   - A fresh page after the goal showed the score without it, and the player or the time differs.
//
// A provisional goal can always be corrected. So can a goal if its clock or the clock of the row is
// unknown. So can a goal whose attributes another site has set, while any other site is active.
func (d *draft) mayBeSameGoal(row observation.Incident, tracked *TrackedIncident) bool {
	switch {
	case tracked.Provisional, !row.Clock.Known(), !tracked.Clock.Known(),
		tracked.Site != d.from.Site && d.state.seenRecently(d.from.At, d.from.isOtherSite):
		return true
	case observation.OtherPlayer(row.Player, tracked.Player):
		return clocksNear(row.Clock, tracked.Clock) && !tracked.Doubted && !scoredLater(row, tracked)
	case clocksNear(row.Clock, tracked.Clock) || sameMinute(row, tracked):
		return true
	}
	return !tracked.Doubted && !d.startedAfter(row.Clock.Period, tracked) &&
		!wellAfter(d.obs.Sport, row.Clock, tracked.PageClock)
}

// scoredLater reports whether a row's clock is more than a minute after the clock of the page that
// reported a goal. The clock of the goal must not be after the clock of that page. scoredLater returns
// false for clocks without seconds.
func scoredLater(row observation.Incident, tracked *TrackedIncident) bool {
	was := tracked.PageClock
	return was.Elapsed > 0 && row.Clock.Period == was.Period && row.Clock.Elapsed > was.Elapsed+60 &&
		tracked.Clock.Elapsed <= was.Elapsed
}

// wellAfter reports whether c is more than two minutes after was, the clock of an earlier page. If only
// the period of was is known, c must be in a later period. In a later period, c must be more than two
// minutes after the start of that period.
func wellAfter(sport event.Sport, c, was event.Clock) bool {
	now, before := sport.Index(c.Period), sport.Index(was.Period)
	switch {
	case now < 0 || before < 0 || now < before:
		return false
	case now == before:
		return was.Known() && clockSeconds(c) > clockSeconds(was)+120
	case was.Minute > 0 && c.CountedOn() <= was.CountedOn()+2:
		return false // c may be in the stoppage time of the period before
	}
	start, _ := sport.Minutes(c.Period)
	return clockSeconds(c) > start*60+120 // the clock of the page can lag
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

// noteDoubts marks the tracked incidents that the page may retract, because it shows a lower score
// that is not yet confirmed. In sports that count goals, these are the goals of a side with a lower
// score. In other sports, these are points after which the score of their side was higher than on
// the page. If the page lists such points with a lower score, the doubt is about the points before them
// that the page does not list.
func (d *draft) noteDoubts() {
	lowered := d.loweredPoints()
	for i := range d.state.Tracked {
		tracked := &d.state.Tracked[i]
		scores := d.obs.Sport.Scores(tracked.Kind) && !isOther(d.obs.Sport, &tracked.Incident)
		if !scores || d.score.lost.Of(tracked.Side) == 0 {
			continue
		}
		switch {
		case d.obs.Sport.Rules().CountsGoals:
			tracked.Doubted = true
		case tracked.Score == nil || lowered[i] == listedLower:
		case isAhead(&d.obs, &tracked.Incident, d.obs.Score), lowered[i] == unlistedBefore:
			tracked.Doubted = true
		}
	}
}

// pairClosest pairs rows with the goals of a side that no row shows yet, so that the pairs differ
// as little as possible. added is the minimum number of rows that it leaves unpaired, because they are
// new goals. If complete is false, the page may not list every goal. pairClosest then pairs a row with a
// goal only if their clocks are within two minutes of each other. It returns the rows that are not
// paired.
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
	for i, j := range assign.Cheapest(costs) {
		if j >= len(goals) || costs[i][j] == unpaired {
			left = append(left, rows[i])
			continue
		}
		d.markListed(goals[j])
		d.correct(goals[j], rows[i])
	}
	return left
}

// difference returns how much a row differs from a tracked goal. A different player counts more than
// any difference between the clocks.
func difference(row observation.Incident, tracked *TrackedIncident) int {
	const otherPlayer, unknownClock, maxMinutes = 1000, 100, 500
	cost := 1
	switch {
	case row.Player == "" || tracked.Player == "":
		cost += otherPlayer / 2
	case observation.OtherPlayer(row.Player, tracked.Player):
		cost += otherPlayer
	}
	switch {
	case !row.Clock.Known() || !tracked.Clock.Known():
		cost += unknownClock
	case row.Clock.Period != tracked.Clock.Period && !sameMinute(row, tracked):
		cost += maxMinutes
	default:
		seconds := clockSeconds(row.Clock) - clockSeconds(tracked.Clock)
		cost += min(max(seconds, -seconds)/60, maxMinutes)
	}
	return cost
}

// retractReplaced retracts the tracked goals of a side that no row shows. others is the number of goals
// that the page lists in their place. It returns the number of retracted goals. A page that may be a
// stale copy retracts nothing until it persists.
func (d *draft) retractReplaced(side event.Side, others int) (n int) {
	for _, at := range d.state.of(event.Goal, side) {
		if !d.listed[at] && d.persists(at) {
			s := series{"goal", string(side)}
			if n++; n > others {
				d.retract(at, s)
			} else {
				d.retractBecause(at, s, replacedReason)
			}
		}
	}
	return n
}

// persists reports whether the page cannot be a stale copy: it is newer than all earlier pages, or
// pages have lacked the tracked incident for long enough.
func (d *draft) persists(at int) bool {
	return d.verdict >= fresh || d.missesLong(at)
}

// missesLong adds this page to the pages that lack a tracked incident. It reports whether such pages
// have lacked the incident for long enough.
func (d *draft) missesLong(at int) bool {
	tracked := &d.state.Tracked[at]
	tracked.Missing = tracked.Missing.extended(d.from.At)
	return tracked.Missing.overdue(confirmPolls, confirmFor)
}

// rowsOf returns a side's rows of a kind.
func rowsOf(o *observation.Observation, k event.Kind, side event.Side) []observation.Incident {
	return rowsWhere(o, side, func(kind event.Kind) bool { return kind == k })
}

// rowsWhere returns a side's rows whose kind satisfies is.
func rowsWhere(o *observation.Observation, side event.Side, is func(event.Kind) bool) []observation.Incident {
	var rows []observation.Incident
	for _, in := range o.Incidents {
		if is(in.Kind) && in.Side == side {
			rows = append(rows, in)
		}
	}
	return rows
}
