package rabbit_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/brokertest"
	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/internal/testenv"
)

// waitTimeout is the timeout of most waits in these tests.
const waitTimeout = 30 * time.Second

// If a connection has no free channel, a new subscription waits for a free channel. The existing
// subscriptions keep their channels.
func TestSubscriptionWaitsForAFreeChannel(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil, "one", "two", "three")
	var log testenv.Log
	b := open(t, url+"?channel_max=2", rabbit.Options{Namespace: ns, Log: slog.New(slog.NewTextHandler(&log, nil))})
	began, release := make(chan struct{}), make(chan struct{})
	var deliveries atomic.Int64
	subscribe(t, b, "one", func(context.Context, broker.Message) error {
		if deliveries.Add(1) == 1 {
			close(began)
			<-release
		}
		return nil
	}, "a.#")
	ctxTwo, endTwo := context.WithCancel(t.Context())
	defer endTwo()
	ready, twoEnded := make(chan struct{}), make(chan error, 1)
	go func() {
		twoEnded <- b.Subscribe(ctxTwo, broker.Subscription{Queue: "two", Patterns: []string{"b.#"}, Ready: ready}, nil)
	}()
	<-ready
	if _, err := b.Publish(t.Context(), brokertest.Message("a.b.c", "1")); err != nil {
		t.Fatal(err)
	}
	<-began

	ctxThree, endThree := context.WithCancel(t.Context())
	defer endThree()
	threeReady, threeEnded := make(chan struct{}), make(chan error, 1)
	go func() {
		s := broker.Subscription{Queue: "three", Patterns: []string{"c.#"}, Ready: threeReady}
		threeEnded <- b.Subscribe(ctxThree, s, nil)
	}()
	refusals := func() int { return strings.Count(log.String(), amqp.ErrChannelMax.Reason) }
	eventually(t, "two attempts to open a third channel", func() bool { return refusals() >= 2 })
	close(release)
	if h := b.Health(t.Context()); len(h) != 1 || h[0].Down || !strings.Contains(h[0].Text, "no free channel") {
		t.Errorf("health without a free channel is %+v, want one issue that is not down and says \"no free channel\"", h)
	}
	endTwo() // frees the channel of the subscription
	select {
	case <-threeReady:
	case <-time.After(waitTimeout):
		t.Fatal("the third subscription did not use the freed channel")
	}
	endThree()
	if err := errors.Join(<-twoEnded, <-threeEnded); err != nil {
		t.Error(err)
	}
	if n := deliveries.Load(); n != 1 {
		t.Errorf("the message was delivered %d times, want once", n)
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "lost") && !strings.Contains(line, "three") {
			t.Errorf("a subscription other than three was lost: %s", line)
		}
	}
}

// While the broker does not answer the declaration of a task queue, Publish still publishes events.
// Publishing the task ends when its context ends.
func TestUnansweredDeclarationDoesNotDelayEvents(t *testing.T) {
	t.Parallel()
	direct, ns := testenv.AMQP(t, nil, "task.page.poll")
	p := newDeclareProxy(t, direct)
	b := open(t, p.URL, rabbit.Options{Namespace: ns})
	if _, err := b.Publish(t.Context(), brokertest.Message("a.b.c", "before")); err != nil {
		t.Fatal(err)
	}
	p.withhold(ns + ".task.page.poll")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	returned := make(chan error, 1)
	go func() {
		_, err := b.Publish(ctx, broker.Message{Exchange: broker.Tasks, Key: "page.poll", ID: "task"})
		returned <- err
	}()
	<-p.withheld
	short, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	if _, err := b.Publish(short, brokertest.Message("a.b.c", "meanwhile")); err != nil {
		t.Errorf("publishing an event during the declaration: %v", err)
	}
	cancel()
	select {
	case err := <-returned:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("publishing the task: %v, want context canceled", err)
		}
	case <-time.After(waitTimeout):
		t.Errorf("publishing the task did not return within %v after its context ended", waitTimeout)
	}
	p.release()
}

