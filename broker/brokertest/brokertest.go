// Package brokertest tests implementations of package broker. Every implementation passes these
// tests.
package brokertest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// A Maker creates a broker for one test and returns a function that opens a client of that broker.
// pauses are the pauses between attempts to handle a message. The Maker closes the clients when the
// test ends.
type Maker func(t *testing.T, pauses []time.Duration) (open func() broker.Broker)

// waitTimeout bounds every wait for the broker. It is long, because a real server can be slow.
const waitTimeout = 20 * time.Second

// Run tests a broker that needs a server.
func Run(t *testing.T, maker Maker) {
	run(t, maker, func(t *testing.T, test func(*testing.T)) { test(t) })
}

// RunInBubble tests an in-process broker. Each test runs in a bubble of testing/synctest, so
// it does not wait for real time.
func RunInBubble(t *testing.T, maker Maker) { run(t, maker, synctest.Test) }

func run(t *testing.T, maker Maker, around func(*testing.T, func(*testing.T))) {
	for _, tc := range []struct {
		promise string
		test    func(*testing.T, func() broker.Broker)
	}{
		{"PublishConfirmsAllMessages", publishConfirms},
		{"MessageArrivesUnchanged", unchanged},
		{"PatternsRouteAsInAMQP", routes},
		{"SeveralMatchingPatternsDeliverOneCopy", oneCopy},
		{"EveryQueueReceivesEveryMessage", everyQueue},
		{"SubscribersShareAQueue", competing},
		{"QueueKeepsMessagesWithoutSubscriber", durable},
		{"DeclaredQueueKeepsMessagesForFirstSubscriber", declared},
		{"LimitBoundsHandlers", limit},
		{"NilAcknowledges", acknowledges},
		{"ErrorRetriesAfterGrowingPauses", retries},
		{"PostponedMessageIsRedeliveredAndNotCounted", postpones},
		{"PermanentErrorDeadLettersWithReason", permanent},
		{"TooManyAttemptsDeadLetter", exhausted},
		{"PanicCountsAsError", panics},
		{"OutageDoesNotCountAsAttempt", outage},
		{"HangingHandlerIsAbandoned", hangs},
		{"FailingMessageDoesNotBlockOthers", poison},
		{"DeadLettersAreKeptRequeuedOrDiscarded", deadActions},
		{"WalkVisitsManyDeadLettersInOrder", manyDead},
		{"DeadLettersOfUnknownQueueAreAnError", noDead},
		{"QueueStatesCount", states},
		{"TaskWaitsForAWorker", taskWaits},
		{"TaskReachesOneWorker", taskShared},
		{"TaskReachesNeitherEventQueueNorLog", taskApart},
		{"ExpiredTaskReachesNoWorker", taskExpires},
		{"FailedTaskIsRetriedUntilItExpires", taskRetries},
		{"SubscribeWaitsForItsHandlers", drains},
		{"UnacknowledgedMessageIsRedelivered", redelivers},
		{"LogReadsFromStart", logStart},
		{"LogReadsFromEnd", logEnd},
		{"LogReadsFromCursorInclusive", logCursor},
		{"UnknownCursorIsAnError", logGone},
		{"LogReturnsTheHandlersError", logError},
		{"LogKeepsOrder", logOrder},
	} {
		t.Run(tc.promise, func(t *testing.T) {
			t.Parallel()
			around(t, func(t *testing.T) {
				pauses := []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond}
				tc.test(t, maker(t, pauses))
			})
		})
	}
}

// Message returns a message for a test, with the given routing key and ID.
func Message(key, id string) broker.Message {
	return broker.Message{Key: key, ID: id, TID: event.NewTID(), Match: "m1",
		Time: time.Unix(1478476221, 0).UTC(), Body: []byte(`{"id":"` + id + `"}`)}
}

func publish(t *testing.T, b broker.Broker, msgs ...broker.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	if n, err := b.Publish(ctx, msgs...); err != nil || n != len(msgs) {
		t.Fatalf("Publish confirmed %d of %d messages, error %v; want all and no error", n, len(msgs), err)
	}
}

