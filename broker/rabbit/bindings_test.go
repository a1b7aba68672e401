package rabbit_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/brokertest"
	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/internal/testenv"
)

// A bindingsWorld is a Broker with a subscription to events, a worker for tasks and a reader of the
// log. With ch, a test can delete the exchanges and bindings on another connection.
type bindingsWorld struct {
	*testing.T
	url, ns string
	broker  *rabbit.Broker
	ch      *amqp.Channel

	mu sync.Mutex
	// The keys are the IDs of the messages that the subscription, the worker and the reader received.
	handled, worked, logged map[string]bool
}

func newBindingsWorld(t *testing.T) *bindingsWorld {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil, "q", "task.page.poll")
	w := &bindingsWorld{T: t, url: url, ns: ns, ch: openChannel(t, url),
		handled: map[string]bool{}, worked: map[string]bool{}, logged: map[string]bool{}}
	w.broker = open(t, url, rabbit.Options{Namespace: ns, Log: slog.New(slog.DiscardHandler)})
	w.broker.SetVerifyInterval(200 * time.Millisecond)
	record := func(in map[string]bool) broker.Handler {
		return func(_ context.Context, m broker.Message) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			in[m.ID] = true
			return nil
		}
	}
	subscribe(t, w.broker, "q", record(w.handled), "soccer.*.goal", "soccer.*.red_card")
	ctx, cancel := context.WithCancel(context.Background())
	ready, caughtUp, ended := make(chan struct{}), make(chan struct{}), make(chan error, 2)
	go func() {
		s := broker.Subscription{Queue: "task.page.poll", Exchange: broker.Tasks, Patterns: []string{"page.poll"},
			Ready: ready}
		ended <- w.broker.Subscribe(ctx, s, record(w.worked))
	}()
	go func() {
		ended <- w.broker.ReadLog(ctx, broker.End, caughtUp, func(_ broker.Cursor, m broker.Message) error {
			return record(w.logged)(ctx, m)
		})
	}()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
	<-ready
	<-caughtUp
	for _, e := range []string{"live_events", "tasks"} {
		eventually(t, "the exchange "+e+".witness", func() bool { return w.exists(e + ".witness") })
	}
	return w
}

// exists reports whether an exchange exists.
func (w *bindingsWorld) exists(exchange string) bool {
	ch := openChannel(w.T, w.url)
	return ch.ExchangeDeclarePassive(w.ns+"."+exchange, "fanout", true, true, false, false, nil) == nil
}

// received reports whether in contains the ID.
func (w *bindingsWorld) received(in map[string]bool, id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return in[id]
}

// emitUntil publishes messages on a bare channel, without matchwire, until in contains the latest of
// them.
func (w *bindingsWorld) emitUntil(exchange, key string, in map[string]bool) {
	w.Helper()
	n := 0
	eventually(w.T, "a message with the key "+key, func() bool {
		n++
		id := fmt.Sprintf("%s %d", key, n)
		err := w.ch.Publish(w.ns+"."+exchange, key, false, false, amqp.Publishing{MessageId: id})
		if err != nil {
			w.Fatal(err)
		}
		for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if w.received(in, id) {
				return true
			}
		}
		return false
	})
}

// health waits until Health has reported, for each of the texts, an issue that contains the text and
// is not Down.
func (w *bindingsWorld) health(texts ...string) {
	w.Helper()
	for _, text := range texts {
		eventually(w.T, fmt.Sprintf("health with %q", text), func() bool {
			for _, issue := range w.broker.Health(w.Context()) {
				if strings.Contains(issue.Text, text) && !issue.Down {
					return true
				}
			}
			return false
		})
	}
}

// Another program deletes an exchange and declares it again, so the bindings of the exchange are
// gone. The Broker declares the bindings again, and its health reports the deletion.
func TestCaseBindingsGone(t *testing.T) {
	w := newBindingsWorld(t)
	if err := w.ch.ExchangeDelete(w.ns+".live_events", false, false); err != nil {
		t.Fatal(err)
	}
	if err := w.ch.ExchangeDeclare(w.ns+".live_events", "topic", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	w.emitUntil("live_events", "soccer.mls.goal", w.handled)
	w.emitUntil("live_events", "soccer.mls.red_card", w.handled)
	w.emitUntil("live_events", "soccer.mls.substitution", w.logged)
	w.health(`exchange "` + w.ns + `.live_events" was deleted`)
}

func TestBindingsOfTasksGone(t *testing.T) {
	w := newBindingsWorld(t)
	if err := w.ch.ExchangeDelete(w.ns+".tasks", false, false); err != nil {
		t.Fatal(err)
	}
	if err := w.ch.ExchangeDeclare(w.ns+".tasks", "direct", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	w.emitUntil("tasks", "page.poll", w.worked)
	w.health(`exchange "` + w.ns + `.tasks" was deleted`)
}

// The exchange still exists, but one binding of a queue and the binding of the log are gone. The
// Broker declares both again.
func TestOneBindingGone(t *testing.T) {
	w := newBindingsWorld(t)
	for queue, pattern := range map[string]string{"q": "soccer.*.goal", "live_events.log": "#"} {
		if err := w.ch.QueueUnbind(w.ns+"."+queue, pattern, w.ns+".live_events", nil); err != nil {
			t.Fatal(err)
		}
	}
	w.emitUntil("live_events", "soccer.mls.goal", w.handled)
	w.emitUntil("live_events", "soccer.mls.goal", w.logged)
}

// If the Broker itself publishes to a deleted exchange, it binds its queues again before it sends
// the message again. So the queues receive the message.
func TestPublishToDeletedExchange(t *testing.T) {
	w := newBindingsWorld(t)
	if _, err := w.broker.Publish(t.Context(), brokertest.Message("soccer.mls.goal", "before")); err != nil {
		t.Fatal(err)
	}
	if err := w.ch.ExchangeDelete(w.ns+".live_events", false, false); err != nil {
		t.Fatal(err)
	}
	if _, err := w.broker.Publish(t.Context(), brokertest.Message("soccer.mls.goal", "after")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message after the deletion", func() bool { return w.received(w.handled, "after") })
}
