package consumers_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/internal/trace"
)

// start runs a consumer until the test ends.
func start(t *testing.T, b *memory.Broker, c consumers.Consumer, log *slog.Logger) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		r := consumers.Runner{Broker: b, Log: log}
		if err := r.Run(ctx, "test", c, ready); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	<-ready
}

// emit publishes an event with the given routing key and returns the event.
func emit(t *testing.T, b *memory.Broker, key string) event.Event {
	t.Helper()
	e, err := broker.Emit(t.Context(), b, key, event.Data{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// deadLetters advances the clock of [synctest] by a minute. By then, the broker has acknowledged or
// dead-lettered every message. deadLetters returns the dead letters, and fails the test unless
// there are n.
func deadLetters(t *testing.T, b *memory.Broker, n int) []broker.DeadLetter {
	t.Helper()
	time.Sleep(time.Minute)
	synctest.Wait()
	dead, err := testenv.Dead(t.Context(), b, consumers.QueueName("test"))
	if err != nil {
		t.Fatal(err)
	}
	if len(dead) != n {
		t.Fatalf("got %d dead letters, want %d", len(dead), n)
	}
	return dead
}

func TestHandlerReceivesTheEventAndItsTID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil, nil)
		got := make(chan event.Event, 1)
		start(t, b, consumers.Consumer{Keys: []string{"*.*.goal"}, Handle: func(ctx context.Context, e event.Event) error {
			if tid := event.TIDFrom(ctx); tid != e.TID {
				t.Errorf("the context has TID %s, want the event's TID %s", tid, e.TID)
			}
			got <- e
			return nil
		}}, slog.New(slog.DiscardHandler))
		emit(t, b, "soccer.mls.red_card")
		want := emit(t, b, "soccer.mls.goal")
		if e := <-got; e.ID != want.ID || e.TID != want.TID {
			t.Errorf("handled event %+v, want %+v", e, want)
		}
	})
}

func TestInvalidEventIsDeadLettered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil, nil)
		start(t, b, consumers.Consumer{Keys: []string{"#"}, Handle: func(context.Context, event.Event) error {
			t.Error("the handler was called with an invalid event")
			return nil
		}}, slog.New(slog.DiscardHandler))
		for _, body := range []string{"not JSON", "{}"} {
			if _, err := b.Publish(t.Context(), broker.Message{Key: "a.b.c", Body: []byte(body)}); err != nil {
				t.Fatal(err)
			}
		}
		for _, d := range deadLetters(t, b, 2) {
			if !strings.HasPrefix(d.Reason, "decoding event: ") || d.Attempt != 1 {
				t.Errorf("dead letter is %+v, want a decoding error at attempt 1", d)
			}
		}
	})
}

// A queue can have bindings from earlier settings. Events that match only these bindings do not reach the
// handler.
func TestEventsOfOldBindingsAreSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil, nil)
		s := broker.Subscription{Queue: consumers.QueueName("test"), Patterns: []string{"#"}}
		if err := b.Declare(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		got := make(chan string, 2)
		start(t, b, consumers.Consumer{Keys: []string{"*.*.goal"}, Handle: func(_ context.Context, e event.Event) error {
			got <- e.Type
			return nil
		}}, slog.New(slog.DiscardHandler))
		emit(t, b, "soccer.mls.yellow_card")
		emit(t, b, "soccer.mls.goal")
		if key := <-got; key != "soccer.mls.goal" {
			t.Errorf("handled %s, want only soccer.mls.goal", key)
		}
	})
}

// outcomes is a [trace.Sink] that sends the outcomes of spans.
type outcomes chan string

func (outcomes) Batching() trace.Batching {
	return trace.Batching{Queue: 10, Batch: 10, Delay: time.Millisecond, Timeout: time.Second}
}
func (outcomes) Name() string { return "outcomes" }
func (o outcomes) Write(_ context.Context, spans []trace.Span) error {
	for _, s := range spans {
		o <- s.Outcome
	}
	return nil
}

