package reconcile

import (
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// correct updates a tracked incident from the row that shows it. It adds a correction if an
// attribute changes or the incident was provisional.
func (d *draft) correct(at int, row observation.Incident) {
	tracked := &d.state.Tracked[at]
	// Two sites that spell a name differently would correct each other again and again. So if this
	// site did not set the attributes, and any other site had an accepted page recently, only add
	// missing attributes.
	addOnly := tracked.Site != d.from.Site && !tracked.Provisional && d.state.seenRecently(d.from.At, d.from.isOtherSite)
	fills, scoredWas := tracked.Provisional, observation.KickScored(tracked.Detail)
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
// changes by member name. Attributes that the row lacks do not change, except for the detail if the
// player changes. If addOnly is true, update only sets attributes that the incident lacks.
func (tracked *TrackedIncident) update(row *observation.Incident, addOnly bool) map[string]event.Change {
	edits := map[string]event.Change{}
	text := func(name string, old *string, now string) {
		if now != "" && event.Fold(now) != event.Fold(*old) && (*old == "" || !addOnly && !observation.Damaged(now)) {
			edits[name] = event.Change{Old: *old, New: now}
			*old = now
		}
	}
	text("player", &tracked.Player, row.Player)
	text("off", &tracked.Off, row.Off)
	text("assist", &tracked.Assist, row.Assist)
	// The old detail belongs to the old player: the goal may not have been an own goal.
	_, otherPlayer := edits["player"]
	if row.Detail != tracked.Detail && (row.Detail != "" || otherPlayer) && (tracked.Detail == "" || !addOnly) {
		edits["detail"] = event.Change{Old: tracked.Detail, New: row.Detail}
		tracked.Detail = row.Detail
	}
	if row.Score != nil && tracked.Score != nil && *row.Score != *tracked.Score && !addOnly {
		edits["score"] = event.Change{Old: tracked.Score.String(), New: row.Score.String()}
		tracked.Score = row.Score
	}
	if clockMoved(tracked.Clock, row.Clock) && (!tracked.Clock.Known() || !addOnly) {
		edits["time"] = event.Change{Old: tracked.Clock.String(), New: row.Clock.String()}
		tracked.Clock = row.Clock
	}
	return edits
}

// clockMoved reports whether now, the clock of a row, differs from was, the clock of the tracked
// incident. It returns false if now is unknown. Seconds are compared only if both clocks have them.
func clockMoved(was, now event.Clock) bool {
	if !now.Known() {
		return false
	}
	if was.Elapsed > 0 && now.Elapsed > 0 {
		return was != now
	}
	was.Elapsed, now.Elapsed = 0, 0
	return was != now
}
