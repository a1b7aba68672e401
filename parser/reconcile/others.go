package reconcile

import (
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// An incident such as a card is retracted after at least missingPolls consecutive complete pages,
// over at least missingFor, that do not list the incident.
const (
	missingPolls = 4
	missingFor   = 2 * time.Minute
)

// isOther reports whether incidents of a kind neither change the score nor are shoot-out kicks.
func isOther(sport event.Sport, k event.Kind) bool {
	return !(k == event.Goal && sport.CountsGoals()) && k != event.ShootoutKick && !isPoints(sport, k)
}

// compareOthers compares the incidents for which isOther holds, such as cards and substitutions.
// Rows are paired by player first. Then they are paired with incidents of the same kind and side
// within two minutes, in case the page has changed or added the player.
func (d *draft) compareOthers() {
	var rows []observation.Incident
	for _, in := range d.obs.Incidents {
		if isOther(d.obs.Sport, in.Kind) {
			rows = append(rows, in)
		}
	}
	rows = d.pair(rows,
		allOf(samePlayer, sameClock, sameDetail), allOf(samePlayer, sameClock), allOf(samePlayer, nearClock),
		allOf(samePlayer, sameMinute), allOf(oncePerPlayer, samePlayer), nearClock, trackedWithoutDetails, rowWithoutDetails)
	for _, in := range rows {
		d.reportOther(in)
	}
}

// reportOther reports an incident with the first number in its series that is not in use.
func (d *draft) reportOther(in observation.Incident) {
	s := otherSeries(in)
	for n := 1; ; n++ {
		identity := s.nth(n).with(d.generation(s))
		if !d.isTracked(d.id(identity)) {
			d.report(in, phasePlay, false, identity)
			return
		}
	}
}

// retractMissing retracts incidents that enough complete pages do not list. If the page has a
// score, compareGoals retracts goals instead. Only comparePoints retracts points.
func (d *draft) retractMissing() {
	sport := d.obs.Sport
	scoreAgrees := len(d.obs.Contradictions()) == 0 && !d.score.doubtful
	kicksAgree := d.obs.Shootout != nil && *d.obs.Shootout == d.obs.ScoredKicks()
	for at := range d.state.Tracked {
		tracked := &d.state.Tracked[at]
		complete := scoreAgrees
		switch {
		case tracked.Side == "" || isPoints(sport, tracked.Kind):
			continue
		case tracked.Kind == event.ShootoutKick:
			complete = kicksAgree
		case !isOther(sport, tracked.Kind) && d.obs.Score != nil:
			continue
		}
		switch {
		case d.listed[at]:
			tracked.Missing = nil
		case complete && wouldList(&d.obs, tracked, d.from.Site):
			tracked.Missing = tracked.Missing.extended(d.from.At)
			if tracked.Missing.overdue(missingPolls, missingFor) {
				d.retract(at, seriesOf(sport, tracked))
			}
		}
	}
}

// wouldList reports whether a complete page lists a tracked incident. The page must be of the site
// that set the attributes of the incident, and the list of the incident must have rows.
func wouldList(o *observation.Observation, tracked *TrackedIncident, site string) bool {
	return tracked.Site == site && (o.Lists == nil || tracked.List < len(o.Lists) && o.Lists[tracked.List] > 0)
}