// The trace of an event that matches no key says why the consumer did not handle it.
func TestSkippedEventsSayWhy(t *testing.T) {
	t.Parallel()
	for want, why := range map[string]func(event.Event) string{
		"skipped: no key of the consumer matches": nil,
		"no rule for soccer.mls.yellow_card":      func(e event.Event) string { return "no rule for " + e.Type },
	} {
		testenv.OnBothRedis(t, func(t *testing.T, c *redis.Client) {
			b, got := memory.New(nil, nil), make(outcomes, 10)
			recorder := trace.NewRecorder("test", slog.New(slog.DiscardHandler), got)
			consumer := consumers.Consumer{
				Keys: []string{"*.*.goal"}, Ordered: why != nil, Skipped: why,
				Handle: func(context.Context, event.Event) error { return nil },
			}
			s := broker.Subscription{Queue: consumers.QueueName("test"), Patterns: []string{"#"}}
			if err := b.Declare(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			defer running.Wait()
			defer cancel()
			running.Go(func() { _ = recorder.Run(ctx) })
			running.Go(func() {
				r := consumers.Runner{Broker: b, Redis: c, Prefix: "mw:", Trace: recorder, Log: slog.New(slog.DiscardHandler)}
				if err := r.Run(ctx, "test", consumer, nil); err != nil {
					t.Error(err)
				}
			})
			emit(t, b, "soccer.mls.yellow_card")
			if outcome := <-got; outcome != want {
				t.Errorf("the outcome is %q, want %q", outcome, want)
			}
		})
	}
}

func TestPanicIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New([]time.Duration{time.Millisecond}, nil)
		var mu sync.Mutex
		attempts := 0
		start(t, b, consumers.Consumer{Keys: []string{"#"}, Handle: func(context.Context, event.Event) error {
			mu.Lock()
			defer mu.Unlock()
			attempts++
			panic("boom")
		}}, slog.New(slog.DiscardHandler))
		emit(t, b, "a.b.c")
		d := deadLetters(t, b, 1)[0]
		mu.Lock()
		defer mu.Unlock()
		if attempts != 2 || d.Reason != "the handler panicked: boom" {
			t.Errorf("got %d attempts and the reason %q, want 2 and the panic boom", attempts, d.Reason)
		}
	})
}

// The log line of a failed attempt contains the error, the TID, and whether the error is permanent.
func TestFailureIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New([]time.Duration{time.Millisecond}, nil)
		var log strings.Builder
		handled := make(chan struct{}, 3)
		errs := []error{errors.New("try later"), broker.Permanent(errors.New("no hope"))}
		n := 0
		start(t, b, consumers.Consumer{Keys: []string{"#"}, Handle: func(context.Context, event.Event) error {
			n++
			handled <- struct{}{}
			return errs[n-1]
		}}, slog.New(slog.NewTextHandler(&log, nil)))
		e := emit(t, b, "a.b.c")
		<-handled
		<-handled
		deadLetters(t, b, 1)
		for _, want := range []string{
			"event not handled", "try later", "permanent=false", "no hope", "permanent=true", "tid=" + e.TID.String(),
		} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %q:\n%s", want, log.String())
			}
		}
	})
}

// Attempts are counted by outcome.
func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New([]time.Duration{10 * time.Millisecond}, nil)
		registry := prometheus.NewRegistry()
		outcomes := map[string]error{
			"soccer.mls.goal":        nil,
			"soccer.mls.red_card":    broker.Permanent(errors.New("no")),
			"soccer.mls.lineup":      errors.New("later"),
			"soccer.mls.yellow_card": broker.Unavailable(errors.New("unreachable")),
		}
		ctx, cancel := context.WithCancel(context.Background())
		ready, done := make(chan struct{}), make(chan error)
		go func() {
			r := consumers.Runner{Broker: b, Metrics: consumers.NewMetrics(registry), Log: slog.New(slog.DiscardHandler)}
			handle := func(_ context.Context, e event.Event) error {
				err := outcomes[e.Type]
				if errors.Is(err, broker.ErrUnavailable) {
					outcomes[e.Type] = nil
				}
				return err
			}
			done <- r.Run(ctx, "test", consumers.Consumer{Keys: []string{"#"}, Handle: handle}, ready)
		}()
		<-ready
		for _, key := range slices.Collect(maps.Keys(outcomes)) { // a copy: the handler changes outcomes
			emit(t, b, key)
		}
		deadLetters(t, b, 2) // a permanent error, and an error at the last attempt
		emit(t, b, "soccer.mls.goal")
		count := func() map[string]float64 {
			found, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			all := map[string]float64{}
			for _, f := range found {
				for _, m := range f.Metric {
					if f.GetName() == "matchwire_consumer_events_total" {
						all[m.Label[1].GetValue()] = m.Counter.GetValue()
					}
				}
			}
			return all
		}
		want := map[string]float64{"done": 3, "dead": 2, "retry": 1, "outage": 1}
		time.Sleep(time.Minute)
		synctest.Wait()
		if !maps.Equal(count(), want) {
			t.Errorf("attempt counts are %v, want %v", count(), want)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
