package reconcile

import (
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// correct updates a tracked incident from a row that shows it, and records a correction if that
// changes anything.
func (d *draft) correct(at int, row observation.Incident) {
	st := &d.state.Tracked[at]
	// Two sites that write a name in two ways would correct each other for ever. So while the site
	// that gave the incident is read, others only add to it.
	addOnly := st.Site != d.from.Site && !st.Provisional && d.state.seenLately(d.from.At, d.from.isOtherSite)
	fills, scoredWas := st.Provisional, observation.KickScored(st.Detail)
	edits := st.update(&row, addOnly)
	if !addOnly {
		st.Site, st.List = d.from.Site, row.List
	}
	if len(edits) == 0 && !fills {
		return
	}
	st.Path, st.Provisional = row.Path, false
	st.Rev++
	d.addChange(change{tracked: at, action: event.Corrected, edits: edits, fills: fills, scoredWas: scoredWas, phase: phasePlay,
		reason: "the page changed it"})
}

// update takes over the attributes of a row that shows st, and returns what changed, by member
// name. What the row leaves out stays as it was. If addOnly is set, only what st lacks is taken
// over.
func (st *TrackedIncident) update(row *observation.Incident, addOnly bool) map[string]event.Change {
	edits := map[string]event.Change{}
	text := func(name string, old *string, now string) {
		if now != "" && event.Fold(now) != event.Fold(*old) && (*old == "" || !addOnly && !observation.Damaged(now)) {
			edits[name] = event.Change{Old: *old, New: now}
			*old = now
		}
	}
	text("player", &st.Player, row.Player)
	text("off", &st.Off, row.Off)
	text("assist", &st.Assist, row.Assist)
	// An incident that goes to another player loses its detail too: an own goal was none.
	_, otherPlayer := edits["player"]
	if row.Detail != st.Detail && (row.Detail != "" || otherPlayer) && (st.Detail == "" || !addOnly) {
		edits["detail"] = event.Change{Old: st.Detail, New: row.Detail}
		st.Detail = row.Detail
	}
	if row.Score != nil && st.Score != nil && *row.Score != *st.Score && !addOnly {
		edits["score"] = event.Change{Old: st.Score.String(), New: row.Score.String()}
		st.Score = row.Score
	}
	if clockMoved(st.Clock, row.Clock) && (!st.Clock.Known() || !addOnly) {
		edits["time"] = event.Change{Old: st.Clock.String(), New: row.Clock.String()}
		st.Clock = row.Clock
	}
	return edits
}

// clockMoved reports whether two clocks disagree. A clock that says less does not.
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
