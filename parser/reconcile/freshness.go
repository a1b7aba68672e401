package reconcile

import (
	"cmp"
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A page that looks older than an accepted page may be a stale copy from a cache. It may also be
// correct, if a goal was retracted or the match was reopened. Caches serve stale copies only for a
// limited time. So the page is deferred until at least confirmPolls consecutive polls, over at
// least confirmFor, return such pages. None of these pages may look older than the page before it.
const (
	confirmPolls = 3
	confirmFor   = 90 * time.Second
)

// maxSuperseded is the maximum number of snapshots in View.Superseded.
const maxSuperseded = 64

// A verdict defines which differences of a page are accepted.
type verdict int

const (
	deferred verdict = iota // accept nothing yet
	accepted                // accept additions and corrections
	fresh                   // also accept retractions, because the page is newer than all earlier pages of its site
	overdue                 // accept everything, because the page was deferred long enough
)

// judge returns the verdict on the page, and the view of its site after the page.
func judge(known *State, o *observation.Observation, from *Provenance) (verdict, View) {
	before := known.Views[from.Site]
	next, result := before, accepted
	next.PageID = cmp.Or(o.PageID, before.PageID)
	contradicts := known.Known() && contradictsCourse(known, &before, o, from)
	if contradicts != (before.MovedOn && before.Deferred == nil) {
		before.Hold = nil // the earlier pages were deferred for another reason
	}
	switch {
	case !known.Known():
	case contradicts:
		next.Hold, next.Deferred, next.MovedOn = before.Hold.extended(from.At), nil, true
		return deferred, next
	case lagsBehind(known, &before, o):
		// A page does not undo facts from another site while pages of any other site are accepted,
		// or if its own bytes have not changed.
		next.Hold = firstHold(from.At)
		if known.seenRecently(from.At, from.isOtherSite) || snapshotOf(o, from) == before.Snapshot {
			return deferred, next
		}
		fallthrough // no other site is active, so treat the page as one that looks older
	case pageLooksOlder(&before, o, from):
		next.Hold, next.Deferred = before.extendHold(o, from)
		if !next.Hold.overdue(confirmPolls, confirmFor) {
			return deferred, next
		}
		next = before.forgotten(o, next.PageID)
		result = overdue
	case pageIsNewer(&before, o, from):
		result = fresh
	}
	next.Hold, next.Deferred, next.MovedOn = nil, nil, false
	return result, next.advanced(o, from)
}

// forgotten returns the view without what an overdue page contradicts. The page does not contradict a clock or a
// status that it does not show, such as the clock in a break.
func (v *View) forgotten(o *observation.Observation, pageID string) View {
	next := View{PageID: pageID, Start: v.Start, Superseded: v.Superseded, Snapshot: v.Snapshot}
	if shown := clockShown(o); !shown.Known() && (shown.Period == "" || shown.Period == v.Clock.Period) {
		next.Clock = v.Clock
	}
	if o.Match.Status == "" {
		next.Rank = v.Rank
	}
	return next
}

// extendHold returns the hold after another deferred page, and what the page shows. If the page is
// older than the previous deferred page, the hold begins again. Then the two pages are different stale
// copies, or only the new page is a stale copy. Replaced bytes with fewer rows are older.
func (v *View) extendHold(o *observation.Observation, from *Provenance) (*Hold, *View) {
	now := View{}.advanced(o, from)
	now.Score, now.Replaced = o.Score, v.superseded(o, from)
	if d := v.Deferred; d != nil && (d.isAheadOf(o, from) || now.Replaced && (!d.Replaced || now.Rows < d.Rows)) {
		return firstHold(from.At), &now
	}
	return v.Hold.extended(from.At), &now
}

// snapshotOf returns a value that identifies the bytes of the page. For a page with several matches
// it returns a constant, because the bytes change when any of its matches changes. For such pages, use
// [Provenance.Superseded]. If the snapshot is unknown, snapshotOf also returns a constant.
func snapshotOf(o *observation.Observation, from *Provenance) string {
	if o.Shared {
		return "shared"
	}
	return cmp.Or(from.Evidence.Snapshot, "unknown")
}

// repeats reports whether the page of a match that is live or has ended has the same bytes as the latest accepted
// page of its site. It returns false if the bytes are unknown, or if the page can show several matches.
func repeats(known *State, o *observation.Observation, from *Provenance) bool {
	begun := o.Match.Status == event.Live || o.Match.Status.Over()
	return begun && from.Evidence.Snapshot != "" && !o.Shared &&
		known.Views[from.Site].Snapshot == from.Evidence.Snapshot
}

// pageIsNewer reports whether the page is known to be newer than all earlier pages of its site.
func pageIsNewer(v *View, o *observation.Observation, from *Provenance) bool {
	return v.Snapshot != "" && (v.behind(o) || !v.superseded(o, from) && v.compareModified(from) > 0)
}

// behind reports whether the page shows a later clock or status than the site's earlier pages.
func (v *View) behind(o *observation.Observation) bool {
	return compareClock(o.Sport, clockShown(o), v.Clock) > 0 || o.Match.Status != "" && o.Match.Status.Rank() > v.Rank
}

// pageLooksOlder reports whether the page looks older than an earlier page of its site. It returns
// false if pageIsNewer holds, even if the score is lower.
func pageLooksOlder(v *View, o *observation.Observation, from *Provenance) bool {
	switch {
	case v.Snapshot == "" || pageIsNewer(v, o, from):
		return false
	case v.isAheadOf(o, from):
		return true
	case pointsListed(o) == 0 && v.RetractedScore != nil && o.Score != nil && *o.Score == *v.RetractedScore:
		return true // without rows, retracted points look the same as new points
	}
	// Superseded bytes with more rows are not older: the page that replaced them lacked a row.
	// Superseded bytes with a higher score are older: a goal was retracted after them.
	return v.superseded(o, from) && (len(o.Incidents) <= v.Rows || lowerScore(o.Sport, v.Score, o.Score))
}

// isAheadOf reports whether the page shows an earlier clock, status or Last-Modified than v, or a lower
// score.
func (v *View) isAheadOf(o *observation.Observation, from *Provenance) bool {
	return compareClock(o.Sport, clockShown(o), v.Clock) < 0 ||
		o.Match.Status != "" && o.Match.Status.Rank() < v.Rank ||
		v.compareModified(from) < 0 ||
		showsLess(o, v.Score, v.LineScore, v.Clock.Period)
}

// superseded reports whether other bytes have already replaced the bytes of the page. It returns false
// for the bytes of the latest accepted page: they have returned.
func (v *View) superseded(o *observation.Observation, from *Provenance) bool {
	snapshot := snapshotOf(o, from)
	if snapshot == v.Snapshot {
		return from.Superseded && (o.Shared || from.Evidence.Snapshot == "")
	}
	return from.Superseded || slices.Contains(v.Superseded, snapshot)
}

// compareModified returns 1 if the page's Last-Modified is after the latest Last-Modified of its
// site, and -1 if it is before. It returns 0 if the two are equal or either is unknown.
func (v *View) compareModified(from *Provenance) int {
	if from.Modified.IsZero() || v.Modified.IsZero() {
		return 0
	}
	return from.Modified.Compare(v.Modified)
}

// advanced returns the view after an accepted page.
func (v View) advanced(o *observation.Observation, from *Provenance) View {
	at, status := clockShown(o), o.Match.Status
	laterStatus := status != "" && status.Rank() > v.Rank
	if laterStatus && at.Known() || v.Clock.IsZero() || compareClock(o.Sport, at, v.Clock) > 0 ||
		v.Clock.Period == "" && at.Period != "" {
		v.Clock = at
	}
	if status != "" {
		v.Rank = status.Rank()
	}
	if from.Modified.After(v.Modified) {
		v.Modified = from.Modified
	}
	if !o.Match.Start.IsZero() {
		v.Start = o.Match.Start
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

// lagsBehind reports whether the page lacks a fact that another site has shown and the page's own
// site has not. The fact can be a goal, a retraction of a goal, a later status or a later period.
func lagsBehind(known *State, v *View, o *observation.Observation) bool {
	if len(known.Views) == 0 || len(known.Views) == 1 && v.Snapshot != "" {
		return false // there is no other site
	}
	rank := known.Match.Status.Rank()
	if o.Match.Status != "" && o.Match.Status.Rank() < rank && v.Rank < rank {
		return true
	}
	period := o.Sport.Index(known.Match.Period)
	now, shown := o.Sport.Index(o.Match.Period), o.Sport.Index(v.Clock.Period)
	if o.Match.Status.Rank() == event.Live.Rank() && 0 <= now && now < period && shown < period {
		return true
	}
	if o.Score == nil || known.Score == nil || len(known.innings().Began(o, o.Score)) > 0 {
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

// clockShown returns the clock of a page. If the clock has no period, clockShown adds the page's
// period. In a break it returns only the period.
func clockShown(o *observation.Observation) event.Clock {
	c := o.Match.Clock
	c.Period = cmp.Or(c.Period, o.Match.Period)
	if o.Match.Status == event.Break {
		return event.Clock{Period: cmp.Or(o.Match.Period, c.Period)} // some pages show 45' in the break, after 45+2'
	}
	return c
}

// compareClock returns -1 if a is before b, 1 if a is after b, and 0 if they are equal or cannot be
// compared.
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
		return 1 // without a clock, b counts as the start of the period
	case a.Elapsed == 0 || b.Elapsed == 0:
		return cmp.Or(cmp.Compare(a.Minute, b.Minute), cmp.Compare(a.Stoppage, b.Stoppage), cmp.Compare(a.Balls, b.Balls),
			cmp.Compare(a.Half.Index(), b.Half.Index()))
	}
	return cmp.Compare(a.Elapsed, b.Elapsed)
}

// lowerScore reports whether either side has fewer points in now than in was. It returns false if
// now or was is nil, or if the score starts again with each set.
func lowerScore(sport event.Sport, now, was *event.Score) bool {
	return now != nil && was != nil && (now.Home < was.Home || now.Away < was.Away) && !sport.Rules().SetScore
}

// showsLess reports whether the page shows fewer points for a side than an earlier score. In
// cricket and tennis, if both line scores are known, showsLess compares them: the innings and runs, or
// the sets and games. If a line score is unknown in tennis, showsLess compares the scores only if the
// page shows period, the set of the earlier score.
func showsLess(o *observation.Observation, was *event.Score, line *event.LineScore, period event.Period) bool {
	switch {
	case addsUp(o.Sport):
		return lowerScore(o.Sport, o.Score, was)
	case o.LineScore != nil && line != nil && scoreRestarts(o.Sport):
		return lowerSets(o.LineScore.Sets(), line.Sets())
	case o.LineScore != nil && line != nil:
	case scoreRestarts(o.Sport):
		return o.Score != nil && was != nil && period != "" && clockShown(o).Period == period &&
			(o.Score.Home < was.Home || o.Score.Away < was.Away)
	default:
		return lowerScore(o.Sport, o.Score, was)
	}
	return slices.ContainsFunc([]event.Side{event.Home, event.Away}, func(side event.Side) bool {
		now, was := o.LineScore.Of(side), line.Of(side)
		return len(now) < len(was) || now.Runs() < was.Runs()
	})
}

// lowerSets reports whether now has fewer sets than was, or fewer games of a side in the latest set
// in which now and was differ. It ignores earlier sets: while the latest set goes on, a page can
// remove a game of an earlier set.
func lowerSets(now, was []event.Score) bool {
	if len(now) != len(was) {
		return len(now) < len(was)
	}
	for i := len(now) - 1; i >= 0; i-- {
		if now[i] != was[i] {
			return now[i].Home < was[i].Home || now[i].Away < was[i].Away
		}
	}
	return false
}

// scoreFalls reports whether the page's score is lower than the known score. It returns false if the
// score is lower because a side has begun an innings.
func scoreFalls(known *State, o *observation.Observation) bool {
	return showsLess(o, known.Score, known.LineScore, known.Match.Period) && len(known.innings().Began(o, o.Score)) == 0
}
