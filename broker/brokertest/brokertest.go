// Package brokertest is the contract of package event as tests. Every broker
// passes it.
package brokertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// A Maker returns an opener for a broker that no other test uses. Each call of
// the opener is one more client of that same broker, whose failed messages
// wait for pauses. It closes what it opened when the test ends.
type Maker func(t *testing.T, pauses []time.Duration) (open func() broker.Broker)

// patience bounds every wait; a broker that keeps the contract needs little of it.
const patience = 20 * time.Second

// Run checks every promise of the contract.
func Run(t *testing.T, maker Maker) {
	for _, tc := range []struct {
		promise string
		test    func(*testing.T, func() broker.Broker)
	}{
		{"PublishReturnsAllConfirmed", publishConfirms},
		{"MessageArrivesUnchanged", unchanged},
		{"PatternsRouteAsAMQP", routes},
		{"OneCopyPerQueueHoweverManyPatternsMatch", oneCopy},
		{"EveryQueueGetsEveryMessage", everyQueue},
		{"InstancesShareAQueue", competing},
		{"QueueKeepsWhileNobodyListens", durable},
		{"DeclaredQueueKeepsBeforeAnyoneListens", declared},
		{"LimitBoundsHandlers", limit},
		{"NilAcknowledges", acknowledges},
		{"ErrorRetriesAfterGrowingPauses", retries},
		{"PostponedComesInItsTimeAndUncounted", postpones},
		{"PermanentErrorDeadLettersWithReason", permanent},
		{"TooManyAttemptsDeadLetter", exhausted},
		{"PanicIsAnError", panics},
		{"OutageCountsForNothing", outage},
		{"HangingHandlerIsGivenUp", hangs},
		{"PoisonBlocksNobody", poison},
		{"DeadLettersAreKeptRevivedOrDiscarded", fates},
		{"ManyDeadLetters", manyDead},
		{"DeadLettersOfNoQueue", noDead},
		{"TaskWaitsForAWorker", taskWaits},
		{"TaskReachesOneWorker", taskShared},
		{"TaskIsNoEvent", taskApart},
		{"LateTaskReachesNobody", taskExpires},
		{"FailedTaskIsRetriedUntilItIsLate", taskRetries},
		{"SubscribeEndsAfterItsHandlers", drains},
		{"UnacknowledgedGoesToAnotherInstance", redelivers},
		{"LogReadsFromStart", logStart},
		{"LogReadsFromEnd", logEnd},
		{"LogReadsFromCursorInclusive", logCursor},
		{"LogRefusesAForeignCursor", logGone},
		{"LogReturnsTheHandlersError", logError},
		{"LogKeepsOrder", logOrder},
	} {
		t.Run(tc.promise, func(t *testing.T) {
			t.Parallel()
			tc.test(t, maker(t, []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond}))
		})
	}
}

// Message makes a message of its own for a test.
func Message(key, id string) broker.Message {
	return broker.Message{Key: key, ID: id, TID: event.NewTID(), Match: "m1",
		Time: time.Unix(1478476221, 0).UTC(), Body: []byte(`{"id":"` + id + `"}`)}
}

func publish(t *testing.T, b broker.Broker, msgs ...broker.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if n, err := b.Publish(ctx, msgs...); err != nil || n != len(msgs) {
		t.Fatalf("Publish confirmed %d of %d: %v", n, len(msgs), err)
	}
}

