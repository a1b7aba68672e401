package brokertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/internal/testenv"
)

func acknowledges(t *testing.T, open func() broker.Broker) {
	b := open()
	got, s := collect(t, b, "q", "#")
	publish(t, b, Message("a.b.c", "1"))
	s.settle(t, b)
	got.check(t, "1")
	s.stop()
	again, s := collect(t, open(), "q", "#")
	s.settle(t, b)
	again.check(t)
}

func postpones(t *testing.T, open func() broker.Broker) {
	b := open()
	var mu sync.Mutex
	var deliveries, early int
	until := time.Now().Add(1500 * time.Millisecond)
	subscribe(t, b, "q", 1, func(_ context.Context, m broker.Message) error {
		mu.Lock()
		defer mu.Unlock()
		deliveries++
		if m.Attempt != 1 {
			t.Errorf("delivery %d has attempt %d, want 1", deliveries, m.Attempt)
		}
		if time.Now().Before(until) {
			early++
			return broker.Postpone(until, "too early")
		}
		return nil
	}, "#")
	publish(t, b, Message("soccer.mls.goal", "1"))
	eventually(t, "a delivery after the postponement", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return deliveries > early
	})
	mu.Lock()
	defer mu.Unlock()
	if early > 12 {
		t.Errorf("%d deliveries before the postponed time, want at most 12", early)
	}
}

func retries(t *testing.T, open func() broker.Broker) {
	b := open()
	var mu sync.Mutex
	var at []time.Time
	var attempts []int
	s := subscribe(t, b, "q", 1, func(_ context.Context, m broker.Message) error {
		mu.Lock()
		defer mu.Unlock()
		at, attempts = append(at, time.Now()), append(attempts, m.Attempt)
		if m.Key != "soccer.mls.goal" {
			t.Errorf("attempt %d has key %q, want soccer.mls.goal", m.Attempt, m.Key)
		}
		if len(at) < 4 {
			return errors.New("not yet")
		}
		return nil
	}, "#")
	publish(t, b, Message("soccer.mls.goal", "1"))
	eventually(t, "four attempts", func() bool { mu.Lock(); defer mu.Unlock(); return len(at) >= 4 })
	s.settle(t, b) // waits until the fourth attempt is settled
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(attempts, []int{1, 2, 3, 4}) {
		t.Fatalf("attempts %v, want [1 2 3 4]", attempts)
	}
	for i, least := range []time.Duration{95, 195, 395} {
		if pause := at[i+1].Sub(at[i]); pause < least*time.Millisecond {
			t.Errorf("pause %d is %v, want at least %v", i+1, pause, least*time.Millisecond)
		}
	}
	if n, err := b.CountDead(t.Context(), "q"); n != 0 || err != nil {
		t.Errorf("CountDead: %d, error %v; want 0 and no error", n, err)
	}
}

// dead waits until the queue has dead letters and returns the dead letters.
func dead(t *testing.T, b broker.Broker, queue string) (letters []broker.DeadLetter) {
	t.Helper()
	eventually(t, "a dead letter", func() bool {
		var err error
		if letters, err = testenv.Dead(t.Context(), b, queue); err != nil {
			t.Fatal(err)
		}
		return len(letters) > 0
	})
	return letters
}

func permanent(t *testing.T, open func() broker.Broker) {
	b := open()
	var tried atomic.Int64
	began := time.Now().Add(-time.Second)
	subscribe(t, b, "q", 1, func(context.Context, broker.Message) error {
		tried.Add(1)
		return broker.Permanent(errors.New("no such team: Atlantis"))
	}, "#")
	want := Message("soccer.mls.goal", "1")
	publish(t, b, want)
	letters := dead(t, b, "q")
	l := letters[0]
	if len(letters) != 1 || l.Reason != "no such team: Atlantis" || l.Attempt != 1 || l.Key != want.Key || l.ID != "1" ||
		l.TID != want.TID || string(l.Body) != string(want.Body) ||
		l.FirstSeen.Before(began) || l.FirstSeen.After(time.Now().Add(time.Second)) {
		t.Errorf("dead letters %+v, want message %+v after 1 attempt, with the reason of the handler", letters, want)
	}
	if tried.Load() != 1 {
		t.Errorf("handled %d times, want once", tried.Load())
	}
	if again := dead(t, b, "q"); len(again) != 1 {
		t.Errorf("%d dead letters after a walk that kept all, want 1", len(again))
	}
}

