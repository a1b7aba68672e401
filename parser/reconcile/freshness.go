package reconcile

import (
	"cmp"
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A page that looks older than one already believed can be a stale copy, which caches serve for a
// while. It can also be the truth, when a goal is taken back or a match re-opened. Only time tells
// them apart: the page is held, and believed when it persists for so many polls over so long.
const (
	heldPolls = 3
	heldFor   = 90 * time.Second
)

// maxSuperseded is how many digests are kept of pages that newer ones have replaced.
const maxSuperseded = 64

// A verdict says how far a page is believed.
type verdict int

const (
	held     verdict = iota // not at all, for now
	believed                // in what it adds and changes
	fresh                   // also in what it takes back: it is strictly newer than all before it of its site
	overdue                 // in everything: it was held for so long that it is the truth
)

// judge returns how far the page is believed, and what its site has shown now.
func judge(known *State, o *observation.Observation, from *Provenance) (verdict, View) {
	before := known.Views[from.Site]
	next, result := before, believed
	next.PageID = cmp.Or(o.PageID, before.PageID)
	switch {
	case !known.Known():
	case lagsBehind(known, &before, o):
		// What another site shows is not undone while that is read, nor by a page that has not changed.
		next.Hold = firstHold(from.At)
		if known.seenLately(from.At, from.isOtherSite) || snapshotOf(o, from) == before.Snapshot {
			return held, next
		}
		fallthrough // no other site is read: hold the page as long as one that looks older
	case pageLooksOlder(&before, o, from):
		next.Hold = before.Hold.extended(from.At)
		if !next.Hold.overdue(heldPolls, heldFor) {
			return held, next
		}
		next = View{PageID: next.PageID, Superseded: before.Superseded, Snapshot: before.Snapshot}
		result = overdue
	case pageIsNewer(&before, o, from):
		result = fresh
	}
	next.Hold = nil
	return result, next.advanced(o, from)
}

// snapshotOf returns what tells the page's bytes from others of its site. A page with several
// matches changes with each of them; there only [Provenance.Superseded] can tell.
func snapshotOf(o *observation.Observation, from *Provenance) string {
	if o.Shared {
		return "shared"
	}
	return cmp.Or(from.Evidence.Snapshot, "unknown")
}

// pageIsNewer reports whether the page is strictly newer than all that the site has shown.
func pageIsNewer(v *View, o *observation.Observation, from *Provenance) bool {
	return v.Snapshot != "" && (v.behind(o) || !v.superseded(o, from) && v.compareModified(from) > 0)
}

// behind reports whether the match has gone on since the site's earlier pages.
func (v *View) behind(o *observation.Observation) bool {
	return compareClock(o.Sport, clockShown(o), v.Clock) > 0 || o.Match.Status != "" && o.Match.Status.Rank() > v.Rank
}

// pageLooksOlder reports whether the page looks older than one that the site has shown. A page that is
// newer in any way does not: its score may fall.
func pageLooksOlder(v *View, o *observation.Observation, from *Provenance) bool {
	switch {
	case v.Snapshot == "" || pageIsNewer(v, o, from):
		return false
	case compareClock(o.Sport, clockShown(o), v.Clock) < 0,
		o.Match.Status != "" && o.Match.Status.Rank() < v.Rank,
		v.compareModified(from) < 0,
		lowerScore(o.Sport, o.Score, v.Score):
		return true
	}
	// A superseded page that lists more is not older: the page that replaced it had lost a row. One
	// that shows a goal more is: that goal was taken back.
	return v.superseded(o, from) && (len(o.Incidents) <= v.Rows || lowerScore(o.Sport, v.Score, o.Score))
}

// superseded reports whether other bytes have replaced the page's before.
func (v *View) superseded(o *observation.Observation, from *Provenance) bool {
	if from.Superseded {
		return true
	}
	snapshot := snapshotOf(o, from)
	return snapshot != v.Snapshot && slices.Contains(v.Superseded, snapshot)
}

// compareModified compares the page's Last-Modified with the latest of its site. It returns 0 if
// either is not known.
func (v *View) compareModified(from *Provenance) int {
	if from.Modified.IsZero() || v.Modified.IsZero() {
		return 0
	}
	return from.Modified.Compare(v.Modified)
}

// advanced returns the view after a page that was believed.
func (v View) advanced(o *observation.Observation, from *Provenance) View {
	at, status := clockShown(o), o.Match.Status
	if status != "" && status.Rank() > v.Rank && at.Known() || v.Clock.IsZero() || compareClock(o.Sport, at, v.Clock) > 0 || v.Clock.Period == "" && at.Period != "" {
		v.Clock = at
	}
	if status != "" {
		v.Rank = status.Rank()
	}
	if from.Modified.After(v.Modified) {
		v.Modified = from.Modified
	}
	v.Rows = len(o.Incidents)
	snapshot := snapshotOf(o, from)
	if v.Snapshot == snapshot {
		return v
	}
	old := slices.DeleteFunc(slices.Clone(v.Superseded), func(s string) bool { return s == snapshot })
	if v.Snapshot != "" {
		old = append(old, v.Snapshot)
	}
	v.Superseded, v.Snapshot = old[max(0, len(old)-maxSuperseded):], snapshot
	return v
}

// lagsBehind reports whether the page lacks what another site has shown, and its own site never
// has: a goal, the end, the next period, or that a goal was taken back.
func lagsBehind(known *State, v *View, o *observation.Observation) bool {
	if len(known.Views) == 0 || len(known.Views) == 1 && v.Snapshot != "" {
		return false // there is no other site
	}
	rank := known.Match.Status.Rank()
	if o.Match.Status != "" && o.Match.Status.Rank() < rank && v.Rank < rank {
		return true
	}
	period := o.Sport.Index(known.Match.Period)
	if now := o.Sport.Index(o.Match.Period); now >= 0 && now < period && o.Match.Status.Rank() == event.Live.Rank() && o.Sport.Index(v.Clock.Period) < period {
		return true
	}
	if o.Score == nil || known.Score == nil {
		return false
	}
	for _, side := range []event.Side{event.Home, event.Away} {
		now, was := o.Score.Of(side), known.Score.Of(side)
		switch {
		case now < was && (v.Score == nil || v.Score.Of(side) <= now): // the site never showed that goal
			return true
		case now > was && v.Score != nil && v.Score.Of(side) >= now: // the site still shows that goal
			return true
		}
	}
	return false
}

// clockShown returns the point in the match that a page shows: its clock, or at least its period.
func clockShown(o *observation.Observation) event.Clock {
	c := o.Match.Clock
	c.Period = cmp.Or(c.Period, o.Match.Period)
	if o.Match.Status == event.Break {
		return event.Clock{Period: cmp.Or(o.Match.Period, c.Period)} // 45' after 45+2' is no step back
	}
	return c
}

// compareClock returns -1 if a is before b, 1 if it is after it, and 0 if they are the same or
// either does not say.
func compareClock(s event.Sport, a, b event.Clock) int {
	if a.Period == "" || b.Period == "" {
		return 0
	}
	if d := cmp.Compare(s.Index(a.Period), s.Index(b.Period)); d != 0 {
		return d
	}
	switch {
	case !a.Known():
		return 0
	case !b.Known():
		return 1 // the period has gone on
	case a.Elapsed == 0 || b.Elapsed == 0:
		return cmp.Or(cmp.Compare(a.Minute, b.Minute), cmp.Compare(a.Stoppage, b.Stoppage), cmp.Compare(a.Balls, b.Balls))
	}
	return cmp.Compare(a.Elapsed, b.Elapsed)
}

// lowerScore reports whether a score has fewer goals of either side than another. It is false if
// either is nil, and in tennis, where each set begins at nothing.
func lowerScore(sport event.Sport, now, was *event.Score) bool {
	return now != nil && was != nil && (now.Home < was.Home || now.Away < was.Away) && sport != event.Tennis
}
