package brokertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
)

func panics(t *testing.T, open func() event.Broker) {
	b := open()
	var tried atomic.Int64
	subscribe(t, b, "q", 1, func(context.Context, event.Message) error {
		tried.Add(1)
		panic("boom")
	}, "#")
	publish(t, b, Message("a.b.c", "1"))
	if l := dead(t, b, "q")[0]; l.Attempt != 4 || tried.Load() != 4 || l.Reason != "the handler panicked: boom" {
		t.Errorf("after %d attempts: %+v", tried.Load(), l)
	}
}

// No message pays for an outage, however long it is.
func outage(t *testing.T, open func() event.Broker) {
	b := open()
	var tried atomic.Int64
	var got box
	subscribe(t, b, "q", 1, func(ctx context.Context, m event.Message) error {
		switch n := tried.Add(1); {
		case n < 9:
			return fmt.Errorf("storing: %w", event.Unavailable(errors.New("connection refused")))
		case n < 12: // as often as a message may fail
			return errors.New("not yet")
		}
		return got.put(ctx, m)
	}, "#")
	publish(t, b, Message("a.b.c", "1"))
	got.expect(t, "1")
	if got.msgs[0].Attempt != 4 {
		t.Errorf("attempt %d, want 4", got.msgs[0].Attempt)
	}
	if n, err := b.CountDead(t.Context(), "q"); n != 0 || err != nil {
		t.Errorf("%d dead letters, %v", n, err)
	}
}

// A handler that listens to nobody holds up neither the messages behind it nor
// the end of the subscription.
func hangs(t *testing.T, open func() event.Broker) {
	b := open()
	release := make(chan struct{})
	defer close(release)
	var got box
	ctx, cancel := context.WithCancel(t.Context())
	s := event.Subscription{Queue: "q", Patterns: []string{"#"}, Limit: 1, Timeout: 200 * time.Millisecond}
	done := make(chan error, 1)
	ready := make(chan struct{})
	s.Ready = ready
	go func() {
		done <- b.Subscribe(ctx, s, func(ctx context.Context, m event.Message) error {
			if m.ID == "hangs" {
				<-release
				return nil
			}
			return got.put(ctx, m)
		})
	}()
	wait(t, ready, "the binding")
	publish(t, b, Message("a.b.c", "hangs"), Message("a.b.c", "1"))
	got.expect(t, "1")
	if l := dead(t, b, "q")[0]; l.ID != "hangs" || l.Attempt != 4 || !strings.Contains(l.Reason, "did not return within 200ms") {
		t.Errorf("%+v", l)
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("the subscription does not end")
	}
}

func fates(t *testing.T, open func() event.Broker) {
	b := open()
	var mended atomic.Bool
	var got box
	subscribe(t, b, "q", 1, func(ctx context.Context, m event.Message) error {
		if !mended.Load() {
			return event.Permanent(errors.New("not ready"))
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
	mended.Store(true)
	enough := errors.New("enough")
	err := b.WalkDead(t.Context(), "q", func(l event.DeadLetter) (event.Fate, error) {
		switch l.ID {
		case "0", "3":
			return event.Revive, nil
		case "1":
			return event.Discard, nil
		case "4":
			return event.Discard, enough
		}
		return event.Keep, nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("the walk ended with %v", err)
	}
	got.expect(t, "0", "3")
	for _, m := range got.msgs {
		if m.Attempt != 1 || m.Key != "soccer.mls.goal" {
			t.Errorf("revived as %+v, want a first attempt under its own key", m)
		}
	}
	eventually(t, "three dead letters", count(3))
	var kept []string
	for _, l := range dead(t, b, "q") {
		kept = append(kept, l.ID)
	}
	if !slices.Equal(kept, []string{"2", "4", "5"}) {
		t.Errorf("kept %v, want 2, 4, 5", kept)
	}
}

func noDead(t *testing.T, open func() event.Broker) {
	b := open()
	if _, err := b.CountDead(t.Context(), "nobody"); !errors.Is(err, event.ErrNoQueue) {
		t.Errorf("counting: %v", err)
	}
	err := b.WalkDead(t.Context(), "nobody", func(event.DeadLetter) (event.Fate, error) { return event.Keep, nil })
	if !errors.Is(err, event.ErrNoQueue) || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("walking: %v", err)
	}
}
