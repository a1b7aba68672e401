package reconcile

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A page that looks older than one already believed may be a stale copy, which
// caches serve for a while, or the truth, when a goal is taken back or a match
// re-opened. Only time tells them apart: such a page is held, and believed when
// it persists.
const (
	heldPolls = 3
	heldFor   = 90 * time.Second

	// A card or substitution that a page no longer lists is taken back after
	// so many complete pages over so long.
	missingPolls = 4
	missingFor   = 2 * time.Minute

	MaxSuperseded = 64 // digests kept of pages that newer ones have replaced
)

// shown is the point in the match that a page shows: its clock, or at least
// its period.
func shown(o *observation.Observation) event.Clock {
	c := o.Match.Clock
	c.Period = cmp.Or(c.Period, o.Match.Period)
	if o.Match.Status == event.Break {
		return event.Clock{Period: cmp.Or(o.Match.Period, c.Period)} // 45' after 45+2' is no step back
	}
	return c
}

// compareClock says whether a is before or beyond b, as far as both tell.
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

// A verdict is how far a page is to be believed.
type verdict int

const (
	held     verdict = iota // not at all, for now
	believed                // in what it adds and changes
	fresh                   // strictly newer than any before of its source: its takings back count too
	overdue                 // held so long that it is the truth
)

// judge decides on the page, and remembers in the view what it takes to decide
// on the next.
func (c *comparison) judge() verdict {
	known := c.state.Views[c.reading.Source]
	c.view = known
	if id := c.page.PageID; id != "" {
		c.view.PageID = id
	}
	verdict := believed
	switch {
	case !c.state.Known():
	case c.lagging(known):
		// What another source shows is not undone while it is being read, nor by
		// a page that has stood still since.
		c.view.Hold = (*Hold)(nil).again(c.reading.At)
		if c.watched(c.reading.elsewhere) || c.snapshot == known.Snapshot {
			return held
		}
		fallthrough
	case c.behind(known):
		c.view.Hold = known.Hold.again(c.reading.At)
		if !c.view.Hold.overdue(heldPolls, heldFor) {
			return held
		}
		c.view = View{PageID: c.view.PageID, Superseded: known.Superseded, Snapshot: known.Snapshot}
		verdict = overdue
	case c.beyond(known):
		verdict = fresh
	}
	c.view.Hold = nil
	c.advance()
	return verdict
}

// beyond reports whether the page is strictly newer than those before it.
func (c *comparison) beyond(v View) bool {
	return c.further(v) || v.Snapshot != "" && !c.again(v) && c.modified(v) > 0
}

// further reports whether the match has gone on since the pages before it.
func (c *comparison) further(v View) bool {
	o := &c.page
	return v.Snapshot != "" && (compareClock(o.Sport, shown(o), v.Clock) > 0 || o.Match.Status != "" && o.Match.Status.Rank() > v.Rank)
}

// again reports whether the page's bytes were replaced by others before.
func (c *comparison) again(v View) bool {
	return c.reading.Again || c.snapshot != v.Snapshot && slices.Contains(v.Superseded, c.snapshot)
}

// behind reports whether the page looks older than one that its source has
// shown already. One that is beyond it in any way is not: its score may go back.
func (c *comparison) behind(v View) bool {
	o := &c.page
	switch {
	case v.Snapshot == "" || c.beyond(v):
		return false
	case compareClock(o.Sport, shown(o), v.Clock) < 0, o.Match.Status != "" && o.Match.Status.Rank() < v.Rank, c.modified(v) < 0, c.below(o.Score, v.Score):
		return true
	}
	// A page that was replaced, but for one that lists more: a row had vanished
	// from the one that replaced it. A goal more had been taken back.
	return c.again(v) && (len(o.Incidents) <= v.Rows || c.below(v.Score, o.Score))
}

// lagging reports whether the source has not yet seen what another has: a goal,
// an end, the next period, or that a goal was taken back.
func (c *comparison) lagging(v View) bool {
	s, o := &c.state, &c.page
	if len(s.Views) == 0 || len(s.Views) == 1 && v.Snapshot != "" {
		return false // there is no other source
	}
	if o.Match.Status != "" && o.Match.Status.Rank() < s.Match.Status.Rank() && v.Rank < s.Match.Status.Rank() {
		return true
	}
	if now, was := o.Sport.Index(o.Match.Period), o.Sport.Index(s.Match.Period); now >= 0 && now < was && o.Match.Status.Rank() == event.Live.Rank() &&
		o.Sport.Index(v.Clock.Period) < was {
		return true
	}
	if o.Score == nil || s.Score == nil {
		return false
	}
	for _, side := range []event.Side{event.Home, event.Away} {
		now, was := o.Score.Of(side), s.Score.Of(side)
		switch {
		case now < was && (v.Score == nil || v.Score.Of(side) <= now): // it never showed that goal
			return true
		case now > was && v.Score != nil && v.Score.Of(side) >= now: // it still shows that goal
			return true
		}
	}
	return false
}

// elsewhere is where another source is read, and byOthers where another worker
// reads, be it of the same source.
func (r *Provenance) elsewhere(who string) bool { return !strings.HasPrefix(who, r.Source+" ") }
func (r *Provenance) byOthers(who string) bool  { return who != r.who() }

// watched reports whether the match has been read lately by any of these.
func (c *comparison) watched(these func(who string) bool) bool {
	for who, at := range c.state.Seen {
		if these(who) && c.reading.At.Sub(at) < StaleAfter {
			return true
		}
	}
	return false
}

// who names the reader of a source.
func (r *Provenance) who() string { return r.Source + " " + r.Watcher }

// modified compares the page's Last-Modified with the newest of its source.
func (c *comparison) modified(v View) int {
	if c.reading.Modified.IsZero() || v.Modified.IsZero() {
		return 0
	}
	return c.reading.Modified.Compare(v.Modified)
}

// below reports whether a score has fewer goals of a side than another. In
// tennis it says nothing: each set begins anew.
func (c *comparison) below(now, was *event.Score) bool {
	return now != nil && was != nil && (now.Home < was.Home || now.Away < was.Away) && c.page.Sport != event.Tennis
}

// advance makes the page the newest of its source that was believed.
func (c *comparison) advance() {
	v, o, r := &c.view, &c.page, &c.reading
	rose := o.Match.Status != "" && o.Match.Status.Rank() > v.Rank
	if o.Match.Status != "" {
		v.Rank = o.Match.Status.Rank()
	}
	if at := shown(o); rose && at.Known() || v.Clock.IsZero() || compareClock(o.Sport, at, v.Clock) > 0 || v.Clock.Period == "" && at.Period != "" {
		v.Clock = at
	}
	if r.Modified.After(v.Modified) {
		v.Modified = r.Modified
	}
	v.Rows = len(o.Incidents)
	if v.Snapshot == c.snapshot {
		return
	}
	old := slices.DeleteFunc(slices.Clone(v.Superseded), func(d string) bool { return d == c.snapshot })
	if v.Snapshot != "" {
		old = append(old, v.Snapshot)
	}
	v.Superseded, v.Snapshot = old[max(0, len(old)-MaxSuperseded):], c.snapshot
}
