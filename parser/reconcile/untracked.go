package reconcile

import (
	"slices"
	"strconv"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile/internal/innings"
)

// reportUntracked reports an incident that is never corrected or retracted, and is therefore not
// tracked.
func (d *draft) reportUntracked(in observation.Incident, reason string) {
	d.state.Untracked++
	if p := d.state.Match.Period; in.Clock.Period == "" && (in.Clock.IsZero() || !p.IsBreak()) {
		in.Clock.Period = p // a page can show the time without the period
	}
	phase := phasePlay
	switch {
	case in.Kind == event.StatusChange:
		phase = phaseEnd
	case in.Kind == event.ScoreChange && d.state.Sport.Rules().InningsScore:
		phase = phaseStart // before the wickets, which are part of the score
		if slices.ContainsFunc(d.changes, d.scoresInnings) {
			phase = phaseScore // after the rows, each of which shows the score after its incident
		}
	}
	id := d.id(series{"told", string(in.Kind), strconv.Itoa(d.state.Untracked)})
	d.addChange(change{tracked: -1, untracked: TrackedIncident{Incident: in, Rev: 1, ID: id},
		action: event.New, reason: reason, phase: phase})
}

// reportScoreChange reports a change in the score that no incident explains. It applies to sports
// that do not count goals, and to shoot-outs without tracked kicks.
func (d *draft) reportScoreChange() {
	s, o := &d.state, &d.obs
	restarted := scoreRestarts(o.Sport) && s.Score == nil && o.Score != nil && o.Sport.Index(o.Match.Period) > 0
	// A set that begins with the score that was saved before, such as 1-1, also has a new score. So does a set that
	// begins with 0-0 after a whole set, or more, between two pages.
	restarted = restarted || scoreRestarts(o.Sport) && o.Score != nil && d.begins(o.Match.Period) &&
		(scoreMoved(nil, o.Score) || d.reportsPoints())
	moved := o.Sport.Rules().InningsScore && innings.Moved(s.LineScore, o.LineScore) ||
		(restarted || scoreMoved(s.Score, o.Score)) && !d.explained(*o.Score)
	unplayed := d.partBefore < 0 && s.Score != nil && *s.Score == event.Score{}
	switch {
	case o.Sport.Rules().CountsGoals, d.score.doubtful:
	case scoreRestarts(o.Sport) && o.LineScore != nil && (s.LineScore != nil || s.Score == nil || unplayed):
		d.reportSets()
	case moved:
		clock := o.Match.Clock
		if ended := d.periodEnded(); o.Sport.Rules().CountsSets && ended != "" {
			clock = event.Clock{Period: ended} // the end of a set changes the score
		}
		d.reportUntracked(observation.Incident{Kind: event.ScoreChange, Clock: clock, Score: o.Score}, "")
	}
	isKick := func(tracked TrackedIncident) bool { return tracked.Kind.IsKick() }
	if o.Shootout == nil || slices.ContainsFunc(s.Tracked, isKick) {
		return
	}
	if scoreMoved(s.Shootout, o.Shootout) {
		d.reportUntracked(observation.Incident{Kind: event.ScoreChange, Clock: event.Clock{Period: event.ShootOut}}, "")
	}
	s.Shootout = o.Shootout
}

// periodEnded returns the latest period whose end the draft reports, or "".
func (d *draft) periodEnded() event.Period {
	var latest event.Period
	sport := d.obs.Sport
	for i := range d.changes {
		in := d.incident(&d.changes[i])
		isEnd := in.Kind == event.PeriodEnd && d.changes[i].action == event.New
		if isEnd && sport.Index(in.Clock.Period) > sport.Index(latest) {
			latest = in.Clock.Period
		}
	}
	return latest
}

// begins reports whether the draft reports the start of a period.
func (d *draft) begins(p event.Period) bool {
	return slices.ContainsFunc(d.changes, func(ch change) bool {
		in := d.incident(&ch)
		return in.Kind == event.PeriodStart && ch.action == event.New && in.Clock.Period == p
	})
}

// reportsPoints reports whether the draft reports new points.
func (d *draft) reportsPoints() bool {
	return slices.ContainsFunc(d.changes, func(ch change) bool {
		return ch.action == event.New && isPoints(d.obs.Sport, &d.incident(&ch).Incident)
	})
}

// reportSets reports each set score that has changed and that no game explains. If a set
// ends and the next set begins between two pages, both scores are reported. A set that was over
// before the page is not reported again, because events have the score of the current set.
func (d *draft) reportSets() {
	s, o := &d.state, &d.obs
	was := s.LineScore.Sets()
	for i, score := range o.LineScore.Sets() {
		if i < d.partBefore {
			continue
		}
		period := o.Sport.Rules().Periods[i]
		explained := d.hasPoints(func(tracked *TrackedIncident) bool {
			return tracked.Clock.Period == period && *tracked.Score == score && !isSet(o.Sport, &tracked.Incident)
		})
		changed := i >= len(was) && (i > 0 || score != event.Score{}) || i < len(was) && was[i] != score
		if changed && !explained {
			d.reportUntracked(observation.Incident{Kind: event.ScoreChange, Clock: event.Clock{Period: period},
				Score: new(score)}, "")
		}
	}
}