func exhausted(t *testing.T, open func() broker.Broker) {
	b := open()
	var tried atomic.Int64
	subscribe(t, b, "q", 1, func(context.Context, broker.Message) error {
		return fmt.Errorf("attempt %d failed", tried.Add(1))
	}, "#")
	publish(t, b, Message("a.b.c", "1"))
	letters := dead(t, b, "q")
	if l := letters[0]; l.Attempt != 4 || l.Reason != "attempt 4 failed" || tried.Load() != 4 || l.Key != "a.b.c" {
		t.Errorf("dead letter %+v after %d attempts, want the error of the last attempt as the reason, after 4 attempts",
			l, tried.Load())
	}
}

func poison(t *testing.T, open func() broker.Broker) {
	b := open()
	var got box
	s := subscribe(t, b, "q", 1, func(ctx context.Context, m broker.Message) error {
		if m.ID == "bad" {
			return errors.New("always")
		}
		return got.put(ctx, m)
	}, "#")
	publish(t, b, Message("a.b.c", "bad"), Message("a.b.c", "1"), Message("a.b.c", "2"))
	s.settle(t, b)
	got.check(t, "1", "2")
	dead(t, b, "q")
}

func panics(t *testing.T, open func() broker.Broker) {
	b := open()
	var tried atomic.Int64
	subscribe(t, b, "q", 1, func(context.Context, broker.Message) error {
		tried.Add(1)
		panic("boom")
	}, "#")
	publish(t, b, Message("a.b.c", "1"))
	if l := dead(t, b, "q")[0]; l.Attempt != 4 || tried.Load() != 4 || l.Reason != "the handler panicked: boom" {
		t.Errorf("dead letter %+v after %d attempts, want the panic as the reason after 4 attempts", l, tried.Load())
	}
}

// Attempts that fail in an outage do not count, even if there are more such attempts than pauses.
func outage(t *testing.T, open func() broker.Broker) {
	b := open()
	var tried atomic.Int64
	var got box
	s := subscribe(t, b, "q", 1, func(ctx context.Context, m broker.Message) error {
		switch n := tried.Add(1); {
		case n < 9:
			return fmt.Errorf("storing: %w", broker.Unavailable(errors.New("connection refused")))
		case n < 12: // three failures leave one attempt
			return errors.New("not yet")
		}
		return got.put(ctx, m)
	}, "#")
	publish(t, b, Message("a.b.c", "1"))
	got.wait(t, "1")
	s.settle(t, b)
	got.check(t, "1")
	if got.msgs[0].Attempt != 4 {
		t.Errorf("attempt %d, want 4", got.msgs[0].Attempt)
	}
	if n, err := b.CountDead(t.Context(), "q"); n != 0 || err != nil {
		t.Errorf("CountDead: %d, error %v; want 0 and no error", n, err)
	}
}

// A handler that ignores its context blocks neither later messages nor the end of the subscription.
func hangs(t *testing.T, open func() broker.Broker) {
	b := open()
	release := make(chan struct{})
	defer close(release)
	var got box
	sub := broker.Subscription{Queue: "q", Patterns: []string{"#"}, Limit: 1, Timeout: 200 * time.Millisecond}
	s := start(t, b, sub, func(ctx context.Context, m broker.Message) error {
		if m.ID == "hangs" {
			<-release
			return nil
		}
		return got.put(ctx, m)
	})
	publish(t, b, Message("a.b.c", "hangs"), Message("a.b.c", "1"))
	s.settle(t, b)
	got.check(t, "1")
	l := dead(t, b, "q")[0]
	if l.ID != "hangs" || l.Attempt != 4 || !strings.Contains(l.Reason, "did not return within 200ms") {
		t.Errorf("dead letter %+v, want message \"hangs\" after 4 attempts that timed out", l)
	}
	s.stop()
}

