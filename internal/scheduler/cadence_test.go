package scheduler

import (
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/poll"
)

// How long a source with every: 15s is left alone, by what its page shows.
func TestInterval(t *testing.T) {
	now := time.Date(2026, 5, 30, 18, 0, 0, 0, time.UTC)
	match := func(s event.Status) event.Match { return event.Match{Status: s} }
	starts := func(in time.Duration) event.Match { return event.Match{Status: event.Scheduled, Start: now.Add(in)} }
	stoppage := event.Match{Status: event.Live, Clock: event.Clock{Period: "2h", Minute: 90, Stoppage: 3}}
	shows := func(m ...event.Match) poll.Result { return poll.Result{Matches: m} }
	for _, tc := range []struct {
		what   string
		polled poll.Result
		course course
		want   time.Duration
	}{
		{"live", shows(match(event.Live)), course{}, 15 * time.Second},
		{"stoppage time", shows(stoppage), course{}, 7500 * time.Millisecond},
		{"shoot-out", shows(event.Match{Status: event.Live, Period: "so"}), course{}, 7500 * time.Millisecond},
		{"just scored", shows(match(event.Live)), course{Scored: now.Add(-time.Minute)}, 7500 * time.Millisecond},
		{"scored long ago", shows(match(event.Live)), course{Scored: now.Add(-3 * time.Minute)}, 15 * time.Second},
		{"half time", shows(match(event.Break)), course{}, time.Minute},
		{"half time, just scored", shows(match(event.Break)), course{Scored: now}, time.Minute},
		{"full time, provisional", shows(match(event.Ended)), course{}, 30 * time.Second},
		{"final", shows(match(event.Final)), course{}, 2 * time.Minute},
		{"postponed", shows(match(event.Postponed)), course{}, 10 * time.Minute},
		{"kick-off unknown", shows(match(event.Scheduled)), course{}, time.Minute},
		{"tomorrow", shows(starts(20 * time.Hour)), course{}, 10 * time.Minute},
		{"in half an hour", shows(starts(30 * time.Minute)), course{}, 3 * time.Minute},
		{"in a minute", shows(starts(time.Minute)), course{}, 15 * time.Second},
		{"late kick-off", shows(starts(-20 * time.Minute)), course{}, 15 * time.Second},
		{"kick-off long ago", shows(starts(-3 * time.Hour)), course{}, time.Minute},
		{"of many the liveliest", shows(match(event.Final), match(event.Live), starts(time.Hour)), course{}, 15 * time.Second},
		{"nothing on the page", poll.Result{Many: true}, course{}, 2 * time.Minute},
		{"stoppage time, nothing new for long", poll.Result{Matches: []event.Match{stoppage}, Unchanged: 8}, course{}, 15 * time.Second},
		{"stoppage time, nothing new for long, just scored", poll.Result{Matches: []event.Match{stoppage}, Unchanged: 8}, course{Scored: now.Add(-time.Minute)}, 7500 * time.Millisecond},
		{"others wait for the host", poll.Result{Busy: true, Problem: "too many"}, course{}, 30 * time.Second},
		{"nothing new for long", poll.Result{Matches: shows(match(event.Live)).Matches, Unchanged: 8}, course{}, 30 * time.Second},
		{"failed once", poll.Result{Failures: 1}, course{}, 30 * time.Second},
		{"failed for long", poll.Result{Failures: 40}, course{}, 5 * time.Minute},
		{"asked to wait", poll.Result{Failures: 1, Wait: time.Hour}, course{}, time.Hour},
		{"a slow site", poll.Result{Matches: shows(match(event.Live)).Matches, Took: 10 * time.Second}, course{}, 40 * time.Second},
		{"a page that the site says is good for so long", poll.Result{Matches: shows(match(event.Live)).Matches, Fresh: 40 * time.Second}, course{}, 40 * time.Second},
		{"a page that the site says is good for a year", poll.Result{Matches: shows(match(event.Live)).Matches, Fresh: 8760 * time.Hour}, course{}, time.Minute},
		{"forbidden, and to be said again", poll.Result{Unmarked: true}, course{}, 2 * time.Minute},
	} {
		tc.polled.At = now
		if got := tc.course.interval(15*time.Second, tc.polled); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.what, got, tc.want)
		}
	}
	if got := (course{}).interval(time.Second, poll.Result{At: now, Matches: []event.Match{stoppage}}); got != time.Second {
		t.Errorf("a second stays a second: %v", got)
	}
	if got := (course{}).interval(time.Hour, poll.Result{At: now, Matches: []event.Match{match(event.Live)}}); got != time.Hour {
		t.Errorf("an hour stays an hour: %v", got)
	}
}

// A page is done some time after all its matches are over for good; one that is
// opened again is not, nor is one of many matches ever.
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
		{at(25*time.Minute, event.Live, false), false}, // opened again
		{at(40*time.Minute, event.Final, false), false},
		{at(69*time.Minute, event.Final, false), false},
		{at(70*time.Minute, event.Final, false), true},
	} {
		if c = c.follow(step.polled); c.done(step.polled.At) != step.done {
			t.Errorf("at %v: done is %v", step.polled.At, !step.done)
		}
	}
	c = course{}
	for _, in := range []time.Duration{0, time.Hour} {
		if c = c.follow(at(in, event.Final, true)); c.done(now.Add(in)) {
			t.Error("a page of many matches is done")
		}
	}
}
