package matchday

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fixtures"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/recording"
)

// The day has what its descriptions promise: its length, its sports, its special events, and no long silence.
func TestDay(t *testing.T) {
	t.Parallel()
	due := map[string]time.Duration{} // by the file of a page
	var entries []recording.Entry
	var end time.Duration
	for _, m := range fixtures.Day {
		f := parsertest.Fixture(t, m.Fixture)
		at := m.Start
		for i, p := range f.Pages {
			if i > 0 {
				at += min(p.At.Sub(f.Pages[i-1].At), longestWait)
			}
			due[f.Path(p)] = max(at, 0)
		}
		end = max(end, at)
		entries = append(entries, recording.Entry{Fixture: f, Start: m.Start})
	}
	if end < 5*time.Hour || end > 8*time.Hour {
		t.Errorf("the day takes %v, want 5 to 8 hours, which are minutes at 60 times real speed", end)
	}
	sports, kinds := map[event.Sport]bool{}, map[string]time.Duration{}
	var times []time.Duration
	r := &recording.Replayer{Library: parsertest.Library(t), Ingester: parsertest.Ingester(t), AsLive: true}
	r.Ingester.Log = slog.New(slog.DiscardHandler)
	r.Each = func(_ context.Context, p page.Page, events []event.Event) error {
		for _, e := range events {
			sports[e.Data.Sport] = true
			kinds[string(e.Data.Sport)+" "+e.Data.Kind.Word(e.Data.Action)] = due[p.File]
			times = append(times, due[p.File])
			if e.Data.Backfill {
				t.Errorf("%s: %s is backfill, which causes no alert", p.File, e.Type)
			}
		}
		return nil
	}
	if err := r.PlayDay(t.Context(), entries, longestWait); err != nil {
		t.Fatal(err)
	}
	if len(sports) < 6 {
		t.Errorf("the day has the sports %v, want at least six", sports)
	}
	for _, kind := range []string{"goal_retracted", "goal_corrected", "source_stale", "source_fresh"} {
		if at, ok := kinds["soccer "+kind]; !ok {
			t.Errorf("the day has no event %s", kind)
		} else {
			t.Logf("%s after %v", kind, at)
		}
	}
	last := time.Duration(0)
	for _, at := range slices.Sorted(slices.Values(times)) {
		if at-last > 7*time.Minute {
			t.Errorf("nothing happens from %v to %v", last, at)
		}
		last = at
	}
	t.Logf("%d events in %v", len(times), end)
}
