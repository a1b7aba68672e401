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

	// Speed is the factor by which the replay is faster than the recording. 0 means without pauses.
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
	after   time.Duration // time since the first page of the fixture
}

// Play replays fixtures from their first pages. If Speed is positive, it replays them at the same
// time, otherwise one after the other. Play returns when all fixtures have ended or ctx ends. Each
// page is a job with its own TID. An unusable page is an error only in a fixture of one page.
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
		for _, page := range f.Pages {
			steps = append(steps, step{f, tracker, page, page.At.Sub(f.Pages[0].At)})
		}
	}
	if r.Speed > 0 {
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