// explained reports whether tracked incidents that are not doubted explain the score s. Only sides
// whose points differ from the saved score are compared. Such a side must have an incident with
// these points and none with more, or all its points must have been retracted. If the score starts
// again with each set, or if no score is saved, one incident must have the whole score.
func (d *draft) explained(s event.Score) bool {
	if d.obs.Sport.Rules().SetScore || d.state.Score == nil {
		return d.hasPoints(func(tracked *TrackedIncident) bool {
			return *tracked.Score == s && !tracked.Doubted && !isSet(d.obs.Sport, &tracked.Incident) &&
				(d.state.Match.Period == "" || d.state.Match.Period == tracked.Clock.Period || !scoreRestarts(d.obs.Sport))
		})
	}
	for _, side := range []event.Side{event.Home, event.Away} {
		now := s.Of(side)
		if now == d.state.Score.Of(side) {
			continue
		}
		ofSide := func(tracked *TrackedIncident) bool { return tracked.Side == side }
		reached := func(tracked *TrackedIncident) bool {
			return ofSide(tracked) && tracked.Score.Of(side) == now && !tracked.Doubted
		}
		ahead := func(tracked *TrackedIncident) bool { return ofSide(tracked) && tracked.Score.Of(side) > now }
		if d.hasPoints(ahead) || !d.hasPoints(reached) && (now > 0 || d.hasPoints(ofSide) || !d.hasRetractedPoints(side)) {
			return false
		}
	}
	return true
}

// hasPoints reports whether any tracked points that are not retracted satisfy is.
func (d *draft) hasPoints(is func(*TrackedIncident) bool) bool {
	for at := range d.state.Tracked {
		tracked := &d.state.Tracked[at]
		if tracked.Score != nil && isPoints(d.obs.Sport, &tracked.Incident) && !d.isRetracted(at) && is(tracked) {
			return true
		}
	}
	return false
}

// hasRetractedPoints reports whether the page retracts points of a side.
func (d *draft) hasRetractedPoints(side event.Side) bool {
	return slices.ContainsFunc(d.changes, func(ch change) bool {
		in := d.incident(&ch)
		return ch.action == event.Retracted && in.Side == side && isPoints(d.obs.Sport, &in.Incident)
	})
}

// scoreMoved reports whether now, if not nil, differs from was. A first score of 0-0 does not count
// as a difference.
func scoreMoved(was, now *event.Score) bool {
	if now == nil {
		return false
	}
	if was == nil {
		return *now != event.Score{}
	}
	return *now != *was
}

// reportStatusChange reports a change of status, unless a new start or end of a period or of the
// match implies the change. The first page reports no change to scheduled, live or break.
func (d *draft) reportStatusChange() {
	was, now := d.before, d.state.Match.Status
	playing := now == event.Live || now == event.Break
	if now == was || was == "" && (playing || now == event.Scheduled) {
		return
	}
	for _, ch := range d.changes {
		if ch.action == event.Retracted || ch.tracked < 0 {
			continue
		}
		switch d.state.Tracked[ch.tracked].Kind {
		case event.MatchStart, event.PeriodStart, event.PeriodEnd:
			if playing {
				return
			}
		case event.MatchEnd:
			if now.Over() {
				return
			}
		}
	}
	d.reportUntracked(observation.Incident{Kind: event.StatusChange}, "")
}

// A source is stale after at least StalePolls consecutive polls, over at least StaleAfter, without
// a usable page.
const (
	StalePolls = 3
	StaleAfter = 2 * time.Minute
)

// A live match becomes stale after at least noRowsPolls consecutive pages, over at least noRowsFor,
// that list no incident although earlier pages did. The layout of the pages has probably changed.
const (
	noRowsPolls = 3
	noRowsFor   = 5 * time.Minute
)

// contradictsTooLong reports whether the latest pages of a site contradict the course of the match, for
// so long that the match is stale.
func (v *View) contradictsTooLong() bool {
	return v.MovedOn && v.Deferred == nil && v.Hold != nil && v.Hold.overdue(StalePolls, StaleAfter)
}

// MarkStale marks a match as stale because its source has no usable page, and removes the situation.
// It returns the new state and the event source_stale. It returns known and no event if the match is
// already stale, over or unknown, or if another reader had an accepted page of the match within
// [StaleAfter]. The next page that [Match] accepts makes the match fresh again, if the page has the
// expected rows.
func MarkStale(known State, from Provenance, reason string) (State, []event.Event, error) {
	over := known.Match.Status.Rank() > event.Live.Rank()
	if !known.Known() || known.Match.Stale != nil || over || known.seenRecently(from.At, from.isOtherReader) {
		return known, nil, nil
	}
	next := known
	next.Match.Situation, next.SituationSite = nil, ""
	d := newDraft(&known, next)
	d.from = from
	d.markStale(reason)
	events, err := d.events()
	if err != nil {
		return known, nil, err
	}
	return d.state, events, nil
}

// markStale marks the match as stale and reports source_stale.
func (d *draft) markStale(reason string) {
	d.state.Match.Stale = &event.Stale{Since: d.from.At, Reason: reason}
	d.reportUntracked(observation.Incident{Kind: event.SourceStale}, reason)
}

// checkHealth marks a stale match as fresh if the page has the expected rows. It marks a live match as
// stale if its pages have had no rows for too long. Score changes on such pages still produce goal
// events.
func (d *draft) checkHealth() {
	s := &d.state
	if !d.obs.NoRows || s.listedBefore() == 0 {
		s.NoRows = nil
		if s.Match.Stale != nil {
			s.Match.Stale = nil
			d.reportUntracked(observation.Incident{Kind: event.SourceFresh}, "pages are usable again")
		}
		return
	}
	s.NoRows = s.NoRows.extended(d.from.At)
	if s.Match.Stale == nil && s.Match.Status.Rank() == event.Live.Rank() && s.NoRows.overdue(noRowsPolls, noRowsFor) {
		d.markStale("the page lists no incidents any more: its layout may have changed")
	}
}
