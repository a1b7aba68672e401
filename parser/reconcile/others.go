package reconcile

import (
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A card or substitution is retracted after at least missingPolls complete pages in a row, over at
// least missingFor, that do not list it.
const (
	missingPolls = 4
	missingFor   = 2 * time.Minute
)

// isOther reports whether incidents of a kind neither move the score nor are shoot-out kicks.
func isOther(sport event.Sport, k event.Kind) bool {
	return !(k == event.Goal && sport.CountsGoals()) && k != event.ShootoutKick && !isPoints(sport, k)
}

// compareOthers compares cards, substitutions and the like. Rows are paired by player first, and
// then with incidents of the same kind and side within two minutes, whose player the page has
// edited or added.
func (d *draft) compareOthers() {
	var rows []observation.Incident
	for _, in := range d.obs.Incidents {
		if isOther(d.obs.Sport, in.Kind) {
			rows = append(rows, in)
		}
	}
	rows = d.pair(rows,
		allOf(samePlayer, sameClock, sameDetail), allOf(samePlayer, sameClock), allOf(samePlayer, nearClock),
		allOf(oncePerPlayer, samePlayer), nearClock, knownWithoutDetails, rowWithoutDetails)
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
// score, goals are retracted by that instead. Points are only retracted by the score.
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

// wouldList reports whether the page can be expected to list a tracked incident. Its site must be
// the one that gave the incident, and the incident's list must have rows.
func wouldList(o *observation.Observation, st *TrackedIncident, site string) bool {
	return st.Site == site && (o.Lists == nil || st.List < len(o.Lists) && o.Lists[st.List] > 0)
}
