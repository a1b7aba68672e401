package reconcile

import (
	"cmp"
	"math"
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile/internal/pagerows"
)

// A change is the addition, correction or retraction of an incident. It becomes one event.
type change struct {
	tracked   int             // index in state.Tracked; -1 if the incident is not tracked
	untracked TrackedIncident // the incident, if it is not tracked
	action    event.Action
	edits     map[string]event.Change // the changed attributes, by member name
	lineup    *TrackedLineup          // the line-up, if the change is about one
	reason    string
	fills     bool // correction: a row was found for a provisional incident
	scoredWas int  // correction of a kick: 1 if it was scored before, otherwise 0
	phase     int  // phaseStart, phasePlay, phaseScore or phaseEnd
	arrival   int  // number of changes that were found before this change
}

// Phases of a period. The changes in a period are sorted in the order of these phases.
const (
	phaseStart = iota
	phasePlay
	phaseScore // a score_change in cricket, to a higher score than the rows show
	phaseEnd
)

// incident returns the incident of a change.
func (d *draft) incident(ch *change) *TrackedIncident {
	if ch.tracked >= 0 {
		return &d.state.Tracked[ch.tracked]
	}
	return &ch.untracked
}

// addChange adds a change to the draft, and sets its arrival.
func (d *draft) addChange(ch change) {
	ch.arrival = len(d.changes)
	d.changes = append(d.changes, ch)
}

// report reports a new incident, and tracks it. identity determines the ID of the incident.
func (d *draft) report(in observation.Incident, phase int, provisional bool, identity series) {
	id, at := d.id(identity), len(d.state.Tracked)
	d.trackedIDs()[id] = true
	var pageClock event.Clock
	if d.obs.Sport.Scores(in.Kind) {
		pageClock = clockShown(&d.obs)
	}
	d.state.Tracked = append(d.state.Tracked, TrackedIncident{Incident: in, ID: id, Rev: 1, Provisional: provisional,
		PageClock: pageClock, Backfill: d.backfill, Site: d.from.Site, List: in.List, Guessed: in.PeriodGuessed})
	d.markListed(at)
	d.addChange(change{tracked: at, action: event.New, phase: phase})
}

// reportFirstFree reports a new incident. If the ID for identity is in use, it appends a number to
// identity: the first number from 2 for which the ID is free.
func (d *draft) reportFirstFree(in observation.Incident, identity series) {
	free := identity
	for n := 2; d.isTracked(d.id(free)); n++ {
		free = identity.nth(n)
	}
	d.report(in, phasePlay, false, free)
}

// retract retracts a tracked incident of a series, because the page no longer shows it.
func (d *draft) retract(at int, s series) { d.retractBecause(at, s, "the page no longer shows it") }

// retractBecause retracts a tracked incident of a series for a reason. The incident stays in
// state.Tracked until the events are created, so that indexes remain valid.
func (d *draft) retractBecause(at int, s series, reason string) {
	if d.state.Retractions == nil {
		d.state.Retractions = map[string]int{}
	}
	d.state.Retractions[s.key()]++
	// Remove corrections of the incident: the retraction replaces them.
	d.changes = slices.DeleteFunc(d.changes, func(ch change) bool {
		remove := ch.tracked == at && ch.action == event.Corrected
		if remove {
			d.state.Tracked[at].Rev--
		}
		return remove
	})
	d.state.Tracked[at].Rev++
	d.addChange(change{tracked: at, action: event.Retracted, phase: phasePlay, reason: reason})
}

// isRetracted reports whether the draft has a retraction of a tracked incident.
func (d *draft) isRetracted(at int) bool {
	return slices.ContainsFunc(d.changes, func(ch change) bool { return ch.tracked == at && ch.action == event.Retracted })
}

// compareChanges compares two changes for the order of their events. Retractions come first, in the
// order in which they were found. Other changes are sorted by period, phase, clock, score and
// arrival.
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
		pagerows.Compare(d.state.Sport, clockA, clockB),
		cmp.Compare(d.pointsAfter(&a), d.pointsAfter(&b)),
		cmp.Compare(a.arrival, b.arrival),
	)
}

// position returns the period index and the clock of a change's incident. The index is negative, or
// after the last period, if the change concerns the match as a whole.
func (d *draft) position(ch *change) (period int, clock event.Clock) {
	switch in := d.incident(ch); in.Kind {
	case event.SourceStale, event.SourceFresh:
		return -4, event.Clock{}
	case event.KickoffChanged:
		return -3, event.Clock{}
	case event.LineupShown:
		return -2, event.Clock{}
	case event.MatchStart:
		return -1, event.Clock{}
	case event.MatchEnd, event.StatusChange:
		return len(d.state.Sport.Rules().Periods), event.Clock{}
	default:
		return d.state.Sport.Index(cmp.Or(in.Clock.Period, d.state.Match.Period)), in.Clock
	}
}

