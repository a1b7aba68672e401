package scheduler

import (
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/poll"
)

const (
	slowest = 10 * time.Minute // the longest interval that the status of a match asks for

	// densest is the shortest interval in stoppage time and after a score, unless the source asks for
	// a shorter one.
	densest = 5 * time.Second
	// scoreFor is how long polls are more frequent after a score: to learn the scorer, and whether the
	// score stays.
	scoreFor = 2 * time.Minute

	lateFor    = 2 * time.Hour    // the most that a kick-off may be late
	overFor    = 30 * time.Minute // how long a match is polled after it is over
	failedMost = 5 * time.Minute  // the longest interval for a site that fails
	freshMost  = time.Minute      // the longest freshness that is accepted from a site's Cache-Control
	patient    = 8                // after this many unchanged polls the interval doubles
	siteShare  = 4                // the interval is at least this many times the site's response time
)

// A course is what the scheduler remembers of a source between polls.
type course struct {
	Scored time.Time `json:"scored,omitzero"` // when a score last changed
	Over   time.Time `json:"over,omitzero"`   // when all matches of the page were first over
}

// follow returns the course after a poll.
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

// done reports whether all matches have been over for so long that polling ends.
func (c course) done(at time.Time) bool { return !c.Over.IsZero() && at.Sub(c.Over) >= overFor }

// interval returns the time from a poll to the next. every is the source's interval while a match
// is live.
func (c course) interval(every time.Duration, p poll.Result) time.Duration {
	if p.Unmarked {
		return 2 * time.Minute // such a poll sends no request
	}
	if p.Busy { // the host has no free slot
		return 2 * every
	}
	if p.Failures > 0 {
		return max(every, min(every<<min(p.Failures, 10), failedMost), p.Wait)
	}
	d := c.wanted(every, p)
	return max(d, p.Wait, min(p.Fresh, freshMost), siteShare*p.Took, time.Second)
}

// wanted returns the interval for the match that needs the most frequent polls.
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

// pause returns the interval that the state of one match asks for.
func pause(every time.Duration, m event.Match, now time.Time) time.Duration {
	switch m.Status {
	case event.Live:
		if m.Clock.Stoppage > 0 || m.Period == "so" {
			return dense(every)
		}
		return every
	case event.Ended: // it can be re-opened
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

// dense returns the interval in stoppage time and after a score.
func dense(every time.Duration) time.Duration { return min(every, max(every/2, densest)) }

// allOver reports whether all matches have ended and cannot go on.
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
