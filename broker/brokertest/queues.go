package brokertest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/matchwire/matchwire/broker"
)

func publishConfirms(t *testing.T, open func() broker.Broker) {
	b := open()
	msgs := make([]broker.Message, 100)
	for i := range msgs {
		msgs[i] = Message("soccer.mls.goal", fmt.Sprint(i))
	}
	publish(t, b, msgs...)
}

func unchanged(t *testing.T, open func() broker.Broker) {
	b := open()
	got, s := collect(t, b, "q", "#")
	want := Message("soccer.mls.goal", "a")
	want.Body = []byte("{\"any\":\t\"bytes\",\"even\":\"\xff\"}\n")
	publish(t, b, want)
	s.settle(t, b)
	got.check(t, "a")
	m := got.msgs[0]
	if m.Key != want.Key || m.TID != want.TID || m.Match != want.Match || !m.Time.Equal(want.Time) ||
		string(m.Body) != string(want.Body) || m.Attempt != 1 {
		t.Errorf("received message %+v, want %+v with Attempt 1", m, want)
	}
}

func routes(t *testing.T, open func() broker.Broker) {
	b := open()
	msgs := []broker.Message{Message("soccer.mls.goal", "1"), Message("soccer.mls.red_card", "2"),
		Message("ice_hockey.nhl.goal", "3")}
	checks := []func(){}
	for _, tc := range []struct {
		queue, pattern string
		want           []string
	}{
		{"all", "#", []string{"1", "2", "3"}},
		{"mls", "soccer.mls.*", []string{"1", "2"}},
		{"goals", "*.*.goal", []string{"1", "3"}},
		{"hockey", "ice_hockey.#", []string{"3"}},
		{"two", "*.mls", nil},
	} {
		got, s := collect(t, b, tc.queue, tc.pattern)
		checks = append(checks, func() {
			s.settle(t, b)
			got.check(t, tc.want...)
		})
	}
	publish(t, b, msgs...)
	for _, check := range checks {
		check()
	}
}

func oneCopy(t *testing.T, open func() broker.Broker) {
	b := open()
	got, s := collect(t, b, "q", "#", "soccer.#", "*.*.goal")
	publish(t, b, Message("soccer.mls.goal", "1"))
	s.settle(t, b)
	got.check(t, "1")
}

func everyQueue(t *testing.T, open func() broker.Broker) {
	b := open()
	gotOne, subOne := collect(t, b, "one", "#")
	gotTwo, subTwo := collect(t, b, "two", "#")
	publish(t, b, Message("a.b.c", "1"), Message("a.b.c", "2"))
	subOne.settle(t, b)
	subTwo.settle(t, b)
	gotOne.check(t, "1", "2")
	gotTwo.check(t, "1", "2")
}

// A barrier blocks its callers until two have called wait.
type barrier struct {
	callers atomic.Int64
	both    chan struct{}
}

func newBarrier() *barrier { return &barrier{both: make(chan struct{})} }

func (b *barrier) wait() {
	if b.callers.Add(1) == 2 {
		close(b.both)
	}
	<-b.both
}

// shared checks that two subscribers, each with one handler at a time, share the published
// messages, and that each message is handled once. publish publishes several messages and returns
// the IDs of the messages. last publishes one more message and returns its ID.
func shared(t *testing.T, subscribe func(broker.Handler), publish func() (ids []string), last func() (id string)) {
	t.Helper()
	var got box
	firstBarrier, lastBarrier := newBarrier(), newBarrier()
	var ending atomic.Bool
	for range 2 {
		began := false
		subscribe(func(ctx context.Context, m broker.Message) error {
			switch {
			case ending.Load():
				lastBarrier.wait()
			case !began: // each subscriber receives a message while the other is busy
				began = true
				firstBarrier.wait()
			}
			return got.put(ctx, m)
		})
	}
	want := publish()
	got.wait(t, want...)
	// Each subscriber receives one more message, after it has handled all earlier messages.
	ending.Store(true)
	want = append(want, last(), last())
	got.wait(t, want...)
	got.check(t, want...)
}

func competing(t *testing.T, open func() broker.Broker) {
	b := open()
	n := 0
	next := func() string {
		n++
		publish(t, b, Message("a.b.c", fmt.Sprint(n)))
		return fmt.Sprint(n)
	}
	shared(t, func(h broker.Handler) { subscribe(t, open(), "q", 1, h, "#") }, func() (ids []string) {
		for range 100 {
			ids = append(ids, next())
		}
		return ids
	}, next)
}

func durable(t *testing.T, open func() broker.Broker) {
	b := open()
	_, s := collect(t, b, "q", "#")
	s.stop()
	publish(t, b, Message("a.b.c", "1"))
	got, s := collect(t, open(), "q", "#")
	s.settle(t, b)
	got.check(t, "1")
}

