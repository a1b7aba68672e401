package reconcile

import (
	"math"
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile/internal/lineups"
)

// An incident such as a card is retracted after at least missingPolls consecutive complete pages,
// over at least missingFor, that do not list the incident. If the page may be a stale copy, the
// pages must cover missingFor plus confirmFor, because caches serve stale copies for some time.
const (
	missingPolls = 4
	missingFor   = 2 * time.Minute
)

// isOther reports whether an incident neither changes the score nor is a kick of a shoot-out.
func isOther(sport event.Sport, in *observation.Incident) bool {
	return !(in.Kind == event.Goal && sport.Rules().CountsGoals) && !in.Kind.IsKick() && !isPoints(sport, in)
}

// compareOthers compares the incidents for which isOther holds, such as cards and substitutions.
// Rows are paired by player first. Then they are paired with incidents of the same kind and side
// within two minutes, in case the page has changed or added the player.
func (d *draft) compareOthers() {
	var rows []observation.Incident
	for _, in := range d.obs.Incidents {
		if isOther(d.obs.Sport, &in) {
			rows = append(rows, in)
		}
	}
	was := slices.Clone(d.state.Tracked)
	rows = d.pairUnique(rows)
	rows = d.pair(rows,
		allOf(samePlayer, sameClock, d.movedWithEarlier(was)), allOf(samePlayer, sameScore, sameClock),
		allOf(samePlayer, sameClock, sameDetail), allOf(samePlayer, sameClock), allOf(samePlayer, nearClock),
		allOf(samePlayer, sameDetail, d.movedWithOthers(was)), allOf(samePlayer, sameDetail, d.notBoth(was)),
		allOf(samePlayer, sameMinute), allOf(oncePerPlayer, samePlayer),
		allOf(shortName, nearClock), nearClock, trackedWithoutDetails, rowWithoutDetails)
	for _, in := range rows {
		d.reportOther(in)
	}
}

// attributes are attributes of an incident that usually belong to no other incident of the match.
type attributes struct {
	kind   event.Kind
	side   event.Side
	player string
	clock  event.Clock
}

func attributesOf(in *observation.Incident) attributes {
	return attributes{in.Kind, in.Side, in.Player, in.Clock}
}

// pairUnique pairs each row with the tracked incident that has the same attributes, and corrects the
// incident. It omits rows and incidents whose attributes are not unique, such as two fours of a
// batter off one ball. It returns the rows that it has not paired.
func (d *draft) pairUnique(rows []observation.Incident) (left []observation.Incident) {
	count := map[attributes]int{}
	for i := range rows {
		count[attributesOf(&rows[i])]++
	}
	const several = -1
	index := map[attributes]int{} // in state.Tracked
	for at := range d.state.Tracked {
		in := &d.state.Tracked[at].Incident
		if d.listed[at] || !isOther(d.obs.Sport, in) {
			continue
		}
		key := attributesOf(in)
		if _, found := index[key]; found {
			at = several
		}
		index[key] = at
	}
	for _, row := range rows {
		key := attributesOf(&row)
		at, found := index[key]
		if !found || at == several || count[key] > 1 {
			left = append(left, row)
			continue
		}
		d.markListed(at)
		d.correct(at, row)
	}
	return left
}

// movedWithOthers returns a rule for cricket, where a correction of runs changes the score after
// all later incidents of the innings. The rule compares the score of the row with the score of the
// tracked incident. It holds if the clocks are near each other, and the page has changed the score of a
// neighbouring incident by the same difference. was holds the tracked incidents before the page.
func (d *draft) movedWithOthers(was []TrackedIncident) pairingRule {
	return func(row observation.Incident, tracked *TrackedIncident) bool {
		if !runsComparable(row, tracked) {
			return false
		}
		moved := row.Score.Of(row.Side) - tracked.Score.Of(row.Side)
		before, after := d.runsMoved(was, tracked)
		return moved == before || moved == after
	}
}

// movedWithEarlier is like movedWithOthers, but compares only the neighbour before the tracked incident.
func (d *draft) movedWithEarlier(was []TrackedIncident) pairingRule {
	return func(row observation.Incident, tracked *TrackedIncident) bool {
		if !runsComparable(row, tracked) {
			return false
		}
		before, _ := d.runsMoved(was, tracked)
		return row.Score.Of(row.Side)-tracked.Score.Of(row.Side) == before
	}
}

// notBoth returns a rule for cricket. It holds if the row and the tracked incident cannot both have
// happened: the score after the later delivery does not include its runs and the score after the earlier
// one, which has changed as much as that of the incident before the tracked one.
func (d *draft) notBoth(was []TrackedIncident) pairingRule {
	return func(row observation.Incident, tracked *TrackedIncident) bool {
		if !runsComparable(row, tracked) || row.Clock.Balls == tracked.Clock.Balls {
			return false
		}
		moved, _ := d.runsMoved(was, tracked)
		earlier, later := tracked.Score.Of(row.Side)+moved, row.Score.Of(row.Side)
		if row.Clock.Balls < tracked.Clock.Balls {
			earlier, later = later, earlier
		}
		runs := map[string]int{"four": 4, "six": 6}[row.Detail] // the details are the same
		return later < earlier+runs
	}
}

// runsComparable holds in cricket if the row and the tracked incident are about near deliveries and both
// have a score.
func runsComparable(row observation.Incident, tracked *TrackedIncident) bool {
	return row.Clock.Balls > 0 && row.Score != nil && tracked.Score != nil && clocksNear(row.Clock, tracked.Clock)
}