// A subscription is a running call to Subscribe.
type subscription struct {
	queue  string
	cancel func()   // ends the context of Subscribe
	stop   func()   // ends the context and waits until Subscribe returns
	marks  chan int // receives the number of each mark (see markPrefix) that was handled
	done   chan struct{}
}

// subscribe starts a subscription and returns when its queue is bound. The subscription ends when
// the test calls stop or ends.
func subscribe(t *testing.T, b broker.Broker, queue string, limit int, h broker.Handler,
	patterns ...string) *subscription {
	t.Helper()
	return start(t, b, broker.Subscription{Queue: queue, Patterns: append(patterns, markKey(queue)), Limit: limit}, h)
}

// start is like subscribe, but accepts any Subscription.
func start(t *testing.T, b broker.Broker, sub broker.Subscription, h broker.Handler) *subscription {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready := make(chan struct{})
	sub.Ready = ready
	s := &subscription{queue: sub.Queue, cancel: cancel, marks: make(chan int, 100), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		err := b.Subscribe(ctx, sub, func(ctx context.Context, m broker.Message) error {
			if n, ok := markNumber(m); ok {
				s.marks <- n
				return nil
			}
			return h(ctx, m)
		})
		if err != nil {
			t.Errorf("Subscribe: %v", err)
		}
	}()
	s.stop = sync.OnceFunc(func() {
		cancel()
		wait(t, s.done, "Subscribe to return")
	})
	t.Cleanup(s.stop)
	wait(t, ready, "the queue to be bound")
	return s
}

// markPrefix is the prefix of the IDs of marks. A mark is a message that a test publishes after
// other messages. If handlers run one at a time, all earlier messages are handled before the mark.
const markPrefix = "mark-"

var markCount atomic.Int64

// markKey returns the routing key of the marks for a queue. Another queue receives these marks only
// if one of its patterns matches every key, such as "#".
func markKey(queue string) string { return "mark.queue." + strings.ReplaceAll(queue, ".", "_") }

func markNumber(m broker.Message) (int, bool) {
	s, ok := strings.CutPrefix(m.ID, markPrefix)
	n, err := strconv.Atoi(s)
	return n, ok && err == nil
}

// settle waits until the handlers of s have handled all messages that were in the queue when settle
// was called. The handlers must run one at a time.
func (s *subscription) settle(t *testing.T, b broker.Broker) {
	t.Helper()
	n := int(markCount.Add(1))
	m := Message(markKey(s.queue), markPrefix+strconv.Itoa(n))
	if task, ok := strings.CutPrefix(s.queue, broker.TaskQueue("")); ok {
		m.Exchange, m.Key = broker.Tasks, task
	}
	publish(t, b, m)
	for late := time.After(waitTimeout); ; {
		select {
		case got := <-s.marks:
			if got == n {
				return
			}
		case <-late:
			t.Fatalf("queue %q: the mark was not handled within %v", s.queue, waitTimeout)
		}
	}
}

func wait(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(waitTimeout):
		t.Fatalf("waited %v for %s", waitTimeout, what)
	}
}

// A box collects messages.
type box struct {
	mu   sync.Mutex
	msgs []broker.Message
}

// collect subscribes a new box to a queue.
func collect(t *testing.T, b broker.Broker, queue string, patterns ...string) (*box, *subscription) {
	t.Helper()
	got := &box{}
	return got, subscribe(t, b, queue, 1, got.put, patterns...)
}

func (b *box) put(_ context.Context, m broker.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.msgs = append(b.msgs, m)
	return nil
}

func (b *box) ids() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids := []string{}
	for _, m := range b.msgs {
		ids = append(ids, m.ID)
	}
	return ids
}

// wait waits until the box contains at least len(want) messages.
func (b *box) wait(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("the messages %v", want), func() bool { return len(b.ids()) >= len(want) })
}

// check fails the test unless the box contains exactly the messages with the IDs want, in any
// order.
func (b *box) check(t *testing.T, want ...string) {
	t.Helper()
	got := b.ids()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("received %v, want %v", got, want)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(waitTimeout); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s", waitTimeout, what)
		}
	}
}
