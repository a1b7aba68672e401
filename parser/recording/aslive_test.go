package recording_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/recording"
)

// A recording that is played as live pages causes the events of the recording, even without pauses. The events
// have the current time. The kick-off is as long after the first page as in the recording.
func TestAsLive(t *testing.T) {
	t.Parallel()
	f := parsertest.Fixture(t, "soccer/source-down")
	play := func(asLive bool) (all []event.Event) {
		r := &recording.Replayer{Library: parsertest.Library(t), Ingester: parsertest.Ingester(t), AsLive: asLive,
			Each: func(_ context.Context, _ page.Page, events []event.Event) error {
				all = append(all, events...)
				return nil
			}}
		if err := r.PlayDay(t.Context(), []recording.Entry{{Fixture: f, Start: time.Hour}}, time.Minute); err != nil {
			t.Fatal(err)
		}
		return all
	}
	began := time.Now()
	recorded, live := play(false), play(true)
	ended := time.Now()
	if len(live) != len(recorded) {
		t.Fatalf("%d events, want the %d events of the recording", len(live), len(recorded))
	}
	var stale bool
	for i, e := range live {
		if want := recorded[i]; e.Type != want.Type || e.Data.Incident != want.Data.Incident && e.Data.Kind == event.Goal {
			t.Errorf("event %d is %s, want %s", i, describe(e), describe(want))
		}
		if e.Time.Before(began) || e.Time.After(ended) {
			t.Errorf("%s has the time %v, want a time from %v to %v", describe(e), e.Time, began, ended)
		}
		if s := e.Data.Match.Stale; s != nil {
			stale = true
			if s.Since.Before(began) || s.Since.After(ended) {
				t.Errorf("%s: stale since %v, want a time from %v to %v", describe(e), s.Since, began, ended)
			}
		}
		// The first page is 8 minutes older than the kick-off, and the fixture begins after an hour.
		if after := e.Data.Match.Start.Sub(began).Round(time.Minute); after != 68*time.Minute {
			t.Errorf("%s: the kick-off is %v after the start of the replay, want 1h8m", describe(e), after)
		}
	}
	if !stale {
		t.Error("no event of a stale match: " + fmt.Sprint(len(live)))
	}
}
