package scheduler

import (
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/poll"
)

const (
	longestInterval = 10 * time.Minute // longest interval that the status of a match requires

	// shortestDense is the shortest interval in stoppage time, in a shoot-out and after a score. A
	// source may set a shorter interval.
	shortestDense = 5 * time.Second
	// scoreFor is how long polls are more frequent after a score change. During this time, sites
	// add the scorer or correct the score.
	scoreFor = 2 * time.Minute

	lateFor             = 2 * time.Hour    // time after the scheduled kick-off during which polls stay frequent
	overFor             = 30 * time.Minute // time from the end of the last match on a page to the end of polling
	longestAfterFailure = 5 * time.Minute  // longest interval after failed polls
	longestFreshness    = time.Minute      // longest interval that a site's Cache-Control can cause
	unchangedLimit      = 8                // number of unchanged polls in a row after which the interval doubles
	siteShare           = 4                // minimum interval, as a multiple of the response time of the site
)

// A course is the state of a source that determines the interval of its polls. It is saved between
// polls.
type course struct {
	Scored time.Time `json:"scored,omitzero"` // time of the latest score change
	Over   time.Time `json:"over,omitzero"`   // time since which all matches on the page have been over
}

// follow returns the course after the poll p.
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

// done reports whether all matches have been over for overFor at the given time. Then polling ends.
func (c course) done(at time.Time) bool { return !c.Over.IsZero() && at.Sub(c.Over) >= overFor }

// interval returns the time from the poll p to the next poll. every is the source's interval while
// a match is live.
func (c course) interval(every time.Duration, p poll.Result) time.Duration {
	if p.Unmarked {
		return 2 * time.Minute // a poll that only marks matches as stale sends no request
	}
	if p.Busy { // the host has no free slot
		return 2 * every
	}
	if p.Failures > 0 {
		return max(every, min(every<<min(p.Failures, 10), longestAfterFailure), p.Wait)
	}
	d := c.shortest(every, p)
	return max(d, p.Wait, min(p.Fresh, longestFreshness), siteShare*p.Took, time.Second)
}

// shortest returns the interval for the match that requires the most frequent polls. If this interval
// is at most every, it becomes shorter after a score, and is doubled if the page does not change. If
// the page has no matches, the interval is 8 * every.
func (c course) shortest(every time.Duration, p poll.Result) time.Duration {
	d := max(longestInterval, every)
	for _, m := range p.Matches {
		d = min(d, matchInterval(every, m, p.At))
	}
	switch {
	case len(p.Matches) == 0:
		return 8 * every
	case d <= every && p.At.Sub(c.Scored) < scoreFor:
		return dense(every)
	case d <= every && p.Unchanged >= unchangedLimit:
		return 2 * d
	}
	return d
}

// matchInterval returns the interval that the state of one match requires.
func matchInterval(every time.Duration, m event.Match, now time.Time) time.Duration {
	switch m.Status {
	case event.Live:
		if m.Clock.Stoppage > 0 || m.Period == "so" {
			return dense(every)
		}
		return every
	case event.Ended: // play can resume, for example in extra time
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
		return longestInterval
	}
	return 8 * every
}

// dense returns the interval in stoppage time, in a shoot-out and after a score.
func dense(every time.Duration) time.Duration { return min(every, max(every/2, shortestDense)) }

// allOver reports whether all matches have ended and cannot resume.
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
