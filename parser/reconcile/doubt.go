package reconcile

import (
	"time"

	"github.com/matchwire/matchwire/event"
)

// doubtPolls is how many fresh pages must agree on a score that is in doubt.
const doubtPolls = 2

// A Doubt is a score that one page is not enough for: below the known one, or
// far above it.
type Doubt struct {
	Hold              // of the pages that agree; only fresh ones count as polls
	Score event.Score `json:"score"`
}

// next is the doubt after a page with this score; d may be nil.
func (d *Doubt) next(score event.Score, agrees, fresh bool, at time.Time) *Doubt {
	if d == nil || !agrees {
		return &Doubt{Score: score, Hold: *(*Hold)(nil).again(at)}
	}
	hold := *d.again(at)
	if !fresh { // the same page once more is no second one, but it lasts
		hold.Polls = d.Polls
	}
	return &Doubt{Score: score, Hold: hold}
}

// takesBack reports whether two scores take the same back from a known one.
func takesBack(a, b, known event.Score) bool {
	for _, side := range []event.Side{event.Home, event.Away} {
		x, y := a.Of(side), b.Of(side)
		if min(x, y) < known.Of(side) && x != y {
			return false
		}
	}
	return true
}

// confirm decides whether the page's score is believed: one that takes goals
// back, or leaps, when two fresh pages agree or it lasts as long as a page that
// is held. Until then it is in doubt, and nothing is added by it either.
func (c *comparison) confirm() {
	v, o := &c.view, &c.page
	lower, leap := c.below(o.Score, c.state.Score), c.leaps()
	if c.verdict == overdue || !lower && !leap {
		v.Doubt, c.takeBack = nil, c.verdict == overdue
	} else {
		agrees := v.Doubt != nil && (v.Doubt.Score == *o.Score || !leap && takesBack(v.Doubt.Score, *o.Score, *c.state.Score))
		v.Doubt = v.Doubt.next(*o.Score, agrees, c.verdict == fresh, c.reading.At)
		sure := v.Doubt.Polls >= doubtPolls && !(lower && c.partial()) || v.Doubt.Lasted >= heldFor
		c.takeBack, c.doubtful = sure && lower, !sure
		if sure {
			v.Doubt = nil
		}
	}
	if !c.doubtful && o.Score != nil {
		v.Score = o.Score
	}
}

// leaps reports whether a page has so many goals more than are known or listed
// that it must say so twice: a minute may have been taken for the score.
func (c *comparison) leaps() bool {
	const most = 5
	s, o := &c.state, &c.page
	if !o.Sport.CountsGoals() || s.Score == nil || o.Score == nil {
		return false
	}
	rows := o.Count(event.Goal, event.Home) + o.Count(event.Goal, event.Away)
	return o.Score.Home+o.Score.Away > max(s.Score.Home+s.Score.Away, rows)+most
}

// partial reports whether a page without any row lacks more than the goals that
// its score takes back.
func (c *comparison) partial() bool {
	back := 0
	for _, side := range []event.Side{event.Home, event.Away} {
		back += max(0, c.state.Score.Of(side)-c.page.Score.Of(side))
	}
	return c.page.Blind && c.everListed() > back
}
