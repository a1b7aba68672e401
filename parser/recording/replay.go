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

// A Replayer reads the pages of fixtures as if they were being fetched.
type Replayer struct {
	Library profile.Library
	Reader  *poll.Ingester
	Speed   float64                                                                  // how many times faster than it was; 0: without waiting
	AsLive  bool                                                                     // the pages are read now, not when they were recorded
	Each    func(ctx context.Context, fetched page.Page, events []event.Event) error // after each page; may be nil
}

// A turn is one page of one fixture.
type turn struct {
	fixture *Fixture
	watch   *poll.Tracker
	page    FixturePage
	after   time.Duration // since the fixture's first page
}

// Play replays fixtures side by side, each from its first page, and returns
// when all are over. Each page is a job of its own, with a TID of its own.
func (r *Replayer) Play(ctx context.Context, fixtures []*Fixture) error {
	var turns []turn
	for _, f := range fixtures {
		p, err := f.profile(r.Library)
		if err != nil {
			return err
		}
		w := r.Reader.Track(p, f.Match)
		for _, page := range f.Pages {
			turns = append(turns, turn{f, w, page, page.At.Sub(f.Pages[0].At)})
		}
	}
	if r.Speed > 0 { // else one match after the other is easier to read
		slices.SortStableFunc(turns, func(a, b turn) int { return cmp.Compare(a.after, b.after) })
	}
	began := time.Now()
	for _, t := range turns {
		if r.Speed > 0 {
			due := began.Add(time.Duration(float64(t.after) / r.Speed))
			select {
			case <-ctx.Done():
			case <-time.After(time.Until(due)):
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.read(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (r *Replayer) read(ctx context.Context, t turn) error {
	page, err := t.fixture.Page(t.page)
	if err != nil {
		return err
	}
	if r.AsLive {
		page.At = time.Now().UTC()
	}
	job := event.WithTID(ctx, event.NewTID())
	events, err := t.watch.Ingest(job, page)
	if err != nil && len(t.fixture.Pages) == 1 {
		return fmt.Errorf("%s: %w", t.page.File, err)
	}
	// Among many, a page that cannot be used is one more thing that happened;
	// the watch has said so.
	if r.Each != nil {
		return r.Each(job, page, events)
	}
	return nil
}