// runsMoved returns by how much the page has changed the scores of two neighbours of a tracked
// incident. They are the nearest listed incidents before and after it in the same innings. If a
// neighbour is missing, its change is 0.
func (d *draft) runsMoved(was []TrackedIncident, tracked *TrackedIncident) (before, after int) {
	runs := tracked.Score.Of(tracked.Side)
	low, high := -1, math.MaxInt
	for at := range was {
		in := &was[at]
		if !d.listed[at] || in.Side != tracked.Side || in.Score == nil || in.Clock.Period != tracked.Clock.Period {
			continue
		}
		n := in.Score.Of(in.Side)
		moved := d.state.Tracked[at].Score.Of(in.Side) - n
		switch {
		case n < runs && n > low:
			low, before = n, moved
		case n >= runs && n < high:
			high, after = n, moved
		}
	}
	return before, after
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
		case tracked.Side == "" || isPoints(sport, &tracked.Incident):
			continue
		case tracked.Kind.IsKick():
			complete = kicksAgree
		case !isOther(sport, &tracked.Incident) && d.obs.Score != nil:
			continue
		}
		switch {
		case d.listed[at]:
			tracked.Missing = nil
		case complete && wouldList(&d.obs, tracked, d.from.Site):
			tracked.Missing = tracked.Missing.extended(d.from.At)
			long := missingFor
			if d.repeated {
				long += confirmFor
			}
			if tracked.Missing.overdue(missingPolls, long) {
				d.retract(at, seriesOf(sport, tracked))
			}
		}
	}
}

// wouldList reports whether a complete page would list a tracked incident. The page must be from the
// site that set the attributes of the incident, and the list of the incident must have rows.
func wouldList(o *observation.Observation, tracked *TrackedIncident, site string) bool {
	return tracked.Site == site && (o.Lists == nil || tracked.List < len(o.Lists) && o.Lists[tracked.List] > 0)
}

// A TrackedLineup is a line-up that was reported. A saved TrackedLineup is replaced, never
// modified.
type TrackedLineup struct {
	event.Lineup
	Rev     int    `json:"rev"`               // revision: 1, plus one for each correction
	Event   string `json:"event"`             // ID of the latest event about the line-up
	Site    string `json:"source"`            // site of the page that set the line-up
	Missing *Hold  `json:"missing,omitempty"` // consecutive pages with only some of the players; nil if the latest has all
}

// playersMissing reports whether the latest page lacks players of a line-up.
func (s *State) playersMissing() bool {
	for _, l := range s.Lineups {
		if l.Missing != nil {
			return true
		}
	}
	return false
}

// compareLineups reports the line-up of each side once, and corrects it if the page changes it. A
// page without the line-up changes nothing. A page with only some of the players may be incomplete,
// so players are removed only if such pages persist.
func (d *draft) compareLineups() {
	for i := range d.obs.Lineups {
		shown := &d.obs.Lineups[i]
		if len(shown.Players) > 0 {
			d.compareLineup(shown)
		}
	}
}

func (d *draft) compareLineup(shown *observation.Lineup) {
	was := d.state.Lineups[shown.Side]
	if was == nil {
		d.reportLineup(shown, &TrackedLineup{Lineup: shown.Lineup, Rev: 1, Site: d.from.Site}, change{action: event.New})
		return
	}
	if was.Site != d.from.Site && d.state.seenRecently(d.from.At, d.from.isOtherSite) {
		return // two sites that spell a name differently would correct each other again and again
	}
	begun := d.state.Match.Status.Rank() > 0
	now := &TrackedLineup{Lineup: lineups.Merge(&was.Lineup, &shown.Lineup, begun), Rev: was.Rev, Event: was.Event,
		Site: d.from.Site}
	edits := lineups.Edits(&was.Lineup, &now.Lineup)
	switch {
	case len(edits) == 0 && was.Missing == nil:
		return
	case len(edits) == 0:
		now.Lineup = was.Lineup
		d.setLineup(shown.Side, now)
		return
	case len(now.Players) < len(was.Players) && edits["players"].New == "":
		now.Missing = was.Missing.extended(d.from.At)
		if !now.Missing.overdue(missingPolls, missingFor) {
			now.Lineup = was.Lineup
			d.setLineup(shown.Side, now)
			return
		}
		now.Missing = nil
	}
	now.Rev++
	d.reportLineup(shown, now, change{action: event.Corrected, edits: edits, reason: "the page changed it"})
}

// setLineup sets the line-up of a side.
func (d *draft) setLineup(side event.Side, l *TrackedLineup) {
	if d.state.Lineups == nil {
		d.state.Lineups = map[event.Side]*TrackedLineup{}
	}
	d.state.Lineups[side] = l
}

// reportLineup sets the line-up of a side and adds a change. The line-up is in state.Lineups, not in
// state.Tracked, because it is not an incident of play.
func (d *draft) reportLineup(shown *observation.Lineup, l *TrackedLineup, ch change) {
	d.setLineup(shown.Side, l)
	ch.tracked, ch.lineup = -1, l
	id := d.id(series{string(event.LineupShown), string(shown.Side)})
	ch.untracked = TrackedIncident{ID: id, Rev: l.Rev, Event: l.Event,
		Incident: observation.Incident{Kind: event.LineupShown, Side: shown.Side, Path: shown.Path}}
	d.addChange(ch)
}
