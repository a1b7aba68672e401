package consumers_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// An orderHarness runs an ordered consumer in several simulated processes.
type orderHarness struct {
	*testing.T
	redis  *redis.Client
	broker *memory.Broker
	epoch  string

	mu      sync.Mutex
	handled map[string][]int64 // seqs of the events that were handled, by match
	count   int                // number of handled events
}

func newOrderHarness(t *testing.T, r *redis.Client, pauses ...time.Duration) *orderHarness {
	return &orderHarness{T: t, redis: r, broker: memory.New(pauses, slog.New(slog.DiscardHandler)),
		epoch: event.NewTID().String(), handled: map[string][]int64{}}
}

// process runs the consumer as a separate process would, until stop is called or the test ends. The
// handler returns the error of fail. If the error is nil, the event counts as handled.
func (h *orderHarness) process(c consumers.Consumer, fail func(event.Event) error) (stop func()) {
	h.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c.Ordered, c.Limit = true, max(c.Limit, 4)
	c.Handle = func(_ context.Context, e event.Event) error {
		if err := fail(e); err != nil {
			return err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.handled[e.Subject] = append(h.handled[e.Subject], e.Data.Seq)
		h.count++
		return nil
	}
	runner := consumers.Runner{Broker: h.broker, Redis: h.redis, Prefix: "mw:", Log: slog.New(slog.DiscardHandler)}
	ready, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		if err := runner.Run(ctx, "test", c, ready); err != nil {
			h.Error(err)
		}
	}()
	<-ready
	stop = sync.OnceFunc(func() { cancel(); <-done })
	h.Cleanup(stop)
	return stop
}

// publish publishes an event of the given kind for a match.
func (h *orderHarness) publish(match string, seq int64, kind event.Kind) {
	h.Helper()
	e, err := event.Of("soccer.mls."+string(kind), event.Data{
		Match: &event.Match{ID: match}, Epoch: h.epoch, Seq: seq}, time.Now())
	if err != nil {
		h.Fatal(err)
	}
	e.TID = event.NewTID()
	m, err := broker.NewMessage(e)
	if err != nil {
		h.Fatal(err)
	}
	if _, err := h.broker.Publish(h.Context(), m); err != nil {
		h.Fatal(err)
	}
}

// wait waits until n events were handled, and returns their seqs by match.
func (h *orderHarness) wait(n int) map[string][]int64 {
	h.Helper()
	testenv.Eventually(h, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.count >= n
	}, "%d events to be handled", n)
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.handled
}

var goals = consumers.Consumer{Keys: []string{"*.*.goal"}}

func never(event.Event) error { return nil }

// The events of each match are handled in order in three processes, even if some fail, are
// postponed or panic.
func TestOrderedInThreeProcesses(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		h := newOrderHarness(t, r, time.Millisecond, 10*time.Millisecond, 20*time.Millisecond, 40*time.Millisecond)
		const matches, events = 20, 12
		attempts := map[string]int{} // by event ID
		for range 3 {
			h.process(goals, func(e event.Event) error {
				time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
				h.mu.Lock()
				attempts[e.ID]++
				attempt := attempts[e.ID]
				h.mu.Unlock()
				switch n := rand.IntN(12); {
				case attempt > 3:
				case n == 0:
					return errors.New("failed")
				case n == 1:
					return broker.Unavailable(errors.New("unavailable"))
				case n == 2:
					return broker.Postpone(time.Now().Add(30*time.Millisecond), "a test")
				case n == 3:
					panic("a test")
				}
				return nil
			})
		}
		want := []int64{}
		for n := range int64(events) {
			kind := event.Goal
			if n%4 == 1 {
				kind = event.YellowCard // matches no key
			} else {
				want = append(want, n+1)
			}
			for m := range matches {
				h.publish(fmt.Sprint("m", m), n+1, kind)
			}
		}
		for match, got := range h.wait(matches * len(want)) {
			if !slices.Equal(got, want) {
				t.Errorf("match %s: handled %v, want %v", match, got, want)
			}
		}
	})
}

