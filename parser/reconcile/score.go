package reconcile

import (
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// doubtPolls is the number of pages that must agree on a score in doubt. All pages except the first
// must be fresh.
const doubtPolls = 2

// leapGoals is the maximum number of goals by which the page's score can exceed the saved score or
// the number of listed goals, whichever is larger, without being in doubt.
const leapGoals = 5

// A scoreDecision defines how the page's score may change the saved score. The zero scoreDecision
// allows only added goals.
type scoreDecision struct {
	doubtful   bool // the score is ignored
	mayRetract bool // the score may retract goals
}

// decideScore returns the decision on the page's score, and v, the view of the page's site, with
// the score and the doubt updated. A score that falls or leaps is in doubt, unless the page is
// overdue. The score is confirmed when doubtPolls pages agree on it, or when pages agree on it for
// confirmFor. If the page lacks rows, only confirmFor confirms a score that falls.
func decideScore(known *State, o *observation.Observation, from *Provenance, by verdict, v View) (scoreDecision, View) {
	var d scoreDecision
	lower, leap := falls(known, o), leaps(known, o)
	switch {
	case by == overdue:
		v.Doubt, d.mayRetract = nil, true
	case !lower && !leap:
		v.Doubt = nil
	default:
		agrees := v.Doubt != nil && v.Doubt.confirmedBy(known, o, leap)
		v.Doubt = v.Doubt.next(*o.Score, agrees, by == fresh, from.At)
		sure := v.Doubt.Polls >= doubtPolls && !(lower && lacksRows(known, o)) || v.Doubt.Lasted >= confirmFor
		d.mayRetract, d.doubtful = sure && lower, !sure
		if sure {
			v.Doubt = nil
		}
	}
	if !d.doubtful && o.Score != nil {
		v.Score, v.LineScore = o.Score, o.LineScore
	}
	return d, v
}

// next returns the doubt after a page with this score. agrees reports whether the score confirms d.
// next does not modify d, which may be nil.
func (d *Doubt) next(score event.Score, agrees, isFresh bool, at time.Time) *Doubt {
	if d == nil || !agrees {
		return &Doubt{Score: score, Hold: *(*Hold)(nil).extended(at)}
	}
	hold := *d.extended(at)
	if !isFresh { // the page extends the time, but does not count as a poll
		hold.Polls = d.Polls
	}
	return &Doubt{Score: score, Hold: hold}
}

// confirmedBy reports whether the page's score, which is in doubt too, confirms the score of d. It is
// the same score, or it retracts the same goals. In sports that do not count goals, the score can have
// risen since.
func (d *Doubt) confirmedBy(known *State, o *observation.Observation, leap bool) bool {
	switch {
	case d.Score == *o.Score:
		return true
	case leap:
		return false
	case !o.Sport.CountsGoals():
		return !lowerScore(o.Sport, o.Score, &d.Score)
	}
	return retractSame(d.Score, *o.Score, *known.Score)
}

// retractSame reports whether the scores a and b retract the same goals from the score known.
func retractSame(a, b, known event.Score) bool {
	for _, side := range []event.Side{event.Home, event.Away} {
		x, y := a.Of(side), b.Of(side)
		if min(x, y) < known.Of(side) && x != y {
			return false
		}
	}
	return true
}

// leaps reports whether the page's score exceeds the limit that leapGoals sets. The profile may
// have read a minute as the score.
func leaps(known *State, o *observation.Observation) bool {
	if !o.Sport.CountsGoals() || known.Score == nil || o.Score == nil {
		return false
	}
	listed := o.Count(event.Goal, event.Home) + o.Count(event.Goal, event.Away)
	return o.Score.Home+o.Score.Away > max(known.Score.Home+known.Score.Away, listed)+leapGoals
}

// lacksRows reports whether the page has no rows, although earlier pages listed more incidents than
// the goals that the page's lower score retracts.
func lacksRows(known *State, o *observation.Observation) bool {
	retracted := 0
	for _, side := range []event.Side{event.Home, event.Away} {
		retracted += max(0, known.Score.Of(side)-o.Score.Of(side))
	}
	return o.Blind && known.listedBefore() > retracted
}