func deadActions(t *testing.T, open func() broker.Broker) {
	b := open()
	var fixed atomic.Bool
	var got box
	s := subscribe(t, b, "q", 1, func(ctx context.Context, m broker.Message) error {
		if !fixed.Load() {
			return broker.Permanent(errors.New("not ready"))
		}
		return got.put(ctx, m)
	}, "#")
	for i := range 6 {
		publish(t, b, Message("soccer.mls.goal", fmt.Sprint(i)))
	}
	count := func(want int) func() bool {
		return func() bool {
			n, err := b.CountDead(t.Context(), "q")
			if err != nil {
				t.Fatal(err)
			}
			return n == want
		}
	}
	eventually(t, "six dead letters", count(6))
	fixed.Store(true)
	enough := errors.New("enough")
	err := b.WalkDead(t.Context(), "q", func(l broker.DeadLetter) (broker.DeadAction, error) {
		switch l.ID {
		case "0", "3":
			return broker.Requeue, nil
		case "1":
			return broker.Discard, nil
		case "4":
			return broker.Discard, enough
		}
		return broker.Keep, nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("WalkDead: %v, want the handler's error", err)
	}
	got.wait(t, "0", "3")
	s.settle(t, b)
	got.check(t, "0", "3")
	for _, m := range got.msgs {
		if m.Attempt != 1 || m.Key != "soccer.mls.goal" {
			t.Errorf("requeued message %+v, want attempt 1 and key soccer.mls.goal", m)
		}
	}
	eventually(t, "three dead letters", count(3))
	var kept []string
	for _, l := range dead(t, b, "q") {
		kept = append(kept, l.ID)
	}
	if !slices.Equal(kept, []string{"2", "4", "5"}) {
		t.Errorf("kept %v, want [2 4 5]", kept)
	}
}

// A walk visits all dead letters in order, even if it keeps most of them and they do not fit in one
// window of deliveries. When it returns, another walk can visit those that it kept.
func manyDead(t *testing.T, open func() broker.Broker) {
	b := open()
	subscribe(t, b, "q", 8, func(context.Context, broker.Message) error {
		return broker.Permanent(errors.New("never"))
	}, "#")
	const n = 100
	for i := range n {
		publish(t, b, Message("soccer.mls.goal", fmt.Sprint(i)))
	}
	count := func(want int) func() bool {
		return func() bool { got, err := b.CountDead(t.Context(), "q"); return err == nil && got == want }
	}
	eventually(t, "100 dead letters", count(n))
	walk := func(action func(i int) broker.DeadAction) (ids []string) {
		err := b.WalkDead(t.Context(), "q", func(l broker.DeadLetter) (broker.DeadAction, error) {
			ids = append(ids, l.ID)
			return action(len(ids)), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	all := walk(func(int) broker.DeadAction { return broker.Keep })
	again := walk(func(i int) broker.DeadAction {
		if i%10 == 0 {
			return broker.Discard
		}
		return broker.Keep
	})
	if len(all) != n || !slices.Equal(all, again) {
		t.Errorf("the walks visited %v, then %v, want %d dead letters in the same order", all, again, n)
	}
	if rest := walk(func(int) broker.DeadAction { return broker.Discard }); len(rest) != n-n/10 {
		t.Errorf("discarded %d dead letters, want %d", len(rest), n-n/10)
	}
	eventually(t, "no dead letters", count(0))
}

func noDead(t *testing.T, open func() broker.Broker) {
	b := open()
	if _, err := b.CountDead(t.Context(), "unknown"); !errors.Is(err, broker.ErrNoQueue) {
		t.Errorf("CountDead: %v, want ErrNoQueue", err)
	}
	err := b.WalkDead(t.Context(), "unknown", func(broker.DeadLetter) (broker.DeadAction, error) {
		return broker.Keep, nil
	})
	if !errors.Is(err, broker.ErrNoQueue) || !strings.Contains(err.Error(), "unknown") {
		t.Errorf("WalkDead: %v, want ErrNoQueue with the name of the queue", err)
	}
}
