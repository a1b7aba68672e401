package reconcile

import (
	"slices"
	"strconv"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// isPoints reports whether an incident changes the score, in sports that do not count goals. It
// returns false for a miss.
func isPoints(sport event.Sport, in *observation.Incident) bool {
	return !sport.Rules().CountsGoals && sport.Scores(in.Kind) && !sport.Misses(in.Kind, in.Detail)
}

// scoreRestarts reports whether the score starts again at 0-0 with each period.
func scoreRestarts(sport event.Sport) bool { return sport.Rules().SetScore }

// isSet reports whether an incident is the end of a set. The score after it counts sets, not games.
func isSet(sport event.Sport, in *observation.Incident) bool {
	return sport.Rules().SetScore && in.Kind == "set"
}

// partOf returns the part of the match that the score after points belongs to. For a game, it is
// the index of the set. For a set, and in sports whose score does not restart, it is -1, which
// means the whole match.
func partOf(sport event.Sport, in *observation.Incident) int {
	if !scoreRestarts(sport) || isSet(sport, in) {
		return -1
	}
	return sport.Index(in.Clock.Period)
}

// isAhead reports whether the side of the points had a higher score after them than in score. If the
// score restarts, isAhead returns false for points of another set and for a set.
func isAhead(o *observation.Observation, in *observation.Incident, score *event.Score) bool {
	if scoreRestarts(o.Sport) && (isSet(o.Sport, in) || in.Clock.Period != o.Match.Period) {
		return false
	}
	return in.Score.Of(in.Side) > score.Of(in.Side)
}

// comparePoints compares the incidents for which isPoints holds. Such an incident is identified by
// the score of its side after the incident, because in basketball one player can score three times
// at the same clock. A correction of one incident changes the score after all later incidents. So
// pointPairs pairs the rows of each side in order.
func (d *draft) comparePoints() {
	if d.obs.Sport.Rules().CountsGoals {
		return
	}
	if d.score.doubtful {
		d.noteDoubts()
		return
	}
	rows, was := pointRows(&d.obs), slices.Clone(d.state.Tracked)
	for _, side := range []event.Side{event.Home, event.Away} {
		d.comparePointsOf(side, rows, was)
	}
	if d.score.mayRetract && d.obs.Score != nil {
		d.retractPoints(rows)
	}
}

// comparePointsOf compares the tracked points of one side with its rows. It retracts tracked points
// that the page has removed or replaced, and reports the rows that show no tracked points. was holds the
// tracked incidents before the page: the page can already have corrected points of the other side.
func (d *draft) comparePointsOf(side event.Side, rows []observation.Incident, was []TrackedIncident) {
	p := d.newPointPairs(side, rows)
	p.was = was
	p.pair()
	removed := p.removed()
	replaced := p.replaced()
	p.apply(d)
	for _, at := range removed {
		if d.verdict >= fresh && !d.lostRow {
			d.retract(at, pointSeries(side))
		} else {
			d.state.Tracked[at].Doubted = true // the page may be a stale copy, or lack a row
		}
	}
	waits := map[int]bool{} // indexes of rows
	for at, row := range replaced {
		switch {
		case d.isRetracted(at):
		case p.lacksPointsBefore(row) && !d.missesLong(at):
			waits[row] = true // the missing row may show the tracked points, with another score
		case d.persists(at):
			d.retractBecause(at, pointSeries(side), replacedReason)
		default:
			waits[row] = true // the page may be a stale copy
		}
	}
	for i := range p.rows {
		if p.of[i] >= 0 || waits[i] {
			continue
		}
		in := p.rows[i]
		identity := pointSeries(side).with(strconv.Itoa(in.Score.Of(side)), d.generation(pointSeries(side)))
		switch {
		case isSet(d.obs.Sport, &in):
			identity = identity.with(string(in.Kind))
		case scoreRestarts(d.obs.Sport):
			identity = identity.with(string(in.Clock.Period))
		}
		d.reportFirstFree(in, identity)
	}
	d.retractMissingPoints(&p)
}

// pointSeries returns the series of the points of a side.
func pointSeries(side event.Side) series { return series{"points", string(side)} }

// pointRows returns the rows for which isPoints holds and that have a score. Unless the score
// restarts, it omits rows that are ahead of the page's score.
func pointRows(o *observation.Observation) []observation.Incident {
	var rows []observation.Incident
	for _, in := range o.Incidents {
		if !isPoints(o.Sport, &in) || in.Score == nil {
			continue
		}
		if scoreRestarts(o.Sport) || o.Score == nil || !isAhead(o, &in, o.Score) {
			rows = append(rows, in)
		}
	}
	return rows
}

// retractPoints retracts points that the page does not list, and whose score is higher than the
// page's score. If the page has rows, but none that reaches its score, the page may have removed other
// points instead. If the list has become empty, although the score is not 0, its rows may return. In
// both cases, the unlisted points are only in doubt, until the page lists more rows or the list stays
// empty.
func (d *draft) retractPoints(rows []observation.Incident) {
	for at := range d.state.Tracked {
		tracked := &d.state.Tracked[at]
		if !isPoints(d.obs.Sport, &tracked.Incident) || d.listed[at] || d.isRetracted(at) ||
			!isAhead(&d.obs, &tracked.Incident, d.obs.Score) {
			continue
		}
		emptied := len(rows) == 0 && d.obs.Lists != nil && tracked.Site == d.from.Site
		if d.listsScore(rows, tracked.Side) || len(rows) == 0 && !emptied {
			d.retract(at, pointSeries(tracked.Side))
			continue
		}
		tracked.Doubted, tracked.Missing = true, tracked.Missing.extended(d.from.At)
	}
}

// Places of tracked points on a page with a lower score; see loweredPoints.
const (
	listedLower    = iota + 1 // the page lists the points with a lower score
	unlistedBefore            // the page does not list the points, but the next points of the side with a lower score
)

// loweredPoints returns the places of tracked points on the page, by their index in state.Tracked. It
// compares only points whose row shows the same player and clock.
func (d *draft) loweredPoints() map[int]int {
	places := map[int]int{}
	if d.obs.Sport.Rules().CountsGoals || scoreRestarts(d.obs.Sport) {
		return places
	}
	rows := pointRows(&d.obs)
	for _, side := range []event.Side{event.Home, event.Away} {
		p := d.newPointPairs(side, rows)
		lower := false // whether the page lists the points after these with a lower score
		for t := len(p.tracked) - 1; t >= 0; t-- {
			at := p.tracked[t].at
			row := slices.IndexFunc(p.rows, func(in observation.Incident) bool {
				tracked := &d.state.Tracked[at]
				return in.Player != "" && in.Kind == tracked.Kind && samePlayer(in, tracked) && sameClock(in, tracked)
			})
			switch {
			case row < 0 && lower:
				places[at] = unlistedBefore
			case row >= 0:
				if lower = p.rows[row].Score.Of(side) < p.tracked[t].after; lower {
					places[at] = listedLower
				}
			}
		}
	}
	return places
}

// listsScore reports whether one of rows shows the page's score of a side. It returns true if that
// score is 0.
func (d *draft) listsScore(rows []observation.Incident, side event.Side) bool {
	score := d.obs.Score.Of(side)
	return score == 0 || slices.ContainsFunc(rows, func(in observation.Incident) bool {
		current := !scoreRestarts(d.obs.Sport) || in.Clock.Period == d.obs.Match.Period
		return in.Side == side && in.Score.Of(side) == score && current
	})
}

// retractMissingPoints retracts points in doubt that enough complete pages do not list, if the rows add up
// without them. Points are in doubt if
//   - later scores fell without them, or they are ahead of the page's score; see retractPoints;
//   - they vanished before the next points of their side were reported, so that the next points may
//     include them;
//   - they vanished from between rows that are still listed, or the page has fewer rows than the
//     page before;
//   - they are a game of an earlier set, because the score no longer counts it.
//
// Other points that vanish are still part of the score of later points.
func (d *draft) retractMissingPoints(p *pointPairs) {
	complete := d.obs.Score != nil && len(p.rows) > 0 &&
		p.rows[len(p.rows)-1].Score.Of(p.side) == d.obs.Score.Of(p.side)
	for _, t := range p.unlisted() {
		at := p.tracked[t].at
		tracked := &d.state.Tracked[at]
		part := p.partOf(&tracked.Incident)
		earlier := part >= 0 && part < d.obs.Sport.Index(d.state.Match.Period)
		ahead := tracked.Doubted && d.obs.Score != nil && isAhead(&d.obs, &tracked.Incident, d.obs.Score)
		tracked.Doubted = tracked.Doubted || earlier || p.newAfter(t) || complete && p.listsAround(t) ||
			len(d.obs.Incidents) < d.rowsBefore
		if !tracked.Doubted || !complete && !earlier && !ahead || d.isRetracted(at) || p.needs(t) {
			continue
		}
		if !wouldList(&d.obs, tracked, d.from.Site) && !(ahead && tracked.Site == d.from.Site) {
			continue
		}
		if tracked.Missing = tracked.Missing.extended(d.from.At); tracked.Missing.overdue(missingPolls, missingFor) {
			d.retract(at, pointSeries(p.side))
		}
	}
}

// setPoints sets the points of a change's incident, if the change reports the incident or corrects
// the score after it. score is the score before the change. The points are the difference between
// the side's score after the incident and its next lower score. If rows are missing, the difference
// may be more than an incident of this kind can add. Then the points are 0.
func (d *draft) setPoints(ch *change, in *TrackedIncident, score *event.Score) {
	_, rescored := ch.edits["score"]
	if !isPoints(d.obs.Sport, &in.Incident) || in.Score == nil || ch.action != event.New && !rescored {
		return
	}
	after, before := in.Score.Of(in.Side), 0
	for at := range d.state.Tracked {
		other := &d.state.Tracked[at]
		samePart := partOf(d.obs.Sport, &other.Incident) == partOf(d.obs.Sport, &in.Incident)
		if !samePart || other.Side != in.Side || other.Score == nil || !isPoints(d.obs.Sport, &other.Incident) {
			continue
		}
		if n := other.Score.Of(in.Side); n < after && n > before && !d.isRetracted(at) {
			before = n
		}
	}
	if score != nil && score.Of(in.Side) < after && !rescored && !scoreRestarts(d.obs.Sport) {
		before = max(before, score.Of(in.Side))
	}
	in.Points = 0
	if n := after - before; slices.Contains(d.obs.Sport.Rules().Points[in.Kind], n) {
		in.Points = n
	}
}
