package scheduler

import (
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/poll"
)

const (
	slowest    = 10 * time.Minute // between two polls, whatever the match does
	densest    = 5 * time.Second  // between two polls of a match that needs watching, unless its source says less
	scoreFor   = 2 * time.Minute  // a score that moved is watched so long: who it was, and whether it stands
	lateFor    = 2 * time.Hour    // a kick-off may be late by so much
	overFor    = 30 * time.Minute // a match that is over is polled so long
	failedMost = 5 * time.Minute  // between two polls of a site that fails
	freshMost  = time.Minute      // that a site's Cache-Control is believed
	patient    = 8                // polls in a row without news, from which on half as many will do
	siteShare  = 4                // a site that needs so long to answer is asked no more often than after so many times that
)

// A course is what is remembered of a source from poll to poll.
type course struct {
	Scored time.Time `json:"scored,omitzero"` // when a score last moved
	Over   time.Time `json:"over,omitzero"`   // since when every match of the page is over
}

// follow takes up what a poll showed.
func (c course) follow(p poll.Result) course {
	if p.Scored {
		c.Scored = p.At
	}
	switch {
	case p.Many || len(p.Matches) > 0 && !allOver(p.Matches):
		c.Over = time.Time{}
	case len(p.Matches) > 0 && c.Over.IsZero():
		c.Over = p.At
	}
	return c
}

// done reports whether the page has nothing more to tell.
func (c course) done(at time.Time) bool { return !c.Over.IsZero() && at.Sub(c.Over) >= overFor }

// interval is how long after a poll the next is due, for a source that is read
// every so often while a match is live.
func (c course) interval(every time.Duration, p poll.Result) time.Duration {
	if p.Unmarked {
		return 2 * time.Minute // nobody is asked for anything
	}
	if p.Busy { // the others come first; the host is to be asked less often on the whole
		return 2 * every
	}
	if p.Failures > 0 {
		return max(every, min(every<<min(p.Failures, 10), failedMost), p.Wait)
	}
	d := c.wanted(every, p)
	return max(d, p.Wait, min(p.Fresh, freshMost), siteShare*p.Took, time.Second)
}

// wanted is how often the match that most needs watching should be polled.
func (c course) wanted(every time.Duration, p poll.Result) time.Duration {
	d := max(slowest, every)
	for _, m := range p.Matches {
		d = min(d, pause(every, m, p.At))
	}
	switch {
	case len(p.Matches) == 0:
		return 8 * every
	case d <= every && p.At.Sub(c.Scored) < scoreFor:
		return dense(every)
	case d <= every && p.Unchanged >= patient:
		return 2 * d
	}
	return d
}

// pause is how long one match can be left alone.
func pause(every time.Duration, m event.Match, now time.Time) time.Duration {
	switch m.Status {
	case event.Live:
		if m.Clock.Stoppage > 0 || m.Period == "so" {
			return dense(every)
		}
		return every
	case event.Ended: // it may be opened again
		return 2 * every
	case event.Break, event.Interrupted, event.Suspended, event.Delayed:
		return 4 * every
	case event.Scheduled, "":
		switch until := m.Start.Sub(now); {
		case m.Start.IsZero() || until < -lateFor:
			return 4 * every
		default:
			return max(every, until/10)
		}
	case event.Postponed:
		return slowest
	}
	return 8 * every
}

func dense(every time.Duration) time.Duration { return min(every, max(every/2, densest)) }

func allOver(matches []event.Match) bool {
	for _, m := range matches {
		switch m.Status {
		case event.Final, event.Cancelled, event.Abandoned, event.Awarded, event.Retired:
		default:
			return false
		}
	}
	return true
}
