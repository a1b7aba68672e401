package scheduler

import (
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/poll"
)

// The interval until the next poll depends on the state of the matches. The source is configured with "every: 15s".
func TestInterval(t *testing.T) {
	now := time.Date(2026, 5, 30, 18, 0, 0, 0, time.UTC)
	match := func(s event.Status) event.Match { return event.Match{Status: s} }
	starts := func(in time.Duration) event.Match {
		return event.Match{Status: event.Scheduled, Start: now.Add(in)}
	}
	stoppage := event.Match{Status: event.Live, Clock: event.Clock{Period: "2h", Minute: 90, Stoppage: 3}}
	shows := func(m ...event.Match) poll.Result { return poll.Result{Matches: m} }
	unchanged := func(m event.Match) poll.Result { return poll.Result{Matches: []event.Match{m}, Unchanged: 8} }
	fresh := func(d time.Duration) poll.Result {
		return poll.Result{Matches: []event.Match{match(event.Live)}, Fresh: d}
	}
	for _, tc := range []struct {
		what   string
		polled poll.Result
		course course
		want   time.Duration
	}{
		{"live", shows(match(event.Live)), course{}, 15 * time.Second},
		{"stoppage time", shows(stoppage), course{}, 7500 * time.Millisecond},
		{"shoot-out", shows(event.Match{Status: event.Live, Period: "so"}), course{}, 7500 * time.Millisecond},
		{"a score a minute ago", shows(match(event.Live)), course{Scored: now.Add(-time.Minute)}, 7500 * time.Millisecond},
		{"a score 3 minutes ago", shows(match(event.Live)), course{Scored: now.Add(-3 * time.Minute)}, 15 * time.Second},
		{"half-time", shows(match(event.Break)), course{}, time.Minute},
		{"half-time, a score just now", shows(match(event.Break)), course{Scored: now}, time.Minute},
		{"full time, not final", shows(match(event.Ended)), course{}, 30 * time.Second},
		{"final", shows(match(event.Final)), course{}, 2 * time.Minute},
		{"postponed", shows(match(event.Postponed)), course{}, 10 * time.Minute},
		{"kick-off unknown", shows(match(event.Scheduled)), course{}, time.Minute},
		{"kick-off tomorrow", shows(starts(20 * time.Hour)), course{}, 10 * time.Minute},
		{"kick-off in half an hour", shows(starts(30 * time.Minute)), course{}, 3 * time.Minute},
		{"kick-off in a minute", shows(starts(time.Minute)), course{}, 15 * time.Second},
		{"late kick-off", shows(starts(-20 * time.Minute)), course{}, 15 * time.Second},
		{"kick-off 3 hours ago", shows(starts(-3 * time.Hour)), course{}, time.Minute},
		{"several matches", shows(match(event.Final), match(event.Live), starts(time.Hour)), course{}, 15 * time.Second},
		{"a list page without matches", poll.Result{Many: true}, course{}, 2 * time.Minute},
		{"stoppage time, unchanged", unchanged(stoppage), course{}, 15 * time.Second},
		{"stoppage time, unchanged, a score a minute ago", unchanged(stoppage), course{Scored: now.Add(-time.Minute)},
			7500 * time.Millisecond},
		{"no free slot at the host", poll.Result{Busy: true, Problem: "too many"}, course{}, 30 * time.Second},
		{"live, unchanged", unchanged(match(event.Live)), course{}, 30 * time.Second},
		{"1 failure", poll.Result{Failures: 1}, course{}, 30 * time.Second},
		{"40 failures", poll.Result{Failures: 40}, course{}, 5 * time.Minute},
		{"the site requests a pause", poll.Result{Failures: 1, Wait: time.Hour}, course{}, time.Hour},
		{"a slow site", poll.Result{Matches: []event.Match{match(event.Live)}, Took: 10 * time.Second}, course{},
			40 * time.Second},
		{"max-age of 40 seconds", fresh(40 * time.Second), course{}, 40 * time.Second},
		{"max-age of a year", fresh(8760 * time.Hour), course{}, time.Minute},
		{"forbidden, matches not all marked stale", poll.Result{Unmarked: true}, course{}, 2 * time.Minute},
	} {
		tc.polled.At = now
		if got := tc.course.interval(15*time.Second, tc.polled); got != tc.want {
			t.Errorf("%s: interval %v, want %v", tc.what, got, tc.want)
		}
	}
	// Very short and very long intervals stay as configured.
	for every, m := range map[time.Duration]event.Match{time.Second: stoppage, time.Hour: match(event.Live)} {
		if got := (course{}).interval(every, poll.Result{At: now, Matches: []event.Match{m}}); got != every {
			t.Errorf("every: %v: interval %v, want %v", every, got, every)
		}
	}
}

// Polling of a page ends 30 minutes after all its matches are over, unless a match resumes. Polling
// of a list page never ends.
func TestDone(t *testing.T) {
	now := time.Date(2026, 5, 30, 18, 0, 0, 0, time.UTC)
	at := func(in time.Duration, s event.Status, many bool) poll.Result {
		return poll.Result{At: now.Add(in), Many: many, Matches: []event.Match{{Status: s}}}
	}
	var c course
	for _, step := range []struct {
		polled poll.Result
		done   bool
	}{
		{at(0, event.Ended, false), false},
		{at(time.Minute, event.Final, false), false},
		{poll.Result{At: now.Add(20 * time.Minute), Failures: 1}, false},
		{at(25*time.Minute, event.Live, false), false}, // the match resumes
		{at(40*time.Minute, event.Final, false), false},
		{at(69*time.Minute, event.Final, false), false},
		{at(70*time.Minute, event.Final, false), true},
	} {
		if c = c.follow(step.polled); c.done(step.polled.At) != step.done {
			t.Errorf("done at %v is %v, want %v", step.polled.At, !step.done, step.done)
		}
	}
	c = course{}
	for _, in := range []time.Duration{0, time.Hour} {
		if c = c.follow(at(in, event.Final, true)); c.done(now.Add(in)) {
			t.Errorf("polling of a list page ends after %v, want no end", in)
		}
	}
}
