package poll

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/profile"
)

// afterPlay is how long the page of the previous day is polled after the last match on the page has
// ended. In that time, play can resume and the site can correct the result.
const afterPlay = 30 * time.Minute

// pollDays polls today's page. It also polls yesterday's page while that page shows a match that is live
// or has just ended, if today's page does not list the match; see playsOn.
func (r *run) pollDays(ctx context.Context, prof *profile.Profile, state sourceState) sourceState {
	loc, err := zoneOf(r.poll.Source)
	if err != nil { // another version of matchwire may know a zone that this version does not know
		r.result.Problem = err.Error()
		state.Failures++
		return state
	}
	today := dayOf(r.began, loc)
	state = state.onDay(today)
	previous := state.Previous
	state.Previous = nil
	state = r.pollPage(ctx, prof, state, today)
	if previous == nil || !previous.playsOn(r.began, r.result.Matches) {
		return state
	}
	result := r.result
	before := r.pollPage(ctx, prof, *previous, today.AddDate(0, 0, -1))
	r.result = result.with(r.result)
	if before.Forbidden == "" {
		state.Previous = &before
	}
	return state
}

// onDay returns the state for the page of the given day. If s is the state for the day before, the
// new state contains s as Previous.
func (s sourceState) onDay(day time.Time) sourceState {
	if s.Day == day.Format(time.DateOnly) {
		return s
	}
	next := sourceState{
		Day: day.Format(time.DateOnly), Activated: s.Activated, Forbidden: s.Forbidden, Failures: s.Failures,
		Usable: s.Usable, Problems: s.Problems, Warning: s.Warning,
	}
	if s.Day == day.AddDate(0, 0, -1).Format(time.DateOnly) {
		s.Previous = nil
		next.Previous = &s
	}
	return next
}

// recordPlaying records which matches on a page have begun and are not final. It also records the
// time if one of them is live.
func (s *sourceState) recordPlaying(all []observation.Observation, source event.Source, at time.Time) {
	s.Playing = nil
	for _, o := range all {
		if rank := o.Match.Status.Rank(); rank == event.Live.Rank() || rank == event.Ended.Rank() {
			s.Playing = append(s.Playing, cmp.Or(source.Match, o.Match.ID))
		}
		if o.Match.Status.Rank() == event.Live.Rank() {
			s.Played = at
		}
	}
}

// playsOn reports whether the page has a match that is live or ended less than afterPlay ago, and
// that another page does not show. shown contains the matches of the other page.
func (s *sourceState) playsOn(now time.Time, shown []event.Match) bool {
	if !s.Played.Equal(s.Usable) && now.Sub(s.Played) >= afterPlay {
		return false
	}
	return slices.ContainsFunc(s.Playing, func(id string) bool {
		return !slices.ContainsFunc(shown, func(m event.Match) bool { return m.ID == id })
	})
}

// with returns the result of a poll of two pages. r is the result of the first page. Values that
// cannot be combined are the values of r.
func (r Result) with(second Result) Result {
	r.Took = max(r.Took, second.Took)
	r.Matches = append(slices.Clip(r.Matches), second.Matches...)
	r.Scored = r.Scored || second.Scored
	r.Busy = r.Busy || second.Busy
	r.Wait = max(r.Wait, second.Wait)
	r.Unchanged = min(r.Unchanged, second.Unchanged)
	if r.Problem == "" && second.Problem != "" {
		r.Problem = "the page of the day before: " + second.Problem
	}
	return r
}
