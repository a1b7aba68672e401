package parser

import (
	"cmp"
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
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

	maxSuperseded = 64 // digests kept of pages that newer ones have replaced
)

// A Frontier is how far the newest page that was believed had come.
type Frontier struct {
	Rank     int         `json:"rank"` // of its status
	Clock    event.Clock `json:"clock,omitzero"`
	Modified time.Time   `json:"modified,omitzero"` // its Last-Modified
}

// A Hold counts the pages in a row that looked older.
type Hold struct {
	Since time.Time `json:"since"`
	Polls int       `json:"polls"`
}

// A Doubt is a score below the known one on a page that is fresh. A second
// fresh page that agrees makes it true.
type Doubt struct {
	Score event.Score `json:"score"`
}

// rank orders statuses by how far the match has come. Between those of one
// rank a match may go back and forth.
func rank(s event.Status) int {
	switch s {
	case event.Live, event.Break, event.Interrupted, event.Suspended:
		return 1
	case event.Ended:
		return 2
	case event.Final, event.Cancelled, event.Abandoned, event.Awarded, event.Retired:
		return 3
	default:
		return 0
	}
}

// shown is the point in the match that a page shows: its clock, or at least
// its period.
func (o *Observation) shown() event.Clock {
	c := o.Match.Clock
	c.Period = cmp.Or(c.Period, o.Match.Period)
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
	if !a.Told() || !b.Told() {
		return 0
	}
	if a.Elapsed == 0 || b.Elapsed == 0 {
		return cmp.Or(cmp.Compare(a.Minute, b.Minute), cmp.Compare(a.Stoppage, b.Stoppage), cmp.Compare(a.Balls, b.Balls))
	}
	return cmp.Compare(a.Elapsed, b.Elapsed)
}

// A verdict is how far a page is to be believed.
type verdict int

const (
	held     verdict = iota // not at all, for now
	believed                // in what it adds and changes
	fresh                   // strictly newer than any before: its takings back count too
	overdue                 // held so long that it is the truth
)

// judge decides on the page, and remembers in the state what it takes to
// decide on the next.
func (c *comparison) judge() verdict {
	s, o, r := &c.state, &c.page, &c.reading
	if !s.seen() {
		c.advance()
		return believed
	}
	status := rank(o.Match.Status)
	if o.Match.Status == "" {
		status = s.Frontier.Rank
	}
	clock := compareClock(o.Sport, o.shown(), s.Frontier.Clock)
	modified := r.Modified.Compare(s.Frontier.Modified)
	if r.Modified.IsZero() || s.Frontier.Modified.IsZero() {
		modified = 0
	}
	if clock > 0 || status > s.Frontier.Rank || modified > 0 {
		s.Hold = nil
		c.advance()
		return fresh
	}
	backwards := clock < 0 || status < s.Frontier.Rank || modified < 0 || c.scoreBackwards() ||
		r.Evidence.Snapshot != s.Snapshot && slices.Contains(s.Superseded, r.Evidence.Snapshot) && c.lacks()
	if !backwards {
		s.Hold = nil
		c.advance()
		return believed
	}
	hold := Hold{Since: r.At}
	if s.Hold != nil {
		hold = *s.Hold
	}
	hold.Polls++
	s.Hold = &hold
	if hold.Polls < heldPolls || r.At.Sub(hold.Since) < heldFor {
		return held
	}
	s.Hold, s.Frontier = nil, Frontier{}
	c.advance()
	return overdue
}

// advance makes the page the newest one believed.
func (c *comparison) advance() {
	s, o, r := &c.state, &c.page, &c.reading
	if o.Match.Status != "" {
		s.Frontier.Rank = rank(o.Match.Status)
	}
	if at := o.shown(); s.Frontier.Clock.IsZero() || compareClock(o.Sport, at, s.Frontier.Clock) > 0 {
		s.Frontier.Clock = at
	}
	if r.Modified.After(s.Frontier.Modified) {
		s.Frontier.Modified = r.Modified
	}
	if s.Snapshot == r.Evidence.Snapshot {
		return
	}
	old := slices.DeleteFunc(slices.Clone(s.Superseded), func(d string) bool { return d == r.Evidence.Snapshot })
	if s.Snapshot != "" {
		old = append(old, s.Snapshot)
	}
	s.Superseded, s.Snapshot = old[max(0, len(old)-maxSuperseded):], r.Evidence.Snapshot
}

// lacks reports whether the page lists fewer incidents than stand. A page that
// lists them all is not old, though it was replaced once: a row had vanished
// from the one that replaced it.
func (c *comparison) lacks() bool {
	standing := 0
	for _, st := range c.state.Standing {
		if st.Side != "" {
			standing++
		}
	}
	return len(c.page.Incidents) < standing
}

// scoreBackwards reports whether the page has fewer goals than are known.
func (c *comparison) scoreBackwards() bool {
	now, was := c.page.Score, c.state.Score
	return now != nil && was != nil && (now.Home < was.Home || now.Away < was.Away)
}

// confirmTakingBack reports whether what the page lacks may be taken back: it
// is overdue, or fresh and the second in a row with this score.
func (c *comparison) confirmTakingBack(v verdict) bool {
	s := &c.state
	if !c.scoreBackwards() {
		if c.page.Score != nil {
			s.Doubt = nil
		}
		return v == overdue
	}
	if v == overdue {
		s.Doubt = nil
		return true
	}
	if s.Doubt != nil && s.Doubt.Score == *c.page.Score {
		s.Doubt = nil
		return true
	}
	s.Doubt = &Doubt{Score: *c.page.Score}
	return false
}
