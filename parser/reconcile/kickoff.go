package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

const (
	// kickoffJitter is the minimum difference at which two kick-off times count as different. Sites
	// round times, or correct them by a minute.
	kickoffJitter = 5 * time.Minute
	// If a page after the end of the match shows a kick-off time that differs by at least otherKickoff,
	// the page is about another match. Two matches of the same teams cannot begin within an hour of
	// each other. A page during the match is about another match if its kick-off time is at least
	// otherKickoff after the earlier kick-off time and after the first page in play.
	otherKickoff = time.Hour
	// If a page after the start of the match shows a kick-off time that differs by at least
	// latestKickoff, the page is about another match.
	latestKickoff = 3 * time.Hour
	// If the kick-off times on two sites differ by at least otherDay, the sites show different matches.
	otherDay = 13 * time.Hour
)

// maxEarlier is the maximum number of times in Kickoff.Earlier.
const maxEarlier = 8

// A Kickoff records the latest and the earlier kick-off times of a match whose kick-off moved before
// the match began. A Kickoff is never modified.
type Kickoff struct {
	Reported time.Time   `json:"reported"`         // the latest time that an event has reported, or the first known time
	Earlier  []time.Time `json:"earlier"`          // times reported before Reported, in the order of the reports
	Return   *Hold       `json:"return,omitempty"` // consecutive pages showing one of Earlier; nil if the latest does not
}

// checkKickoff returns an error that wraps [ErrOtherMatch] if the page's kick-off time shows that the
// page is about another match of the same teams. Call it only if the page's ID cannot be compared with
// an earlier one. A match that has not begun, or is cancelled, can have any kick-off time.
func checkKickoff(known *State, o *observation.Observation, from *Provenance) error {
	status, was, now := known.Match.Status, known.Views[from.Site].Start, o.Match.Start
	limit := latestKickoff
	switch {
	case status.Rank() == 0 || status == event.Cancelled || now.IsZero():
		return nil
	case was.IsZero(): // the site has not shown a kick-off time
		was, limit = known.Match.Start, otherDay
	case status.Rank() >= event.Ended.Rank():
		limit = otherKickoff
	}
	// During play, a site may correct the kick-off to the time at which play began.
	corrected := status.Rank() == event.Live.Rank() && now.Sub(known.Began).Abs() < otherKickoff
	if was.IsZero() || corrected || resumes(known, o) {
		return nil
	}
	moved := now.Sub(was)
	late := limit != otherDay && moved >= otherKickoff && !known.Began.IsZero() && now.Sub(known.Began) >= otherKickoff
	if moved.Abs() < limit && !late {
		return nil
	}
	state := "has begun"
	if status.Rank() >= event.Ended.Rank() {
		state = "is over"
	}
	return fmt.Errorf("%w: its kick-off is %s, not %s, and the match %s", ErrOtherMatch,
		now.Format(time.RFC3339), was.Format(time.RFC3339), state)
}

// resumes reports whether a page with a different kick-off time shows the rest of an interrupted match.
// Such a page shows a score that is not lower than the saved score. The saved score must not be 0-0.
func resumes(known *State, o *observation.Observation) bool {
	switch known.Match.Status {
	case event.Interrupted, event.Suspended, event.Abandoned:
		return known.Score != nil && *known.Score != event.Score{} && o.Score != nil &&
			!lowerScore(o.Sport, o.Score, known.Score)
	}
	return false
}

// decideKickoff returns the kick-off time after the page, and [State.Kickoff] after the page. If the
// kick-off has moved and the match has not begun, moved is the time that was reported before;
// otherwise it is zero. A time in [Kickoff.Earlier] is accepted again only if it persists.
func decideKickoff(known *State, o *observation.Observation, from *Provenance) (
	start time.Time, k *Kickoff, moved time.Time,
) {
	was, now := known.Match.Start, o.Match.Start
	begun := cmp.Or(o.Match.Status, known.Match.Status).Rank() > 0
	switch {
	case now.IsZero():
		return was, known.Kickoff, time.Time{}
	case was.IsZero(), begun:
		return now, known.Kickoff, time.Time{}
	}
	next := Kickoff{Reported: was}
	if known.Kickoff != nil {
		next = *known.Kickoff
	}
	near := func(t time.Time) bool { return now.Sub(t).Abs() < kickoffJitter }
	hold := next.Return
	next.Return = nil
	switch {
	case near(next.Reported):
		if known.Kickoff == nil && now.Equal(was) {
			return was, nil, time.Time{}
		}
		return now, &next, time.Time{}
	case slices.ContainsFunc(next.Earlier, near):
		hold = hold.extended(from.At)
		if !hold.overdue(confirmPolls, confirmFor) {
			next.Return = hold
			return was, &next, time.Time{}
		}
	}
	earlier := append(slices.Clone(next.Earlier), next.Reported)
	next.Earlier, next.Reported = earlier[max(0, len(earlier)-maxEarlier):], now
	return now, &next, earlier[len(earlier)-1]
}

// reportKickoff reports the new kick-off time, if the kick-off has moved.
func (d *draft) reportKickoff() {
	if d.oldKickoff.IsZero() {
		return
	}
	text := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	d.reportUntracked(observation.Incident{Kind: event.KickoffChanged}, "")
	d.changes[len(d.changes)-1].edits = map[string]event.Change{
		"start": {Old: text(d.oldKickoff), New: text(d.state.Match.Start)},
	}
}
