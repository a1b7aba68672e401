package brokertest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// taskName is the name of all tasks in these tests.
const taskName = "page.poll"

// task returns the message of a new task. If lifetime is 0, the task does not expire.
func task(t *testing.T, lifetime time.Duration) broker.Message {
	t.Helper()
	task, err := broker.NewTask(taskName, event.NewTID(), map[string]string{"match": "m1"}, time.Now(), lifetime)
	if err != nil {
		t.Fatal(err)
	}
	m, err := task.Message()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// work starts a worker, which ends at the latest when the test ends.
func work(t *testing.T, b broker.Broker, h broker.Handler) *subscription {
	t.Helper()
	return start(t, b, broker.Subscription{Queue: broker.TaskQueue(taskName), Exchange: broker.Tasks,
		Patterns: []string{taskName}, Limit: 1}, h)
}

func taskWaits(t *testing.T, open func() broker.Broker) {
	b := open()
	want := task(t, time.Hour)
	publish(t, b, want) // the queue of the task is not declared yet
	var got box
	work(t, open(), got.put).settle(t, b)
	got.check(t, want.ID)
	m := got.msgs[0]
	if m.Key != taskName || m.TID != want.TID || string(m.Body) != string(want.Body) ||
		!m.Expires.Equal(want.Expires) || m.Attempt != 1 {
		t.Errorf("received message %+v, want %+v with Attempt 1", m, want)
	}
	decoded, err := broker.DecodeTask(m.Body)
	if err != nil || decoded.ID != want.ID || decoded.TID != want.TID || string(decoded.Data) != `{"match":"m1"}` {
		t.Errorf("DecodeTask: %+v, %v, want ID %s and TID %v", decoded, err, want.ID, want.TID)
	}
}

func taskShared(t *testing.T, open func() broker.Broker) {
	b := open()
	next := func() string {
		m := task(t, 0)
		publish(t, b, m)
		return m.ID
	}
	shared(t, func(h broker.Handler) { work(t, open(), h) }, func() (ids []string) {
		for range 60 {
			ids = append(ids, next())
		}
		return ids
	}, next)
}

func taskApart(t *testing.T, open func() broker.Broker) {
	b := open()
	events, s := collect(t, b, "q", "#")
	var tasks box
	worker := work(t, b, tasks.put)
	m := task(t, 0)
	publish(t, b, m, Message("a.b.c", "event"))
	worker.settle(t, b)
	s.settle(t, b)
	tasks.check(t, m.ID)
	events.check(t, "event")
	if ids, _ := read(t, b, broker.Start, 1); ids[0] != "event" {
		t.Errorf("the first message in the log is %v, want the event", ids)
	}
}

func taskExpires(t *testing.T, open func() broker.Broker) {
	b := open()
	late, good := task(t, 100*time.Millisecond), task(t, time.Hour)
	publish(t, b, late, good)
	<-time.After(time.Until(late.Expires))
	var got box
	work(t, b, got.put).settle(t, b)
	got.check(t, good.ID)
}

// A task that expires during its second failed attempt gets no third attempt, and is not
// dead-lettered. A task that does not expire gets a third attempt.
func taskRetries(t *testing.T, open func() broker.Broker) {
	b := open()
	late, good := task(t, 5*time.Second), task(t, time.Hour) // long enough for two attempts on a slow machine
	var lateAttempts atomic.Int64
	third := make(chan struct{})
	work(t, b, func(_ context.Context, m broker.Message) error {
		if m.ID == late.ID {
			if lateAttempts.Add(1) == 2 {
				<-time.After(time.Until(m.Expires))
			}
			return errors.New("not now")
		}
		if m.Attempt == 3 { // a third attempt at late would have begun before this attempt
			close(third)
			return nil
		}
		return errors.New("not now")
	})
	publish(t, b, late, good)
	wait(t, third, "the third attempt at the task that does not expire")
	if n, err := b.CountDead(t.Context(), broker.TaskQueue(taskName)); lateAttempts.Load() != 2 || n != 0 || err != nil {
		t.Errorf("%d attempts, %d dead letters, error %v; want 2, 0 and no error", lateAttempts.Load(), n, err)
	}
}
