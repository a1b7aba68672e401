package reconcile

import (
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// correct updates a tracked incident from the row that shows it, and adds a correction if anything
// changes.
func (d *draft) correct(at int, row observation.Incident) {
	st := &d.state.Tracked[at]
	// Two sites that spell a name differently would correct each other again and again. So while
	// the site that gave the incident is read, other sites only add missing attributes.
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
	d.addChange(change{tracked: at, action: event.Corrected, edits: edits, fills: fills, scoredWas: scoredWas,
		phase: phasePlay, reason: "the page changed it"})
}

// update sets the attributes of st to those of the row that shows it, and returns what changed, by
// member name. Attributes that the row does not have stay as they are. If addOnly is true, update
// only sets attributes that st does not have.
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
	// With another player the old detail is wrong too: it may not have been an own goal.
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

// clockMoved reports whether the clock of a row, now, contradicts the known one. A row without a
// clock does not. If either clock lacks the seconds, only the rest is compared.
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
