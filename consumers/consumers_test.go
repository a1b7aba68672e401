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

func emit(t *testing.T, b *memory.Broker, key string) event.Event {
	t.Helper()
	e, err := broker.Emit(t.Context(), b, key, event.Data{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// deadLetters waits until nothing happens any more, by the clock of the test's bubble, and returns
// the dead letters, of which there should be n.
func deadLetters(t *testing.T, b *memory.Broker, n int) []broker.DeadLetter {
	t.Helper()
	time.Sleep(time.Minute)
	synctest.Wait()
	dead, err := testenv.Dead(t.Context(), b, consumers.QueueName("test"))
	if err != nil {
		t.Fatal(err)
	}
	if len(dead) != n {
		t.Fatalf("%d dead letters, want %d", len(dead), n)
	}
	return dead
}

func TestHandlerGetsTheEventAndItsTID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil, nil)
		got := make(chan event.Event, 1)
		start(t, b, consumers.Consumer{Keys: []string{"*.*.goal"}, Handle: func(ctx context.Context, e event.Event) error {
			if tid := event.TIDFrom(ctx); tid != e.TID {
				t.Errorf("context has TID %s, the event %s", tid, e.TID)
			}
			got <- e
			return nil
		}}, slog.New(slog.DiscardHandler))
		emit(t, b, "soccer.mls.red_card")
		want := emit(t, b, "soccer.mls.goal")
		if e := <-got; e.ID != want.ID || e.TID != want.TID {
			t.Errorf("got %+v, want %+v", e, want)
		}
	})
}

func TestMessageThatIsNoEventIsDeadLettered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil, nil)
		start(t, b, consumers.Consumer{Keys: []string{"#"}, Handle: func(context.Context, event.Event) error {
			t.Error("handled")
			return nil
		}}, slog.New(slog.DiscardHandler))
		for _, body := range []string{"not JSON", "{}"} {
			if _, err := b.Publish(t.Context(), broker.Message{Key: "a.b.c", Body: []byte(body)}); err != nil {
				t.Fatal(err)
			}
		}
		for _, d := range deadLetters(t, b, 2) {
			if !strings.HasPrefix(d.Reason, "decoding event: ") || d.Attempt != 1 {
				t.Errorf("dead letter %+v", d)
			}
		}
	})
}

// A queue keeps the bindings of earlier settings; what they bring is not for
// the handler.
func TestNarrowedKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil, nil)
		if err := b.Declare(t.Context(), broker.Subscription{Queue: consumers.QueueName("test"), Patterns: []string{"#"}}); err != nil {
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
			t.Errorf("handled %s", key)
		}
	})
}

func TestPanicIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New([]time.Duration{time.Millisecond}, nil)
		var mu sync.Mutex
		tries := 0
		start(t, b, consumers.Consumer{Keys: []string{"#"}, Handle: func(context.Context, event.Event) error {
			mu.Lock()
			defer mu.Unlock()
			tries++
			panic("boom")
		}}, slog.New(slog.DiscardHandler))
		emit(t, b, "a.b.c")
		d := deadLetters(t, b, 1)[0]
		mu.Lock()
		defer mu.Unlock()
		if tries != 2 || d.Reason != "the handler panicked: boom" {
			t.Errorf("%d tries, reason %q", tries, d.Reason)
		}
	})
}

func TestLogSaysWhatBecameOfAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New([]time.Duration{time.Millisecond}, nil)
		var said strings.Builder
		handled := make(chan struct{}, 3)
		errs := []error{errors.New("try later"), broker.Permanent(errors.New("no hope"))}
		n := 0
		start(t, b, consumers.Consumer{Keys: []string{"#"}, Handle: func(context.Context, event.Event) error {
			n++
			handled <- struct{}{}
			return errs[n-1]
		}}, slog.New(slog.NewTextHandler(&said, nil)))
		e := emit(t, b, "a.b.c")
		<-handled
		<-handled
		deadLetters(t, b, 1)
		for _, want := range []string{"event not handled", "try later", "permanent=false", "no hope", "permanent=true", "tid=" + e.TID.String()} {
			if !strings.Contains(said.String(), want) {
				t.Errorf("log lacks %q:\n%s", want, said.String())
			}
		}
	})
}

// A tap is a broker that tells what handlers return.
type tap struct {
	broker.Subscriber
	results chan result
}

type result struct {
	m   broker.Message
	err error
}

func (b tap) Subscribe(ctx context.Context, s broker.Subscription, h broker.Handler) error {
	return b.Subscriber.Subscribe(ctx, s, func(ctx context.Context, m broker.Message) error {
		err := h(ctx, m)
		b.results <- result{m, err}
		return err
	})
}