// Later events do not wait for a dead-lettered event.
func TestOrderedAfterADeadLetter(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		h := newOrderHarness(t, r, time.Millisecond)
		h.process(goals, func(e event.Event) error {
			switch e.Data.Seq {
			case 1:
				return broker.Permanent(errors.New("refused"))
			case 2:
				return errors.New("failed")
			}
			return nil
		})
		for n := range int64(3) {
			h.publish("m", n+1, event.Goal)
		}
		if got := h.wait(1)["m"]; !slices.Equal(got, []int64{3}) {
			t.Errorf("handled %v, want only 3", got)
		}
		if dead, err := h.broker.CountDead(t.Context(), consumers.QueueName("test")); dead != 2 || err != nil {
			t.Errorf("got %d dead letters, error %v, want 2", dead, err)
		}
	})
}

// Many events wait for a missing event. An event of another match is still handled at once. The
// missing event is handled first if it arrives in time.
func TestOrderedWaitsForAMissingEvent(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		h := newOrderHarness(t, r, time.Millisecond)
		h.process(goals, never)
		h.publish("m", 1, event.Goal)
		h.wait(1)
		for n := range int64(20) {
			h.publish("m", n+3, event.Goal)
		}
		h.publish("other", 1, event.Goal)
		if got := h.wait(2)["other"]; len(got) != 1 {
			t.Errorf("handled %v of the other match, want one event", got)
		}
		h.publish("m", 2, event.Goal)
		if got := h.wait(23)["m"]; !slices.IsSorted(got) || len(got) != 22 {
			t.Errorf("handled %v, want 1 to 22", got)
		}
	})
}

// After a restart, later events do not wait for an event that was already handled. Events of
// an unknown match wait only a short time for missing events.
func TestOrderedAfterARestart(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		h := newOrderHarness(t, r, 10*time.Millisecond)
		once := goals
		once.Once = true
		stop := h.process(once, never)
		h.publish("m", 1, event.Goal)
		h.wait(1)
		stop()
		h.publish("m", 2, event.Goal)
		h.publish("unknown", 40, event.Goal)
		h.publish("unknown", 41, event.Goal)
		h.process(once, never)
		got := h.wait(4)
		if !slices.Equal(got["m"], []int64{1, 2}) || !slices.Equal(got["unknown"], []int64{40, 41}) {
			t.Errorf("handled %v, want 1, 2 of m and 40, 41 of unknown", got)
		}
	})
}

// If an event must wait, Early is called first, and Handle later.
func TestOrderedEarly(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		h := newOrderHarness(t, r, 10*time.Millisecond)
		c, early := goals, make(chan int64, 100)
		c.Early = func(_ context.Context, e event.Event) error {
			early <- e.Data.Seq
			return nil
		}
		goOn := make(chan struct{})
		h.process(c, func(e event.Event) error {
			if e.Data.Seq == 1 {
				<-goOn
			}
			return nil
		})
		h.publish("m", 1, event.Goal)
		h.publish("m", 2, event.Goal)
		if seq := <-early; seq != 2 {
			t.Errorf("Early was called for event %d, want 2", seq)
		}
		close(goOn)
		if got := h.wait(2)["m"]; !slices.Equal(got, []int64{1, 2}) {
			t.Errorf("handled %v, want 1, 2", got)
		}
	})
}

// An ordered consumer receives all events of the sports in its keys.
func TestOrderedSubscription(t *testing.T) {
	for _, tc := range []struct{ keys, want []string }{
		{[]string{"soccer.mls.goal", "soccer.*.red_card", "tennis.#"}, []string{"soccer.#", "tennis.#"}},
		{[]string{"soccer.mls.goal", "*.*.goal"}, []string{"#"}},
		{[]string{"#"}, []string{"#"}},
	} {
		c := consumers.Consumer{Keys: tc.keys, Ordered: true}
		if got := c.Subscription("a").Patterns; !slices.Equal(got, tc.want) {
			t.Errorf("keys %v: patterns %v, want %v", tc.keys, got, tc.want)
		}
	}
}
