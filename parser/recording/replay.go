package recording

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

// A Replayer ingests the pages of fixtures as if it had fetched them.
type Replayer struct {
	Library  profile.Library
	Ingester *poll.Ingester

	// Speed is a multiple of the recorded speed. 0 means without pauses.
	Speed float64
	// AsLive replaces the recorded times of the pages with the current time.
	AsLive bool
	// Each is called after each page, with the context of the page's job. It may be nil. If Each
	// returns an error, Play returns that error.
	Each func(ctx context.Context, fetched page.Page, events []event.Event) error
}

// A step is one page of one fixture.
type step struct {
	fixture *Fixture
	tracker *poll.Tracker
	page    FixturePage
	after   time.Duration // time since the start of the replay, at the recorded speed
}

// Play replays fixtures. If the recordings of fixtures overlap in time, their pages are replayed in
// the order in which they were fetched. Fixtures from different times are replayed together if
// Speed is positive, and otherwise one after the other, the earliest first. Play returns when all
// fixtures have ended, when ctx ends, or at the first error. Each page is a job with its own TID. An
// unusable page is an error only in a fixture of one page.
func (r *Replayer) Play(ctx context.Context, fixtures []*Fixture) error {
	var steps []step
	ingester := *r.Ingester
	ingester.Hurried = r.AsLive && r.Speed != 1
	for _, f := range fixtures {
		p, err := f.profile(r.Library)
		if err != nil {
			return err
		}
		tracker := ingester.Track(p, f.Match)
		begin := began(f, fixtures)
		for _, page := range f.Pages {
			steps = append(steps, step{f, tracker, page, page.At.Sub(begin)})
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int {
		if r.Speed > 0 {
			return cmp.Compare(a.after, b.after)
		}
		return a.page.At.Compare(b.page.At)
	})
	start := time.Now()
	for _, s := range steps {
		if r.Speed > 0 {
			due := start.Add(time.Duration(float64(s.after) / r.Speed))
			select {
			case <-ctx.Done():
			case <-time.After(time.Until(due)):
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
	if r.AsLive {
		page.At = time.Now().UTC()
	}
	job := event.WithTID(ctx, event.NewTID())
	events, err := s.tracker.Ingest(job, page)
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