// What may not be done twice is done once per ID, however often the event
// comes; what failed is done again, and what was under way with somebody who
// died too.
func TestOnce(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		b := memory.New([]time.Duration{20 * time.Millisecond, 20 * time.Millisecond, 20 * time.Millisecond}, nil)
		var mu sync.Mutex
		handled := map[string]int{}
		hold, began, taken := make(chan struct{}), make(chan struct{}), make(chan struct{})
		c := consumers.Consumer{Keys: []string{"#"}, Limit: 4, Once: true, Handle: func(_ context.Context, e event.Event) error {
			mu.Lock()
			handled[e.Data.Player]++
			n := handled[e.Data.Player]
			mu.Unlock()
			switch {
			case e.Data.Player == "fails" && n < 3:
				return errors.New("not yet")
			case e.Data.Player == "slow":
				<-hold
			case e.Data.Player == "late" && n == 1:
				close(began)
				<-taken
				return errors.New("too late")
			}
			return nil
		}}
		ctx, cancel := context.WithCancel(t.Context())
		done, ready := make(chan error, 1), make(chan struct{})
		tapped := tap{b, make(chan result, 1000)}
		go func() {
			done <- consumers.Runner{Broker: tapped, Redis: r, Prefix: "mw:", Log: slog.New(slog.DiscardHandler)}.Run(ctx, "test", c, ready)
		}()
		<-ready
		message := func(player string) broker.Message {
			e, err := event.Of("soccer.mls.goal", event.Data{Player: player}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			e.TID = event.NewTID()
			m, err := broker.NewMessage(e)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		publish := func(msgs ...broker.Message) {
			if _, err := b.Publish(t.Context(), msgs...); err != nil {
				t.Fatal(err)
			}
		}
		backfill := func(m broker.Message) broker.Message {
			e, err := event.Decode(m.Body)
			if err != nil {
				t.Fatal(err)
			}
			e.Data.Backfill = true
			if m, err = broker.NewMessage(e); err != nil {
				t.Fatal(err)
			}
			return m
		}
		news := message("news")
		plain, fails, slow, dead := message("plain"), message("fails"), message("slow"), message("of the dead")
		// Somebody died while handling this one, and left his mark.
		if err := r.Set(t.Context(), "mw:handled:test:"+dead.ID, "busy", time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
		// And somebody who has lost the broker fails after another has taken over.
		late := message("late")
		publish(late)
		<-began
		taker := late
		taker.Redelivered = true
		publish(taker)
		again := dead
		again.Redelivered = true
		publish(plain, fails, slow, plain, slow, again)
		publish(backfill(news), news, backfill(news), news) // the first copy, which alerts nobody, takes nothing from the second
		publish(plain, fails)
		const published = 14
		release := sync.OnceFunc(func() { close(hold) })
		patience, enough := context.WithTimeout(ctx, 30*time.Second)
		defer enough()
		for acknowledged := 0; acknowledged < published; {
			var last result
			select {
			case last = <-tapped.results:
			case <-patience.Done():
				t.Fatalf("%d of %d events are acknowledged", acknowledged, published)
			}
			switch {
			case last.err == nil:
				acknowledged++
				if last.m.ID == late.ID && last.m.Redelivered {
					close(taken)
				}
			case last.m.ID == slow.ID: // it is under way in the other delivery
				release()
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := map[string]int{"plain": 1, "fails": 3, "slow": 1, "of the dead": 1, "news": 2, "late": 2}
		if !maps.Equal(handled, want) {
			t.Errorf("handled %v, want %v", handled, want)
		}
		if n, err := b.CountDead(t.Context(), consumers.QueueName("test")); n != 0 || err != nil {
			t.Errorf("%d dead letters, %v", n, err)
		}
		if ttl := r.PTTL(t.Context(), "mw:handled:test:"+plain.ID).Val(); ttl < 23*time.Hour || ttl > 24*time.Hour {
			t.Errorf("remembered for %v, want a day", ttl)
		}
	})
}

// What becomes of events is counted, by consumer and outcome.
func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New([]time.Duration{10 * time.Millisecond}, nil)
		registry := prometheus.NewRegistry()
		answers := map[string]error{"soccer.mls.goal": nil, "soccer.mls.red_card": broker.Permanent(errors.New("no")), "soccer.mls.lineup": errors.New("later"),
			"soccer.mls.yellow_card": broker.Unavailable(errors.New("away"))}
		ctx, cancel := context.WithCancel(context.Background())
		ready, done := make(chan struct{}), make(chan error)
		go func() {
			r := consumers.Runner{Broker: b, Metrics: consumers.NewMetrics(registry), Log: slog.New(slog.DiscardHandler)}
			done <- r.Run(ctx, "test", consumers.Consumer{Keys: []string{"#"}, Handle: func(_ context.Context, e event.Event) error {
				err := answers[e.Type]
				if errors.Is(err, broker.ErrUnavailable) {
					answers[e.Type] = nil
				}
				return err
			}}, ready)
		}()
		<-ready
		for _, key := range slices.Collect(maps.Keys(answers)) { // the handler changes answers
			emit(t, b, key)
		}
		deadLetters(t, b, 2) // one never, one too often
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
			t.Errorf("counted %v, want %v", count(), want)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// An event that is handled once and whose handler panics is tried again, like
// any other that fails.
func TestOnceAfterAPanic(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		b := memory.New([]time.Duration{10 * time.Millisecond}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(context.Background())
		ready, done, handled := make(chan struct{}), make(chan error), make(chan int, 10)
		calls := 0
		go func() {
			c := consumers.Consumer{Keys: []string{"#"}, Once: true, Handle: func(context.Context, event.Event) error {
				if calls++; calls == 1 {
					panic("once")
				}
				handled <- calls
				return nil
			}}
			done <- consumers.Runner{Broker: b, Redis: r, Prefix: "mw:", Log: slog.New(slog.DiscardHandler)}.Run(ctx, "test", c, ready)
		}()
		<-ready
		emit(t, b, "soccer.mls.goal")
		select {
		case n := <-handled:
			if n != 2 {
				t.Errorf("handled at the call %d, want the second", n)
			}
		case <-time.After(10 * time.Second):
			t.Error("it was not tried again")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
