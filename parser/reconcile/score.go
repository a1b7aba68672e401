package reconcile

import (
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile/internal/innings"
)

// doubtPolls is the number of pages that must agree on a score in doubt. All pages except the first
// must be fresh.
const doubtPolls = 2

// A score that rises by at least impossibleLeap times the usual maximum between two pages is never
// confirmed.
const impossibleLeap = 4

// A scoreDecision defines how the page's score may change the saved score. The zero scoreDecision
// allows only added goals.
type scoreDecision struct {
	doubtful   bool        // the score is ignored
	mayRetract bool        // the score may retract goals
	lost       event.Score // how many points each side loses if the lower score of a fresh page is confirmed
}

// decideScore returns the decision on the page's score, and v, the view of the page's site, with
// the score and the doubt updated. A score that falls or leaps is in doubt, unless the page is
// overdue. A leap of at least impossibleLeap is always in doubt. Any other score is confirmed when
// doubtPolls pages agree on it, or when pages agree on it for confirmFor. If the page lacks rows, a
// score that falls is confirmed only after confirmFor.
func decideScore(known *State, o *observation.Observation, from *Provenance, by verdict, v View) (scoreDecision, View) {
	var d scoreDecision
	lower, leap := scoreFalls(known, o), leapOf(known, o, from)
	switch {
	case by == overdue && leap < impossibleLeap:
		v.Doubt, d.mayRetract = nil, true
	case !lower && leap == 0:
		v.Doubt = nil
	default:
		agrees := v.Doubt != nil && v.Doubt.confirmedBy(known, o, leap > 0)
		v.Doubt = v.Doubt.next(*o.Score, agrees, by == fresh, from.At)
		v.Doubt.Leap = leap > 0
		sure := v.Doubt.Polls >= doubtPolls && !(lower && lacksRows(known, o)) || v.Doubt.Lasted >= confirmFor
		sure = sure && leap < impossibleLeap
		d.mayRetract, d.doubtful = sure && lower, !sure
		if sure {
			v.Doubt = nil
		} else if by == fresh && !lacksRows(known, o) {
			d.lost = lostPoints(known.Score, o.Score)
		}
	}
	if d.mayRetract && lower {
		v.RetractedScore = known.Score
	} else if by == fresh {
		v.RetractedScore = nil
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

// confirmedBy reports whether the page's score, which is in doubt too, confirms the score of d. The
// same score confirms it. If the page's score does not leap, a score that retracts the same goals also
// confirms it. In sports that do not count goals, any score that is not lower does.
func (d *Doubt) confirmedBy(known *State, o *observation.Observation, leap bool) bool {
	switch {
	case d.Score == *o.Score:
		return true
	case leap:
		return false
	case !o.Sport.Rules().CountsGoals:
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

// leapOf compares the rise of the score with the usual maximum since the latest page. The rise is
// measured from the saved score, or from the points listed on the page if they are higher. leapOf
// returns 0 if the rise does not exceed the maximum, and otherwise the rise divided by the maximum,
// rounded down.
// A great leap may mean that the profile reads a minute as the score.
func leapOf(known *State, o *observation.Observation, from *Provenance) int {
	usual := o.Sport.Rules().Bounds.Leap
	if usual == 0 || known.Score == nil || o.Score == nil {
		return 0
	}
	was := max(known.Score.Home+known.Score.Away, pointsListed(o))
	if seen, ok := known.Seen[from.reader()]; ok {
		usual += usual * int(max(0, from.At.Sub(seen))/(10*time.Minute))
	}
	if rise := o.Score.Home + o.Score.Away - was; rise > usual {
		return rise / usual
	}
	return 0
}

// pointsListed returns the total points of both sides, as listed in the rows of the page.
func pointsListed(o *observation.Observation) int {
	if o.Sport.Rules().CountsGoals {
		return o.Count(event.Goal, event.Home) + o.Count(event.Goal, event.Away)
	}
	most := 0
	for i := range o.Incidents {
		if in := &o.Incidents[i]; in.Score != nil && isPoints(o.Sport, in) {
			most = max(most, in.Score.Home+in.Score.Away)
		}
	}
	return most
}

// lacksRows reports whether the page has no rows, although earlier pages listed more incidents than
// the goals that the page's lower score retracts.
func lacksRows(known *State, o *observation.Observation) bool {
	lost := lostPoints(known.Score, o.Score)
	return o.NoRows && known.listedBefore() > lost.Home+lost.Away
}

// lostPoints returns how many fewer points each side has in now than in was. It returns 0-0 if
// either score is nil.
func lostPoints(was, now *event.Score) event.Score {
	if was == nil || now == nil {
		return event.Score{}
	}
	return event.Score{Home: max(0, was.Home-now.Home), Away: max(0, was.Away-now.Away)}
}

// addsUp reports whether the score is the sum of the line score, or counts its sets. It returns
// false for cricket and tennis, because their score is that of the latest innings or set.
func addsUp(sport event.Sport) bool {
	return !sport.Rules().InningsScore && !sport.Rules().SetScore
}

// lineAfter returns the line score after a change. line is the line score before the change. before
// and after are the scores before and after the change. lineAfter returns nil if it is not known which
// part of the match the points belong to.
func (d *draft) lineAfter(
	ch *change, in *TrackedIncident, line *event.LineScore, before, after *event.Score,
) *event.LineScore {
	sport, moved := d.state.Sport, before != nil && after != nil && *before != *after
	scoreChange := in.Kind == event.ScoreChange && in.Score != nil
	sets := sport.Rules().SetScore || sport.Rules().CountsSets
	if !sets && moved && line == nil && d.obs.LineScore != nil && *before == (event.Score{}) {
		line = &event.LineScore{}
	}
	switch {
	case d.scoresInnings(*ch):
		return innings.After(line, d.obs.LineScore, in.Side, after.Of(in.Side), in.Kind == "wicket")
	case sport.Rules().InningsScore:
		if scoreChange {
			return d.obs.LineScore
		}
		return line
	case sport.Rules().SetScore:
		if (scoreChange || isPoints(sport, &in.Incident) && !isSet(sport, &in.Incident)) && after != nil {
			return d.setsAfter(ch, in, line, *after)
		}
		return line
	}
	if moved && !sport.Rules().CountsSets {
		part := slices.Index(sport.Rules().Parts(), sport.PlayedBefore(in.Clock.Period))
		if part < 0 || in.Kind == event.ScoreChange && d.periodMoved {
			line = nil // the points may belong to the period before
		}
		if line != nil {
			line = line.With(part, *before, *after)
		}
	}
	return d.lineFor(after, line)
}

// lineFor returns the page's line score if it fits score and the page's score is not in doubt.
// Otherwise it returns line if line fits, or nil.
func (d *draft) lineFor(score *event.Score, line *event.LineScore) *event.LineScore {
	rules := d.state.Sport.Rules()
	switch shown := d.obs.LineScore; {
	case score == nil:
		return nil
	case shown != nil && !d.score.doubtful && shown.Fits(rules, *score):
		return shown
	case line != nil && line.Fits(rules, *score):
		return line
	}
	return nil
}

// setsAfter returns the sets after a game, or after a change in the score of a set. It uses the
// earlier sets of the page, or of line if the page has none. It returns nil if the earlier sets are
// unknown.
func (d *draft) setsAfter(ch *change, in *TrackedIncident, line *event.LineScore, games event.Score) *event.LineScore {
	set := d.state.Sport.Index(in.Clock.Period)
	for _, known := range []*event.LineScore{d.obs.LineScore, line} {
		switch {
		case known == nil || set < 0 || len(known.Sets()) < set:
		case ch.action != event.New:
			return known
		default:
			return &event.LineScore{
				Home: append(known.Home[:set:set], event.Innings{Runs: games.Home}),
				Away: append(known.Away[:set:set], event.Innings{Runs: games.Away}),
			}
		}
	}
	return nil
}
