package recording

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

// A Replayer ingests the pages of fixtures as if it had fetched them.
type Replayer struct {
	Library  profile.Library
	Ingester *poll.Ingester

	// Pace is the speed of the replay. If it is nil, the replay has no pauses.
	Pace *Pace
	// AsLive handles the pages as if the recording began now. The times of pages and kick-offs are moved
	// accordingly. The events have the current time, whatever the speed is.
	AsLive bool
	// Trace records each page that causes events. It can be nil.
	Trace *trace.Recorder
	// Each is called after each page, with the context of the page's job. It may be nil. If Each
	// returns an error, Play returns that error.
	Each func(ctx context.Context, fetched page.Page, events []event.Event) error
}

// A step is one page of one fixture.
type step struct {
	fixture *Fixture
	tracker *poll.Tracker
	page    FixturePage
	shift   time.Duration // added to the time of the page
	after   time.Duration // time since the start of the replay, at the recorded speed
}

// Play replays fixtures. If the recordings of fixtures overlap in time, their pages are replayed in
// the order in which they were fetched. Fixtures from different times are replayed together if
// Pace is set, and otherwise one after the other, the earliest first. Play returns when all
// fixtures have ended, when ctx ends, or at the first error. Each page is a job with its own TID. An
// unusable page is an error only in a fixture of one page.
func (r *Replayer) Play(ctx context.Context, fixtures []*Fixture) error {
	var steps []step
	for _, f := range fixtures {
		more, err := r.steps(Entry{f, f.Pages[0].At.Sub(began(f, fixtures))}, 0)
		if err != nil {
			return err
		}
		steps = append(steps, more...)
	}
	slices.SortStableFunc(steps, func(a, b step) int {
		if r.Pace != nil {
			return cmp.Compare(a.after, b.after)
		}
		return a.page.At.Compare(b.page.At)
	})
	return r.play(ctx, steps)
}

// An Entry is a fixture in the programme of a day.
type Entry struct {
	Fixture *Fixture
	Start   time.Duration // time from the start of the replay to the first page, at the recorded speed
}

// PlayDay is like [Replayer.Play], but each fixture begins at its Start. The wait between two pages of a fixture is
// at most longest, at the recorded speed.
func (r *Replayer) PlayDay(ctx context.Context, day []Entry, longest time.Duration) error {
	var steps []step
	for _, e := range day {
		more, err := r.steps(e, longest)
		if err != nil {
			return err
		}
		steps = append(steps, more...)
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.after, b.after) })
	return r.play(ctx, steps)
}

// steps returns the steps of one fixture. If longest is positive, it limits the wait between two steps.
func (r *Replayer) steps(e Entry, longest time.Duration) ([]step, error) {
	p, err := e.Fixture.profile(r.Library)
	if err != nil {
		return nil, err
	}
	first, shift, ingester := e.Fixture.Pages[0].At, time.Duration(0), *r.Ingester
	if r.AsLive {
		shift = time.Now().Add(e.Start).Sub(first)
		ingester.Live, ingester.Shift = true, shift
	}
	tracker := ingester.Track(p, e.Fixture.Match)
	var steps []step
	after, before := e.Start, first
	for _, page := range e.Fixture.Pages {
		wait := page.At.Sub(before)
		if longest > 0 {
			wait = min(wait, longest)
		}
		after, before = after+wait, page.At
		steps = append(steps, step{e.Fixture, tracker, page, shift, after})
	}
	return steps, nil
}

// play ingests the pages of steps, each when it is due.
func (r *Replayer) play(ctx context.Context, steps []step) error {
	if r.Pace != nil {
		r.Pace.begin()
	}
	for _, s := range steps {
		if r.Pace != nil {
			if err := r.Pace.wait(ctx, s.after); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.ingest(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// began returns the time of the first page in the group of f. The group contains f and all fixtures
// that overlap in time with a fixture of the group.
func began(f *Fixture, all []*Fixture) time.Time {
	begin := f.Pages[0].At
	for i := 0; i < len(all); i++ {
		first, last := all[i].Pages[0].At, all[i].Pages[len(all[i].Pages)-1].At
		if first.Before(begin) && !last.Before(begin) {
			begin, i = first, -1 // start again: the group is longer, so other fixtures can overlap it
		}
	}
	return begin
}

// ingest ingests one page and calls Each.
func (r *Replayer) ingest(ctx context.Context, s step) error {
	page, err := s.fixture.Page(s.page)
	if err != nil {
		return err
	}
	page.At = page.At.Add(s.shift)
	job, traced := r.Trace.Start(event.WithTID(ctx, event.NewTID()), trace.Span{
		Op: trace.Process, Role: "parser", Name: s.page.File, Match: s.fixture.Match,
	})
	traced.Buffer() // a page without events is not in the trace
	events, err := s.tracker.Ingest(job, page)
	traced.End()
	if err != nil && len(s.fixture.Pages) == 1 {
		return fmt.Errorf("%s: %w", s.page.File, err)
	}
	// In a fixture of several pages, an error does not stop the replay. The tracker has logged the
	// error.
	if r.Each != nil {
		return r.Each(job, page, events)
	}
	return nil
}
