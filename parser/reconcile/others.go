package reconcile

import (
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A card or substitution is retracted after at least missingPolls complete pages over at least
// missingFor have not listed it.
const (
	missingPolls = 4
	missingFor   = 2 * time.Minute
)

// isOther reports whether incidents of a kind neither move the score nor are kicks of a shoot-out.
func isOther(sport event.Sport, k event.Kind) bool {
	return !(k == event.Goal && sport.CountsGoals()) && k != event.ShootoutKick && !isPoints(sport, k)
}

// compareOthers compares cards, substitutions and the like. Rows are paired by player first. What
// is left is paired with incidents of the same kind and side within two minutes: the page has
// edited the name, or did not know it.
func (d *draft) compareOthers() {
	var rows []observation.Incident
	for _, in := range d.obs.Incidents {
		if isOther(d.obs.Sport, in.Kind) {
			rows = append(rows, in)
		}
	}
	rows = d.pair(rows, allOf(samePlayer, sameClock, sameDetail), allOf(samePlayer, sameClock), allOf(samePlayer, nearClock),
		allOf(oncePerPlayer, samePlayer), nearClock, knownWithoutDetails, rowWithoutDetails)
	for _, in := range rows {
		d.reportOther(in)
	}
}

// reportOther reports an incident under the first number of its series that is free.
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

// retractMissing counts the complete pages that lack an incident, and retracts it when they are
// enough. Where the page has a score, goals and points are left to that.
func (d *draft) retractMissing() {
	sport := d.obs.Sport
	scoreAgrees := len(d.obs.Contradictions()) == 0 && !d.score.doubtful
	kicksAgree := d.obs.Shootout != nil && *d.obs.Shootout == d.obs.ScoredKicks()
	for at := range d.state.Tracked {
		st := &d.state.Tracked[at]
		complete := scoreAgrees
		switch {
		case st.Side == "" || isPoints(sport, st.Kind):
			continue
		case st.Kind == event.ShootoutKick:
			complete = kicksAgree
		case !isOther(sport, st.Kind) && d.obs.Score != nil:
			continue
		}
		switch {
		case d.listed[at]:
			st.Missing = nil
		case complete && wouldList(&d.obs, st, d.from.Site):
			st.Missing = st.Missing.extended(d.from.At)
			if st.Missing.overdue(missingPolls, missingFor) {
				d.retract(at, seriesOf(sport, st))
			}
		}
	}
}

// wouldList reports whether the page would list a tracked incident: its site is the one that gave
// the incident, and the list it was in has rows.
func wouldList(o *observation.Observation, st *TrackedIncident, site string) bool {
	return st.Site == site && (o.Lists == nil || st.List < len(o.Lists) && o.Lists[st.List] > 0)
}