// pointsAfter returns the sum of both sides' points after the incident of a change. It returns 0 if
// the incident has no score. A miss comes after all points with the same clock, because a conversion
// follows its try. A score_change comes after them too, because its score is that of the page. A set
// comes after its last game.
func (d *draft) pointsAfter(ch *change) int {
	switch in := d.incident(ch); {
	case d.state.Sport.Misses(in.Kind, in.Detail), isSet(d.state.Sport, &in.Incident):
		return math.MaxInt
	case in.Kind == event.ScoreChange && in.Score != nil:
		return math.MaxInt - 1
	case in.Score != nil:
		return in.Score.Home + in.Score.Away
	}
	return 0
}

// correct updates a tracked incident from the row that shows it. It adds a correction if an
// attribute changes or the incident was provisional.
func (d *draft) correct(at int, row observation.Incident) {
	tracked := &d.state.Tracked[at]
	// Two sites that spell a name differently would correct each other again and again. So if this
	// site did not set the attributes, and any other site had an accepted page recently, only add
	// missing attributes.
	addOnly := tracked.Site != d.from.Site && !tracked.Provisional && d.state.seenRecently(d.from.At, d.from.isOtherSite)
	fills, scoredWas := tracked.Provisional, observation.KickGoals(tracked.Detail)
	edits := tracked.update(&row, addOnly)
	if !addOnly {
		tracked.Site, tracked.List, tracked.Guessed = d.from.Site, row.List, row.PeriodGuessed
	}
	if len(edits) == 0 && !fills {
		return
	}
	tracked.Path, tracked.Provisional = row.Path, false
	tracked.Rev++
	d.addChange(change{tracked: at, action: event.Corrected, edits: edits, fills: fills, scoredWas: scoredWas,
		phase: phasePlay, reason: "the page changed it"})
}

// update sets the attributes of the incident to those of the row that shows it. It returns the
// changes by member name. Attributes that the row lacks do not change, with three exceptions: a new
// player clears off, assist and detail, a new kind clears the detail, and a penalty try clears the
// player. A damaged text does not replace another text. If addOnly is true, update sets only
// attributes that the incident lacks.
func (tracked *TrackedIncident) update(row *observation.Incident, addOnly bool) map[string]event.Change {
	edits := map[string]event.Change{}
	setText := func(name string, old *string, now string) {
		if now != "" && event.Fold(now) != event.Fold(*old) && (*old == "" || !addOnly && !observation.Damaged(now)) {
			edits[name] = event.Change{Old: *old, New: now}
			*old = now
		}
	}
	otherKind := row.Kind != "" && row.Kind != tracked.Kind && !addOnly
	if otherKind { // for example, a drop goal instead of a penalty goal
		edits["kind"] = event.Change{Old: string(tracked.Kind), New: string(row.Kind)}
		tracked.Kind = row.Kind
	}
	setText("player", &tracked.Player, row.Player)
	if row.Detail == event.PenaltyTry && !addOnly {
		clearText(edits, "player", &tracked.Player, row.Player)
	}
	setText("off", &tracked.Off, row.Off)
	setText("assist", &tracked.Assist, row.Assist)
	// If the player changes, the other old attributes may be wrong too. For example, the goal of
	// the new player may not be an own goal.
	player, otherPlayer := edits["player"]
	if otherPlayer && player.Old != "" {
		clearText(edits, "off", &tracked.Off, row.Off)
		clearText(edits, "assist", &tracked.Assist, row.Assist)
	}
	mayEdit := row.Detail != "" || otherPlayer || otherKind
	if row.Detail != tracked.Detail && mayEdit && (tracked.Detail == "" || !addOnly) {
		edits["detail"] = event.Change{Old: tracked.Detail, New: row.Detail}
		tracked.Detail = row.Detail
	}
	if row.Score != nil && tracked.Score != nil && *row.Score != *tracked.Score && !addOnly {
		edits["score"] = event.Change{Old: tracked.Score.String(), New: row.Score.String()}
		tracked.Score = row.Score
	}
	if clockMoved(tracked.Clock, row.Clock) && (!tracked.Clock.Known() || !addOnly) {
		edits["time"] = event.Change{Old: timeText(tracked.Clock), New: timeText(row.Clock)}
		tracked.Clock = row.Clock
	}
	return edits
}

// timeText returns the time of a clock. In baseball, it returns the inning and its half, such as "i8 top".
func timeText(c event.Clock) string {
	if c.Half != "" {
		return string(c.Period) + " " + string(c.Half)
	}
	return c.String()
}

// clearText clears an attribute if the row lacks it, and adds the change to edits.
func clearText(edits map[string]event.Change, name string, old *string, now string) {
	if now == "" && *old != "" {
		edits[name] = event.Change{Old: *old}
		*old = ""
	}
}

// clockMoved reports whether now, the clock of a row, differs from was, the clock of the tracked
// incident. It returns false if now is unknown. Seconds are compared only if both clocks have them.
func clockMoved(was, now event.Clock) bool {
	if !now.Known() {
		return false
	}
	if !was.Known() || was.Elapsed > 0 && now.Elapsed > 0 {
		return was != now
	}
	was.Elapsed, now.Elapsed = 0, 0
	return was != now
}
