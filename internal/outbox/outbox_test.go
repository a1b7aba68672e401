package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/internal/redisclient"
	"github.com/matchwire/matchwire/internal/testenv"
)

// write marks an outbox and appends messages with the given IDs to it.
func write(t *testing.T, s *outbox.Store, r redis.UniversalClient, name string, ids ...string) {
	t.Helper()
	var msgs []broker.Message
	for _, id := range ids {
		msgs = append(msgs, broker.Message{Key: "a.b.c", ID: id, TID: event.NewTID(), Match: name,
			Time: time.Now().UTC(), Body: []byte(`{"x":"` + id + `"}`)})
	}
	args, err := outbox.Arguments(msgs)
	if err == nil {
		err = s.Mark(t.Context(), name)
	}
	if err == nil {
		err = r.RPush(t.Context(), s.Key(name), args...).Err()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func ids(msgs []broker.Message) []string {
	out := []string{}
	for _, m := range msgs {
		out = append(out, m.ID)
	}
	return out
}

// If two processes have published the same messages, the second Clear removes no further messages.
func TestClearTwiceRemovesMessagesOnce(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		ctx := t.Context()
		s := outbox.NewStore(r, "mw:")
		write(t, s, r, "m1", "a", "b", "c")
		msgs, _ := s.Oldest(ctx, "m1", 2)
		for range 2 {
			if left, err := s.Clear(ctx, "m1", msgs); left != 1 || err != nil {
				t.Fatalf("Clear: %d messages left, error %v; want 1", left, err)
			}
		}
		if left, _ := s.Oldest(ctx, "m1", 10); !slices.Equal(ids(left), []string{"c"}) {
			t.Errorf("messages left: %v, want c", ids(left))
		}
	})
}

// Redis's clock determines whether a sweep unmarks an empty outbox. So a process whose clock is ahead does
// not remove an outbox that another process is about to write to.
func TestSweepUsesRedisClock(t *testing.T) {
	m := miniredis.RunT(t)
	began := time.Now().Add(-5 * time.Minute) // the clock of this process is ahead
	m.SetTime(began)
	r := redis.NewClient(&redis.Options{Addr: m.Addr()})
	defer r.Close()
	s := outbox.NewStore(r, "mw:")
	if err := s.Mark(t.Context(), "m1"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		after time.Duration
		want  int
	}{{59 * time.Second, 1}, {61 * time.Second, 0}} {
		m.SetTime(began.Add(tc.after))
		if unsent, err := s.Sweep(t.Context()); len(unsent) > 0 || err != nil {
			t.Fatalf("Sweep: outboxes with messages %v, error %v; want none", unsent, err)
		}
		if names, err := s.Pending(t.Context()); len(names) != tc.want || err != nil {
			t.Errorf("unmarked %v after the mark: pending outboxes %v, error %v, want %d outboxes",
				tc.after, names, err, tc.want)
		}
	}
}

// A sweep of many outboxes needs few calls to Redis. A flush needs two: one reads the messages, and one removes them.
func TestFewCalls(t *testing.T) {
	m := miniredis.RunT(t)
	r := redis.NewClient(&redis.Options{Addr: m.Addr()})
	defer r.Close()
	s := outbox.NewStore(r, "mw:")
	for i := range 1200 {
		if err := s.Mark(t.Context(), fmt.Sprint("m", i)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, s, r, "m7", "a", "b")
	relay := outbox.NewRelay(s, &flaky{}, nil, slog.New(slog.DiscardHandler))
	if err := relay.Flush(t.Context(), "m8"); err != nil { // so that Redis knows the scripts
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	if err := redisclient.Measure(r, registry); err != nil {
		t.Fatal(err)
	}
	calls := func() uint64 {
		all, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		return all[0].GetMetric()[0].GetHistogram().GetSampleCount()
	}
	unsent, err := s.Sweep(t.Context())
	if n := calls(); !slices.Equal(unsent, []string{"m7"}) || err != nil || n > 10 {
		t.Errorf("Sweep: outboxes with messages %v, error %v, %d calls; want m7 and at most 10 calls", unsent, err, n)
	}
	before := calls()
	err = relay.Flush(t.Context(), "m7")
	if n := calls() - before; err != nil || n > 3 { // a call more if Redis did not know the script
		t.Errorf("Flush: error %v, %d calls; want at most 3", err, n)
	}
}

// A flaky publisher fails while failures is positive: it confirms only the first message of a
// batch, returns an error and decrements failures. Then it confirms whole batches.
type flaky struct {
	broker.Publisher
	mu       sync.Mutex
	failures int
	sent     []string // IDs of the confirmed messages
	last     string   // ID of the message whose confirmation closes done
	done     chan struct{}
}

func (f *flaky) Publish(_ context.Context, msgs ...broker.Message) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(msgs)
	if f.failures > 0 {
		f.failures--
		n = 1
	}
	f.sent = append(f.sent, ids(msgs[:n])...)
	if slices.Contains(ids(msgs[:n]), f.last) {
		close(f.done)
	}
	if n < len(msgs) {
		return n, errors.New("cut")
	}
	return n, nil
}

// Unconfirmed messages stay in the outbox, in order. The sweep publishes the messages without a
// nudge.
func TestSweepPublishesRemainingMessages(t *testing.T) {
	testenv.NotShort(t) // the test waits for the sweep
	m := miniredis.RunT(t)
	r := redis.NewClient(&redis.Options{Addr: m.Addr()})
	defer r.Close()
	s := outbox.NewStore(r, "mw:")
	write(t, s, r, "m1", "a", "b", "c", "d")
	out := &flaky{failures: 1, last: "d", done: make(chan struct{})}
	relay := outbox.NewRelay(s, out, nil, slog.New(slog.DiscardHandler))
	if err := relay.Flush(t.Context(), "m1"); err == nil {
		t.Fatal("Flush returned nil, want the error of the publisher")
	}
	if left, _ := s.Oldest(t.Context(), "m1", 10); !slices.Equal(ids(left), []string{"b", "c", "d"}) {
		t.Fatalf("messages left: %v, want b, c and d", ids(left))
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- relay.Run(ctx) }()
	<-out.done
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if left, err := s.Oldest(t.Context(), "m1", 10); len(left) > 0 || err != nil {
		t.Errorf("messages left: %v, error %v, want none", ids(left), err)
	}
	if !slices.Equal(out.sent, []string{"a", "b", "c", "d"}) {
		t.Errorf("confirmed %v, want a, b, c and d", out.sent)
	}
}