// An unanswered declaration times out and is retried.
func TestUnansweredDeclarationIsRetried(t *testing.T) {
	t.Parallel()
	direct, ns := testenv.AMQP(t, nil, "q")
	p := newDeclareProxy(t, direct)
	b := open(t, p.URL, rabbit.Options{Namespace: ns})
	b.SetReplyTimeout(2 * time.Second)
	p.withhold(ns + ".q")
	declared := make(chan error, 1)
	go func() {
		declared <- b.Declare(t.Context(), broker.Subscription{Queue: "q", Patterns: []string{"#"}})
	}()
	<-p.withheld
	p.withhold("") // the proxy answers the next declaration, but never the first
	select {
	case err := <-declared:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(waitTimeout):
		t.Errorf("Declare did not return within %v", waitTimeout)
	}
}

// The publisher sends a refused message again before later messages of the same match. The log can
// contain duplicates, but the first copies of the messages are in order.
func TestRefusedMessageKeepsTheOrderOfItsMatch(t *testing.T) {
	for name, refuse := range map[string]func(t *testing.T, ch *amqp.Channel, ns, key string) (undo func()){
		"returned": func(*testing.T, *amqp.Channel, string, string) func() {
			return func() {} // no queue is bound for a.b.first until the publisher declares the log again
		},
		"nacked": func(t *testing.T, ch *amqp.Channel, ns, key string) func() {
			args := amqp.Table{"x-max-length": int64(0), "x-overflow": "reject-publish"}
			full, err := ch.QueueDeclare(ns+".full", false, true, true, false, args)
			if err == nil {
				err = ch.QueueBind(full.Name, key, ns+".live_events", false, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			return func() {
				_, err := ch.QueueDelete(full.Name, false, false, false)
				if err == nil {
					err = ch.QueueBind(ns+".live_events.log", "#", ns+".live_events", false, nil)
				}
				if err != nil {
					t.Error(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, ns := testenv.AMQP(t, nil)
			var log testenv.Log
			b := open(t, url, rabbit.Options{Namespace: ns, Log: slog.New(slog.NewTextHandler(&log, nil))})
			if _, err := b.Publish(t.Context(), brokertest.Message("a.b.first", "0")); err != nil {
				t.Fatal(err)
			}
			// From now on, the log stores only messages with the key a.b.next.
			ch := openChannel(t, url)
			if err := ch.QueueBind(ns+".live_events.log", "a.b.next", ns+".live_events", false, nil); err != nil {
				t.Fatal(err)
			}
			if err := ch.QueueUnbind(ns+".live_events.log", "#", ns+".live_events", nil); err != nil {
				t.Fatal(err)
			}
			undo := refuse(t, ch, ns, "a.b.first")
			published := make(chan error, 1)
			go func() {
				_, err := b.Publish(t.Context(), brokertest.Message("a.b.first", "1"),
					brokertest.Message("a.b.next", "2"), brokertest.Message("a.b.next", "3"))
				published <- err
			}()
			eventually(t, "the message to be refused", func() bool { return strings.Contains(log.String(), "not confirmed") })
			undo()
			if err := <-published; err != nil {
				t.Fatal(err)
			}
			var copies []string
			enough := errors.New("enough")
			if _, err := b.Publish(t.Context(), brokertest.Message("a.b.next", "end")); err != nil {
				t.Fatal(err)
			}
			err := b.ReadLog(t.Context(), broker.Start, nil, func(_ broker.Cursor, m broker.Message) error {
				if copies = append(copies, m.ID); m.ID == "end" {
					return enough
				}
				return nil
			})
			if !errors.Is(err, enough) {
				t.Fatal(err)
			}
			var first []string
			for _, id := range copies {
				if !slices.Contains(first, id) {
					first = append(first, id)
				}
			}
			if !slices.Equal(first, []string{"0", "1", "2", "3", "end"}) {
				t.Errorf("the log holds %v, so the first copies are %v, want [0 1 2 3 end]", copies, first)
			}
		})
	}
}
