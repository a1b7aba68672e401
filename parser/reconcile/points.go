package reconcile

import (
	"slices"
	"strconv"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// isPoints reports whether incidents of a kind change the score, in sports that do not count goals.
func isPoints(sport event.Sport, k event.Kind) bool {
	return !sport.Rules().CountsGoals && sport.Scores(k)
}

// comparePoints compares the incidents for which isPoints holds. Such an incident is identified by
// the score of its side after the incident, because in basketball one player can score three times
// at the same clock. A correction of one incident changes the score after all later incidents. So a
// row is paired by player and clock before it is paired by the score alone.
func (d *draft) comparePoints() {
	if d.obs.Sport.Rules().CountsGoals {
		return
	}
	if d.score.doubtful {
		d.noteDoubts()
		return
	}
	restarts := d.obs.Sport.Rules().SetScore
	sameScoreAfter := func(in observation.Incident, tracked *TrackedIncident) bool {
		return in.Score.Of(in.Side) == tracked.Score.Of(tracked.Side) &&
			(!restarts || in.Clock.Period == tracked.Clock.Period)
	}
	rows := d.pair(pointRows(&d.obs, restarts),
		allOf(sameScoreAfter, samePlayer, nearClock), allOf(hasClock, samePlayer, sameKind, sameClock),
		allOf(sameScoreAfter, d.mayBeSameGoal))
	if d.score.mayRetract && d.obs.Score != nil && !restarts {
		d.retractPoints()
	}
	for _, in := range rows {
		s := series{"points", string(in.Side)}
		if !d.replacePoints(in, sameScoreAfter) {
			continue
		}
		identity := s.with(strconv.Itoa(in.Score.Of(in.Side)), d.generation(s))
		if restarts {
			identity = identity.with(string(in.Clock.Period))
		}
		d.reportFirstFree(in, identity)
	}
}

// replacePoints retracts the tracked points that a row replaces: a side reaches each score once. It
// returns false if the row must wait, because the page may be a stale copy.
func (d *draft) replacePoints(row observation.Incident, sameScoreAfter pairingRule) bool {
	for at := range d.state.Tracked {
		tracked := &d.state.Tracked[at]
		if d.listed[at] || d.isRetracted(at) || !d.comparable(row, tracked) || !sameScoreAfter(row, tracked) {
			continue
		}
		if !d.persists(at) {
			return false
		}
		d.retractBecause(at, series{"points", string(tracked.Side)}, replacedReason)
	}
	return true
}

// pointRows returns the rows for which isPoints holds and that have a score. Unless the score
// restarts, it omits rows that are ahead of the page's score.
func pointRows(o *observation.Observation, restarts bool) []observation.Incident {
	var rows []observation.Incident
	for _, in := range o.Incidents {
		if !isPoints(o.Sport, in.Kind) || in.Score == nil {
			continue
		}
		if ahead := o.Score != nil && in.Score.Of(in.Side) > o.Score.Of(in.Side); restarts || !ahead {
			rows = append(rows, in)
		}
	}
	return rows
}

// retractPoints retracts points that the page does not list, and whose score is higher than the
// page's score.
func (d *draft) retractPoints() {
	for at := range d.state.Tracked {
		tracked := &d.state.Tracked[at]
		if isPoints(d.obs.Sport, tracked.Kind) && !d.listed[at] &&
			tracked.Score.Of(tracked.Side) > d.obs.Score.Of(tracked.Side) {
			d.retract(at, series{"points", string(tracked.Side)})
		}
	}
}

// setPoints sets the points of the incident of a change, if the change reports the incident or corrects
// the score after it. score is the score before the change. The points are the distance to the highest
// lower score of the side. They are 0 if the sport has no such number, because rows are missing.
func (d *draft) setPoints(ch *change, in *TrackedIncident, score *event.Score) {
	_, rescored := ch.edits["score"]
	if !isPoints(d.obs.Sport, in.Kind) || in.Score == nil || ch.action != event.New && !rescored {
		return
	}
	after, before := in.Score.Of(in.Side), 0
	for at := range d.state.Tracked {
		other := &d.state.Tracked[at]
		samePart := !d.obs.Sport.Rules().SetScore || other.Clock.Period == in.Clock.Period
		if !samePart || other.Side != in.Side || other.Score == nil || !isPoints(d.obs.Sport, other.Kind) {
			continue
		}
		if n := other.Score.Of(in.Side); n < after && n > before && !d.isRetracted(at) {
			before = n
		}
	}
	if score != nil && score.Of(in.Side) < after && !rescored {
		before = max(before, score.Of(in.Side))
	}
	in.Points = 0
	if n := after - before; slices.Contains(d.obs.Sport.Rules().Points[in.Kind], n) {
		in.Points = n
	}
}