// subscribe starts a subscription and returns when its binding stands. It ends
// with stop or with the test.
func subscribe(t *testing.T, b broker.Broker, queue string, limit int, h broker.Handler, patterns ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		err := b.Subscribe(ctx, broker.Subscription{Queue: queue, Patterns: patterns, Limit: limit, Ready: ready}, h)
		if err != nil {
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

func wait(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
	}
}

// a box collects what a handler got.
type box struct {
	mu   sync.Mutex
	msgs []broker.Message
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

// expect waits until the box holds want in any order, and a little longer to
// see that nothing else comes.
func (b *box) expect(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(want)
	eventually(t, fmt.Sprintf("%v", want), func() bool { return len(b.ids()) >= len(want) })
	time.Sleep(150 * time.Millisecond)
	got := b.ids()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

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
	var got box
	subscribe(t, b, "q", 1, got.put, "#")
	want := Message("soccer.mls.goal", "a")
	want.Body = []byte("{\"any\":\t\"bytes\",\"even\":\"\xff\"}\n")
	publish(t, b, want)
	got.expect(t, "a")
	m := got.msgs[0]
	if m.Key != want.Key || m.TID != want.TID || m.Match != want.Match || !m.Time.Equal(want.Time) ||
		string(m.Body) != string(want.Body) || m.Attempt != 1 {
		t.Errorf("got %+v, want %+v with Attempt 1", m, want)
	}
}

func routes(t *testing.T, open func() broker.Broker) {
	b := open()
	queues := map[string][]string{
		"all":    {"#"},
		"mls":    {"soccer.mls.*"},
		"goals":  {"*.*.goal"},
		"hockey": {"ice_hockey.#"},
		"two":    {"*.mls"},
	}
	got := map[string]*box{}
	for q, patterns := range queues {
		got[q] = &box{}
		subscribe(t, b, q, 1, got[q].put, patterns...)
	}
	publish(t, b, Message("soccer.mls.goal", "1"), Message("soccer.mls.red_card", "2"), Message("ice_hockey.nhl.goal", "3"))
	got["all"].expect(t, "1", "2", "3")
	got["mls"].expect(t, "1", "2")
	got["goals"].expect(t, "1", "3")
	got["hockey"].expect(t, "3")
	got["two"].expect(t)
}

func oneCopy(t *testing.T, open func() broker.Broker) {
	b := open()
	var got box
	subscribe(t, b, "q", 1, got.put, "#", "soccer.#", "*.*.goal")
	publish(t, b, Message("soccer.mls.goal", "1"))
	got.expect(t, "1")
}

func everyQueue(t *testing.T, open func() broker.Broker) {
	b := open()
	var one, two box
	subscribe(t, b, "one", 1, one.put, "#")
	subscribe(t, b, "two", 1, two.put, "#")
	publish(t, b, Message("a.b.c", "1"), Message("a.b.c", "2"))
	one.expect(t, "1", "2")
	two.expect(t, "1", "2")
}

func competing(t *testing.T, open func() broker.Broker) {
	publisher := open()
	var one, two box
	var handled atomic.Int64
	count := func(b *box) broker.Handler {
		return func(ctx context.Context, m broker.Message) error {
			handled.Add(1)
			time.Sleep(2 * time.Millisecond) // work, so that one alone does not take all
			return b.put(ctx, m)
		}
	}
	subscribe(t, open(), "q", 1, count(&one), "#")
	subscribe(t, open(), "q", 1, count(&two), "#")
	const n = 100
	for i := range n {
		publish(t, publisher, Message("a.b.c", fmt.Sprint(i)))
	}
	eventually(t, "all messages", func() bool { return handled.Load() >= n })
	time.Sleep(150 * time.Millisecond)
	all := append(one.ids(), two.ids()...)
	slices.Sort(all)
	if len(all) != n || len(slices.Compact(all)) != n {
		t.Errorf("handled %d messages, %d different ones, want each of %d once", len(all), len(slices.Compact(all)), n)
	}
	if a, b := len(one.ids()), len(two.ids()); a < n/5 || b < n/5 {
		t.Errorf("the instances handled %d and %d: not shared", a, b)
	}
}

func durable(t *testing.T, open func() broker.Broker) {
	b := open()
	var got box
	stop := subscribe(t, b, "q", 1, got.put, "#")
	stop()
	publish(t, b, Message("a.b.c", "1"))
	subscribe(t, open(), "q", 1, got.put, "#")
	got.expect(t, "1")
}

func declared(t *testing.T, open func() broker.Broker) {
	b := open()
	if err := b.Declare(t.Context(), broker.Subscription{Queue: "q", Patterns: []string{"#"}}); err != nil {
		t.Fatal(err)
	}
	publish(t, b, Message("a.b.c", "1"))
	var got box
	subscribe(t, open(), "q", 1, got.put, "#")
	got.expect(t, "1")
}

func limit(t *testing.T, open func() broker.Broker) {
	b := open()
	var now, most, handled atomic.Int64
	subscribe(t, b, "q", 3, func(context.Context, broker.Message) error {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		time.Sleep(20 * time.Millisecond)
		now.Add(-1)
		handled.Add(1)
		return nil
	}, "#")
	for i := range 12 {
		publish(t, b, Message("a.b.c", fmt.Sprint(i)))
	}
	eventually(t, "all messages", func() bool { return handled.Load() == 12 })
	if most.Load() > 3 || most.Load() < 2 {
		t.Errorf("%d handlers ran at a time, want 2 or 3", most.Load())
	}
}

func drains(t *testing.T, open func() broker.Broker) {
	b := open()
	began, finished := make(chan struct{}), make(chan struct{})
	stop := subscribe(t, b, "q", 1, func(ctx context.Context, _ broker.Message) error {
		close(began)
		time.Sleep(200 * time.Millisecond)
		if ctx.Err() != nil {
			t.Errorf("the handler was cut short: %v", ctx.Err())
		}
		close(finished)
		return nil
	}, "#")
	publish(t, b, Message("a.b.c", "1"))
	wait(t, began, "the handler")
	stop()
	select {
	case <-finished:
	default:
		t.Error("Subscribe returned before its handler")
	}
	var got box
	subscribe(t, open(), "q", 1, got.put, "#")
	got.expect(t)
}

func redelivers(t *testing.T, open func() broker.Broker) {
	b := open()
	began := make(chan struct{})
	stop := subscribe(t, b, "q", 1, func(context.Context, broker.Message) error {
		close(began)
		time.Sleep(100 * time.Millisecond)
		return errors.New("stopped halfway")
	}, "#")
	publish(t, b, Message("a.b.c", "1"), Message("a.b.c", "2"))
	wait(t, began, "the handler")
	stop()
	var got box
	subscribe(t, open(), "q", 1, got.put, "#")
	got.expect(t, "1", "2")
}
