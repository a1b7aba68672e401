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

// A Replayer ingests the pages of fixtures as if they were being fetched.
type Replayer struct {
	Library  profile.Library
	Ingester *poll.Ingester
	Speed    float64                                                                  // how many times faster than recorded; 0 waits not at all
	AsLive   bool                                                                     // the pages count as fetched now, not when they were recorded
	Each     func(ctx context.Context, fetched page.Page, events []event.Event) error // after each page; may be nil
}

// A step is one page of one fixture.
type step struct {
	fixture *Fixture
	tracker *poll.Tracker
	page    FixturePage
	after   time.Duration // since the fixture's first page
}

// Play replays fixtures side by side, each from its first page. It returns when all have ended, or ctx
// has. Each page is a job with a TID of its own.
func (r *Replayer) Play(ctx context.Context, fixtures []*Fixture) error {
	var steps []step
	for _, f := range fixtures {
		p, err := f.profile(r.Library)
		if err != nil {
			return err
		}
		tracker := r.Ingester.Track(p, f.Match)
		for _, page := range f.Pages {
			steps = append(steps, step{f, tracker, page, page.At.Sub(f.Pages[0].At)})
		}
	}
	if r.Speed > 0 { // else one match after the other is easier to read
		slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.after, b.after) })
	}
	began := time.Now()
	for _, s := range steps {
		if r.Speed > 0 {
			due := began.Add(time.Duration(float64(s.after) / r.Speed))
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
	// In a longer fixture an unusable page is part of the recording. The tracker has logged it.
	if r.Each != nil {
		return r.Each(job, page, events)
	}
	return nil
}
