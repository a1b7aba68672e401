package scheduler_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

// If no parser polls a source, other processes report the source, and one process marks its match as
// stale. The next poll clears the report and the mark.
func TestUnpolledSource(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := scheduler.NewSchedule(r, "mw:", nil)
		a, _, err := s.Activate(t.Context(), activation("https://a.example/", "m1"))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Begin(t.Context(), a.ID, a.Event, time.Second); err != nil {
			t.Fatal(err)
		}
		in := &poll.Ingester{Store: poll.NewStore(r, "mw:"), Log: discard}
		p, err := profile.Load("p.yaml", []byte(parsertest.SmallProfile))
		if err != nil {
			t.Fatal(err)
		}
		tracker := in.Track(p, "")
		read := func(at time.Time) []string {
			body := []byte(fmt.Sprintf(parsertest.SmallPage, 0))
			events, err := tracker.Ingest(t.Context(), page.Page{URL: a.URL, Body: body, At: at})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Polled(t.Context(), a.ID, poll.Result{Due: at, At: at}); err != nil {
				t.Fatal(err)
			}
			return parsertest.Summary(events)
		}
		read(time.Now().Add(-5 * time.Minute))
		watches := []*scheduler.Watch{
			{Schedule: s, Ingester: in, Log: discard},
			{Schedule: s, Ingester: in, Down: true, Log: discard},
			{Schedule: s, Log: discard}, // a process that only reports the source
		}
		look := func(step, want string) {
			t.Helper()
			for i, w := range watches {
				if err := w.Look(t.Context()); err != nil {
					t.Fatal(err)
				}
				h := w.Health(t.Context())
				if want == "" && h != nil ||
					want != "" && (len(h) != 1 || h[0].Down != w.Down || !strings.Contains(h[0].Text, want)) {
					t.Errorf("%s: health of process %d is %v, want %q", step, i, h, want)
				}
			}
		}
		look("in time", "")
		deadline := func() float64 { return r.ZScore(t.Context(), "mw:{schedule}:deadline", a.ID).Val() }
		if left := time.Until(time.UnixMilli(int64(deadline()))); left < time.Minute || left > 3*time.Minute {
			t.Errorf("the deadline is in %v, want 1 to 3 minutes", left)
		}
		// The deadline passes.
		if err := r.ZAdd(t.Context(), "mw:{schedule}:deadline", redis.Z{Score: 1, Member: a.ID}).Err(); err != nil {
			t.Fatal(err)
		}
		look("overdue", "not polled on time: 1, for example "+a.ID)
		messages, err := outbox.NewStore(r, "mw:").Oldest(t.Context(), "m1", 100)
		if err != nil {
			t.Fatal(err)
		}
		stale := 0
		for _, m := range messages {
			if strings.HasSuffix(m.Key, ".source_stale") {
				stale++
			}
		}
		if stale != 1 {
			t.Errorf("%d source_stale events, want 1", stale)
		}
		parsertest.Expect(t, "polled again", read(time.Now()), "source_fresh m1: pages are usable again")
		look("polled again", "")
		// A deactivated source is not overdue.
		if err := r.ZAdd(t.Context(), "mw:{schedule}:deadline", redis.Z{Score: 1, Member: a.ID}).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Deactivate(t.Context(), a.ID, "test"); err != nil {
			t.Fatal(err)
		}
		look("deactivated", "")
	})
}

// The match of a paused source becomes stale, although nothing reports the source as overdue. The first poll after the
// pause makes it fresh.
func TestPausedSourceIsStale(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := scheduler.NewSchedule(r, "mw:", nil)
		a, _, err := s.Activate(t.Context(), activation("https://a.example/", "m1"))
		if err != nil {
			t.Fatal(err)
		}
		in := &poll.Ingester{Store: poll.NewStore(r, "mw:"), Log: discard}
		p, err := profile.Load("p.yaml", []byte(parsertest.SmallProfile))
		if err != nil {
			t.Fatal(err)
		}
		tracker := in.Track(p, "")
		read := func(at time.Time) []string {
			body := []byte(fmt.Sprintf(parsertest.SmallPage, 0))
			events, err := tracker.Ingest(t.Context(), page.Page{URL: a.URL, Body: body, At: at})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Polled(t.Context(), a.ID, poll.Result{Due: at, At: at}); err != nil {
				t.Fatal(err)
			}
			return parsertest.Summary(events)
		}
		read(time.Now().Add(-5 * time.Minute))
		tid := event.NewTID()
		if err := s.Pause(event.WithTID(t.Context(), tid), a.ID); err != nil {
			t.Fatal(err)
		}
		deadline := time.UnixMilli(int64(r.ZScore(t.Context(), "mw:{schedule}:deadline", a.ID).Val()))
		if left := time.Until(deadline); left < time.Minute || left > 3*time.Minute {
			t.Errorf("the deadline is in %v, want about 2 minutes", left)
		}
		// The deadline passes.
		if err := r.ZAdd(t.Context(), "mw:{schedule}:deadline", redis.Z{Score: 1, Member: a.ID}).Err(); err != nil {
			t.Fatal(err)
		}
		for _, w := range []*scheduler.Watch{{Schedule: s, Log: discard}, {Schedule: s, Ingester: in, Log: discard}} {
			if err := w.Look(t.Context()); err != nil {
				t.Fatal(err)
			}
			if h := w.Health(t.Context()); h != nil {
				t.Errorf("health %v, want no issue", h)
			}
		}
		messages, err := outbox.NewStore(r, "mw:").Oldest(t.Context(), "m1", 100)
		if err != nil {
			t.Fatal(err)
		}
		last := messages[len(messages)-1]
		e, err := event.Decode(last.Body)
		if err != nil || !strings.HasSuffix(last.Key, ".source_stale") || e.TID != tid ||
			!strings.Contains(e.Data.Match.Stale.Reason, "the source is paused") {
			t.Errorf("the last event is %s, error %v; want source_stale of job %s, because of the pause", last.Body, err, tid)
		}
		if _, err := r.ZScore(t.Context(), "mw:{schedule}:deadline", a.ID).Result(); !errors.Is(err, redis.Nil) {
			t.Errorf("a poll is still expected (error %v)", err)
		}
		if err := s.Resume(event.WithTID(t.Context(), tid), a.ID); err != nil {
			t.Fatal(err)
		}
		parsertest.Expect(t, "resumed", read(time.Now()), "source_fresh m1: pages are usable again")
	})
}