func declared(t *testing.T, open func() broker.Broker) {
	b := open()
	if err := b.Declare(t.Context(), broker.Subscription{Queue: "q", Patterns: []string{"#"}}); err != nil {
		t.Fatal(err)
	}
	publish(t, b, Message("a.b.c", "1"))
	got, s := collect(t, open(), "q", "#")
	s.settle(t, b)
	got.check(t, "1")
}

// While three handlers are busy, a fourth does not start. The test waits until a second queue has
// handled the same messages. By then, the broker has had time to deliver a fourth message to the
// first queue.
func limit(t *testing.T, open func() broker.Broker) {
	b := open()
	var began, handled atomic.Int64
	release := make(chan struct{})
	subscribe(t, b, "q", 3, func(context.Context, broker.Message) error {
		began.Add(1)
		<-release
		handled.Add(1)
		return nil
	}, "a.#")
	_, other := collect(t, b, "two", "a.#")
	for i := range 12 {
		publish(t, b, Message("a.b.c", fmt.Sprint(i)))
	}
	eventually(t, "three handlers to start", func() bool { return began.Load() >= 3 })
	other.settle(t, b)
	if n := began.Load(); n != 3 {
		t.Errorf("%d concurrent handlers, want 3", n)
	}
	close(release)
	eventually(t, "all messages to be handled", func() bool { return handled.Load() == 12 })
}

func drains(t *testing.T, open func() broker.Broker) {
	b := open()
	began, release, finished := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s := subscribe(t, b, "q", 1, func(ctx context.Context, _ broker.Message) error {
		close(began)
		<-release
		if ctx.Err() != nil {
			t.Errorf("the context of the handler ended: %v", ctx.Err())
		}
		close(finished)
		return nil
	}, "a.#")
	_, other := collect(t, b, "two", "b.#")
	publish(t, b, Message("a.b.c", "1"))
	wait(t, began, "the handler to start")
	s.cancel()
	other.settle(t, b) // gives Subscribe time to return
	select {
	case <-s.done:
		t.Error("Subscribe returned while its handler was running")
	default:
	}
	close(release)
	s.stop()
	wait(t, finished, "the handler to return")
	got, sub := collect(t, open(), "q", "a.#")
	sub.settle(t, b)
	got.check(t)
}

func redelivers(t *testing.T, open func() broker.Broker) {
	b := open()
	began, release := make(chan struct{}), make(chan struct{})
	s := subscribe(t, b, "q", 1, func(context.Context, broker.Message) error {
		close(began)
		<-release
		return errors.New("interrupted")
	}, "#")
	publish(t, b, Message("a.b.c", "1"), Message("a.b.c", "2"))
	wait(t, began, "the handler to start")
	s.cancel()
	close(release)
	s.stop()
	got, sub := collect(t, open(), "q", "#")
	got.wait(t, "1", "2")
	sub.settle(t, b)
	got.check(t, "1", "2")
}

// QueueStates counts messages, subscribers, retries and dead letters. It leaves out queues that do not exist.
func states(t *testing.T, open func() broker.Broker) {
	b := open()
	var got map[string]broker.QueueState
	is := func(queue string, want broker.QueueState) {
		t.Helper()
		eventually(t, fmt.Sprintf("the state %+v of queue %q", want, queue), func() bool {
			var err error
			if got, err = b.QueueStates(t.Context(), []string{"waits", "retries", "none"}); err != nil {
				t.Fatal(err)
			}
			return got[queue] == want
		})
	}
	if err := b.Declare(t.Context(), broker.Subscription{Queue: "waits", Patterns: []string{"a.#"}}); err != nil {
		t.Fatal(err)
	}
	publish(t, b, Message("a.b.c", "1"), Message("a.b.c", "2"))
	is("waits", broker.QueueState{Messages: 2})
	var fixed atomic.Bool
	subscribe(t, b, "retries", 2, func(_ context.Context, m broker.Message) error {
		switch {
		case m.ID == "dead":
			return broker.Permanent(errors.New("bad"))
		case fixed.Load():
			return nil
		}
		return broker.Unavailable(errors.New("down"))
	}, "x.#")
	publish(t, open(), Message("x.y.z", "dead"), Message("x.y.z", "retry"))
	is("retries", broker.QueueState{Subscribers: 1, Retries: 1, Dead: 1})
	fixed.Store(true)
	is("retries", broker.QueueState{Subscribers: 1, Dead: 1})
	if _, exists := got["none"]; exists {
		t.Errorf("QueueStates returned a state of a queue that does not exist: %+v", got["none"])
	}
}
