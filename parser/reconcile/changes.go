package reconcile

import (
	"cmp"
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A change becomes one event.
type change struct {
	tracked   int             // index in state.Tracked; -1 if the incident is not tracked
	untracked TrackedIncident // the incident, if it is not tracked
	action    event.Action
	edits     map[string]event.Change // of a correction, by member name
	reason    string
	fills     bool // the correction gives a provisional incident its row
	scoredWas int  // 1 if a corrected kick was scored before, else 0
	phase     int  // within its period
	arrival   int  // number of changes found before it
}

// Phases of a period, by which changes are ordered.
const (
	phaseStart = iota
	phasePlay
	phaseEnd
)

// incident returns the incident that ch is about.
func (d *draft) incident(ch *change) *TrackedIncident {
	if ch.tracked >= 0 {
		return &d.state.Tracked[ch.tracked]
	}
	return &ch.untracked
}

func (d *draft) addChange(ch change) {
	ch.arrival = len(d.changes)
	d.changes = append(d.changes, ch)
}

// report adds a new incident and tracks it.
func (d *draft) report(in observation.Incident, phase int, provisional bool, identity series) {
	id, at := d.id(identity), len(d.state.Tracked)
	d.trackedIDs()[id] = true
	d.markListed(at)
	d.state.Tracked = append(d.state.Tracked, TrackedIncident{Incident: in, ID: id, Rev: 1, Provisional: provisional,
		Backfill: d.backfill, Site: d.from.Site, List: in.List})
	d.addChange(change{tracked: at, action: event.New, phase: phase})
}

// reportFirstFree reports a new incident. If its ID is taken, a number from 2 makes it another.
func (d *draft) reportFirstFree(in observation.Incident, identity series) {
	words := identity
	for n := 2; d.isTracked(d.id(words)); n++ {
		words = identity.nth(n)
	}
	d.report(in, phasePlay, false, words)
}

// retract retracts a tracked incident of a series. It stays in state.Tracked, so that indexes keep
// their meaning, until the events are made.
func (d *draft) retract(at int, s series) {
	if d.state.TakenBack == nil {
		d.state.TakenBack = map[string]int{}
	}
	d.state.TakenBack[s.key()]++
	// An incident that is retracted need not be corrected first.
	d.changes = slices.DeleteFunc(d.changes, func(ch change) bool {
		needless := ch.tracked == at && ch.action == event.Corrected
		if needless {
			d.state.Tracked[at].Rev--
		}
		return needless
	})
	d.state.Tracked[at].Rev++
	d.addChange(change{tracked: at, action: event.Retracted, phase: phasePlay, reason: "the page took it back"})
}

// isRetracted reports whether a tracked incident is being retracted.
func (d *draft) isRetracted(at int) bool {
	return slices.ContainsFunc(d.changes, func(ch change) bool { return ch.tracked == at && ch.action == event.Retracted })
}

// compareChanges orders changes for their events. Retractions come first, as they were found. The
// others are ordered by period, phase, clock, score and then as they were found.
func (d *draft) compareChanges(a, b change) int {
	if ra, rb := a.action == event.Retracted, b.action == event.Retracted; ra || rb {
		if ra && rb {
			return cmp.Compare(a.arrival, b.arrival)
		}
		if ra {
			return -1
		}
		return 1
	}
	periodA, clockA := d.position(&a)
	periodB, clockB := d.position(&b)
	return cmp.Or(
		cmp.Compare(periodA, periodB),
		cmp.Compare(a.phase, b.phase),
		compareOrder(d.state.Sport, clockA, clockB),
		cmp.Compare(d.pointsAfter(&a), d.pointsAfter(&b)),
		cmp.Compare(a.arrival, b.arrival),
	)
}

// position returns where in the match a change belongs: the index of its period, and its clock.
// What is said of the match as a whole comes before the first period or after the last.
func (d *draft) position(ch *change) (period int, clock event.Clock) {
	switch in := d.incident(ch); in.Kind {
	case event.SourceStale, event.SourceFresh:
		return -2, event.Clock{}
	case event.MatchStart:
		return -1, event.Clock{}
	case event.MatchEnd, event.StatusChange:
		return len(d.state.Sport.Periods()), event.Clock{}
	default:
		return d.state.Sport.Index(cmp.Or(in.Clock.Period, d.state.Match.Period)), in.Clock
	}
}

// pointsAfter returns the points of both sides after a tracked incident that moves the score, else
// 0.
func (d *draft) pointsAfter(ch *change) int {
	if ch.tracked < 0 || d.state.Tracked[ch.tracked].Score == nil {
		return 0
	}
	s := d.state.Tracked[ch.tracked].Score
	return s.Home + s.Away
}
