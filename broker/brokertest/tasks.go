package brokertest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// taskName is that of the tasks in these tests.
const taskName = "page.poll"

func task(t *testing.T, lifetime time.Duration) broker.Message {
	t.Helper()
	made, err := broker.NewTask(taskName, event.NewTID(), map[string]string{"match": "m1"}, time.Now(), lifetime)
	if err != nil {
		t.Fatal(err)
	}
	m, err := made.Message()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// work starts a worker, which ends with stop or with the test.
func work(t *testing.T, b broker.Broker, h broker.Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		s := broker.Subscription{Queue: broker.TaskQueue(taskName), Exchange: broker.Tasks, Patterns: []string{taskName}, Limit: 1, Ready: ready}
		if err := b.Subscribe(ctx, s, h); err != nil {
			t.Errorf("Subscribe: %v", err)
		}
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		wait(t, done, "Subscribe to return")
	})
	t.Cleanup(stop)
	wait(t, ready, "the binding")
	return stop
}

func taskWaits(t *testing.T, open func() broker.Broker) {
	want := task(t, time.Hour)
	publish(t, open(), want) // nobody has declared its queue
	var got box
	work(t, open(), got.put)
	got.expect(t, want.ID)
	m := got.msgs[0]
	if m.Key != taskName || m.TID != want.TID || string(m.Body) != string(want.Body) || !m.Expires.Equal(want.Expires) || m.Attempt != 1 {
		t.Errorf("got %+v, want %+v", m, want)
	}
	if made, err := broker.DecodeTask(m.Body); err != nil || made.ID != want.ID || made.TID != want.TID || string(made.Data) != `{"match":"m1"}` {
		t.Errorf("decoded %+v, %v", made, err)
	}
}

func taskShared(t *testing.T, open func() broker.Broker) {
	var one, two box
	slowly := func(b *box) broker.Handler {
		return func(ctx context.Context, m broker.Message) error {
			time.Sleep(2 * time.Millisecond)
			return b.put(ctx, m)
		}
	}
	work(t, open(), slowly(&one))
	work(t, open(), slowly(&two))
	var want []string
	b := open()
	for range 60 {
		m := task(t, 0)
		want = append(want, m.ID)
		publish(t, b, m)
	}
	all := func() []string { return append(one.ids(), two.ids()...) }
	eventually(t, "all tasks", func() bool { return len(all()) >= len(want) })
	time.Sleep(150 * time.Millisecond)
	got := all()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d tasks done, want each of %d once", len(got), len(want))
	}
	if len(one.ids()) < 12 || len(two.ids()) < 12 {
		t.Errorf("the workers did %d and %d: not shared", len(one.ids()), len(two.ids()))
	}
}

func taskApart(t *testing.T, open func() broker.Broker) {
	b := open()
	var events, tasks box
	subscribe(t, b, "q", 1, events.put, "#")
	work(t, b, tasks.put)
	m := task(t, 0)
	publish(t, b, m, Message("a.b.c", "event"))
	tasks.expect(t, m.ID)
	events.expect(t, "event")
	if ids, _ := read(t, b, broker.Start, 1); ids[0] != "event" {
		t.Errorf("the log begins with %v", ids)
	}
}

func taskExpires(t *testing.T, open func() broker.Broker) {
	b := open()
	late, good := task(t, 100*time.Millisecond), task(t, time.Hour)
	publish(t, b, late, good)
	time.Sleep(200 * time.Millisecond)
	var got box
	work(t, b, got.put)
	got.expect(t, good.ID)
}

func taskRetries(t *testing.T, open func() broker.Broker) {
	b := open()
	var tried atomic.Int64
	work(t, b, func(context.Context, broker.Message) error {
		tried.Add(1)
		return errors.New("not now")
	})
	publish(t, b, task(t, 250*time.Millisecond)) // after 100 ms once more, and 200 ms later it is late
	eventually(t, "two attempts", func() bool { return tried.Load() == 2 })
	time.Sleep(500 * time.Millisecond)
	if n, err := b.CountDead(t.Context(), broker.TaskQueue(taskName)); tried.Load() != 2 || n != 0 || err != nil {
		t.Errorf("%d attempts, %d dead letters, %v; want 2 and none", tried.Load(), n, err)
	}
}
