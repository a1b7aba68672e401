package rabbit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/brokertest"
	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/internal/testenv"
)

func TestContract(t *testing.T) {
	t.Parallel()
	brokertest.Run(t, func(t *testing.T, pauses []time.Duration) func() broker.Broker {
		url, ns := testenv.AMQP(t, pauses, "q", "one", "two", "all", "mls", "goals", "hockey", "task.page.poll")
		return func() broker.Broker { return open(t, url, rabbit.Options{Namespace: ns, Pauses: pauses}) }
	})
}

func open(t *testing.T, url string, o rabbit.Options) *rabbit.Broker {
	t.Helper()
	b, err := rabbit.New(url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// subscribe calls h for the messages of a queue, at most 10 at a time, until stop is called or the
// test ends. It returns when the queue is bound.
func subscribe(t *testing.T, b *rabbit.Broker, queue string, h broker.Handler, patterns ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		s := broker.Subscription{Queue: queue, Patterns: patterns, Limit: 10, Ready: ready}
		if err := b.Subscribe(ctx, s, h); err != nil {
			t.Errorf("Subscribe: %v", err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	select {
	case <-ready:
	case <-time.After(waitTimeout):
		t.Fatalf("the queue was not bound within %v", waitTimeout)
	}
	return stop
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(waitTimeout); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s", waitTimeout, what)
		}
	}
}

// event.MatchTopic matches the same pairs of pattern and key as RabbitMQ.
func TestTopicsMatchAsInRabbitMQ(t *testing.T) {
	t.Parallel()
	patterns := []string{"", "#", "*", "a", "*.*", "#.#", "*.#", "#.*", "a.*", "a.#", "#.a", "*.a", "a.#.b", "a.*.b",
		"#.a.#", "*.*.goal", "soccer.mls.*", "soccer.#", "a.", ".a", ".", "..", "a..b", "#.", "*.", "#.#.a", "a.#.#",
		"*.#.*", "a.b.c", "#b", "*a"}
	keys := []string{"", "a", "b", "a.b", "b.a", "a.a", "a.b.c", "a.x.b", "a.x.y.b", "a.a.a.b", "soccer.mls.goal",
		"soccer.mls", "soccer.mls.goal.extra", "a.", ".a", ".", "..", "a..b", "x.a.y", "#", "*", "a.#", "#b", "xb"}

	url, ns := testenv.AMQP(t, nil)
	ch := openChannel(t, url)
	exchange := ns + ".live_events"
	if err := ch.ExchangeDeclare(exchange, "topic", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	queues := make([]string, len(patterns))
	for i, p := range patterns {
		q, err := ch.QueueDeclare("", false, true, true, false, nil)
		if err == nil {
			err = ch.QueueBind(q.Name, p, exchange, false, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		queues[i] = q.Name
	}
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		c, err := ch.PublishWithDeferredConfirm(exchange, k, false, false, amqp.Publishing{Body: []byte(k)})
		if err != nil || !c.Wait() {
			t.Fatalf("publishing %q: error %v, want a confirmation", k, err)
		}
	}
	for i, p := range patterns {
		var got []string
		for {
			d, ok, err := ch.Get(queues[i], true)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			got = append(got, string(d.Body))
		}
		for _, k := range keys {
			if match, want := event.MatchTopic(p, k), slices.Contains(got, k); match != want {
				t.Errorf("MatchTopic(%q, %q) = %v, want %v as in RabbitMQ", p, k, match, want)
			}
		}
	}
	t.Logf("compared %d pairs of pattern and key", len(patterns)*len(keys))
}

// A message with missing or malformed properties, as from another program, reaches the handler.
func TestMalformedPropertiesAreIgnored(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil, "q")
	b := open(t, url, rabbit.Options{Namespace: ns})
	got := make(chan broker.Message, 1)
	subscribe(t, b, "q", func(_ context.Context, m broker.Message) error { got <- m; return nil }, "#")
	err := openChannel(t, url).Publish(ns+".live_events", "a.b.c", false, false, amqp.Publishing{
		CorrelationId: "not a tid", Body: []byte("hello"),
		Headers: amqp.Table{"tid": int32(7), "match": amqp.Table{"a": "b"}, "mw-attempts": "many", "mw-first-seen": false},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := <-got
	if m.Key != "a.b.c" || m.ID != "" || !m.TID.IsZero() || m.Match != "" || m.Attempt != 1 || string(m.Body) != "hello" {
		t.Errorf("received %+v, want key a.b.c, body hello, attempt 1 and no other properties", m)
	}
}

// The properties and headers of a message have the values of its event. Other programs rely on them.
func TestPropertiesMirrorTheEvent(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil)
	b := open(t, url, rabbit.Options{Namespace: ns})
	ch := openChannel(t, url)
	if err := ch.ExchangeDeclare(ns+".live_events", "topic", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	q, err := ch.QueueDeclare("", false, true, true, false, nil)
	if err == nil {
		err = ch.QueueBind(q.Name, "soccer.mls.*", ns+".live_events", false, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	facts := event.Data{Player: "Sebastian Giovinco", Match: &event.Match{ID: "m1"}}
	e, err := broker.Emit(t.Context(), b, "soccer.mls.goal", facts)
	if err != nil {
		t.Fatal(err)
	}
	d, ok, err := ch.Get(q.Name, true)
	if err != nil || !ok {
		t.Fatalf("the confirmed event is not in the queue (error %v), want it there", err)
	}
	for name, pair := range map[string][2]any{
		"MessageId":          {d.MessageId, e.ID},
		"CorrelationId":      {d.CorrelationId, e.TID.String()},
		"Type":               {d.Type, "soccer.mls.goal"},
		"AppId":              {d.AppId, "matchwire"},
		"ContentType":        {d.ContentType, "application/cloudevents+json"},
		"DeliveryMode":       {d.DeliveryMode, amqp.Persistent},
		"Timestamp":          {d.Timestamp.Unix(), e.Time.Unix()},
		"header tid":         {d.Headers["tid"], e.TID.String()},
		"header match":       {d.Headers["match"], "m1"},
		"header traceparent": {d.Headers["traceparent"], e.TID.Traceparent(e.ID)},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %v, want %v", name, pair[0], pair[1])
		}
	}
}

func TestRefusedDeclarationNamesQueueAndArgument(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil, "q")
	args := amqp.Table{"x-queue-type": "quorum", "x-max-length": int64(5)}
	if _, err := openChannel(t, url).QueueDeclare(ns+".q", true, false, false, false, args); err != nil {
		t.Fatal(err)
	}
	b := open(t, url, rabbit.Options{Namespace: ns})
	err := b.Subscribe(t.Context(), broker.Subscription{Queue: "q", Patterns: []string{"#"}}, nil)
	if err == nil || !strings.Contains(err.Error(), ns+".q") || !strings.Contains(err.Error(), "x-m") {
		t.Errorf("Subscribe: %v, want an error that names the queue and the argument", err)
	}
}

// Although the connection is cut several times, every message is handled and stored in the log.
func TestCutConnectionLosesNothing(t *testing.T) {
	t.Parallel()
	direct, ns := testenv.AMQP(t, nil, "q")
	p := testenv.NewProxy(t, direct)
	var log testenv.Log
	b := open(t, p.URL, rabbit.Options{Namespace: ns, Log: slog.New(slog.NewTextHandler(&log, nil))})

	var mu sync.Mutex
	handled, logged := map[string]bool{}, map[string]bool{}
	subscribe(t, b, "q", func(_ context.Context, m broker.Message) error {
		mu.Lock()
		defer mu.Unlock()
		handled[m.ID] = true
		return nil
	}, "#")
	caughtUp := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	var last broker.Cursor
	reading := make(chan error, 1)
	go func() {
		reading <- b.ReadLog(ctx, broker.End, caughtUp, func(c broker.Cursor, m broker.Message) error {
			mu.Lock()
			defer mu.Unlock()
			if last != broker.Start && c.Offset <= last.Offset {
				t.Errorf("cursor %v follows %v, want a greater offset", c, last)
			}
			last, logged[m.ID] = c, true
			return nil
		})
	}()
	<-caughtUp

	const n = 300
	var sent atomic.Int64
	publishing := make(chan error, 1)
	go func() {
		for i := range n {
			if _, err := b.Publish(ctx, brokertest.Message("a.b.c", fmt.Sprint(i))); err != nil {
				publishing <- err
				return
			}
			sent.Add(1)
		}
		publishing <- nil
	}()
	for _, at := range []int64{50, 120, 200} {
		eventually(t, fmt.Sprintf("%d published messages", at), func() bool { return sent.Load() >= at })
		failures := strings.Count(log.String(), "broker unreachable")
		p.Down()
		eventually(t, "the lost connection to be logged", func() bool {
			return strings.Count(log.String(), "broker unreachable") > failures
		})
		p.Up()
	}
	if err := <-publishing; err != nil {
		t.Fatal(err)
	}
	eventually(t, "every message to be handled and read from the log", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(handled) == n && len(logged) == n
	})
	cancel()
	if err := <-reading; err != nil {
		t.Errorf("ReadLog: %v", err)
	}
}

// While the network forwards nothing, Publish returns at the deadline of its context. Publish without
// a deadline succeeds after the network recovers.
func TestStalledConnection(t *testing.T) {
	t.Parallel()
	direct, ns := testenv.AMQP(t, nil, "q")
	p := testenv.NewProxy(t, direct)
	defer p.Flow()
	b := open(t, p.URL, rabbit.Options{Namespace: ns})
	got := make(chan string, 10)
	subscribe(t, open(t, direct, rabbit.Options{Namespace: ns}), "q", func(_ context.Context, m broker.Message) error {
		got <- m.ID
		return nil
	}, "#")
	if _, err := b.Publish(t.Context(), brokertest.Message("a.b.c", "before")); err != nil {
		t.Fatal(err)
	}
	p.Stall()
	published := make(chan error, 1)
	go func() {
		_, err := b.Publish(t.Context(), brokertest.Message("a.b.c", "after"))
		published <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	returned := make(chan error, 1)
	go func() {
		_, err := b.Publish(ctx, brokertest.Message("a.b.c", "lost"))
		returned <- err
	}()
	select {
	case err := <-returned:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Publish: %v, want deadline exceeded", err)
		}
	case <-time.After(8 * time.Second):
		t.Fatal("Publish did not return within 8 s, want it to return when its context ends after 1 s")
	}
	p.Flow()
	select {
	case err := <-published:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("Publish did not succeed within 30 s after the network recovered")
	}
	for {
		select {
		case id := <-got:
			if id == "after" {
				return
			}
		case <-time.After(30 * time.Second):
			t.Fatal("the message \"after\" did not arrive within 30 s")
		}
	}
}

func TestUnreachableBrokerIsRetriedAndLogged(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close() // no server listens there from now on
	var log bytes.Buffer
	url := "amqp://someone:" + testenv.Secret + "@" + addr + "/"
	b := open(t, url, rabbit.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	n, err := b.Publish(ctx, brokertest.Message("a.b.c", "1"))
	if n != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Publish: confirmed %d, error %v, want 0 and deadline exceeded", n, err)
	}
	out := log.String()
	if strings.Count(out, "broker unreachable, trying again") < 2 || !strings.Contains(out, addr) {
		t.Errorf("the log does not show at least two attempts to reach %s:\n%s", addr, out)
	}
	testenv.NoSecret(t, out, err)
}

func TestBadURLDoesNotLeakThePassword(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"", "http://a:SECRET@host/", "amqp://a:SECRET@host:port/", "://SECRET",
		"amqp://a:SECRET@host/,amqp://a:SECRET@host:port/"} {
		u = strings.ReplaceAll(u, "SECRET", testenv.Secret)
		_, err := rabbit.New(u, rabbit.Options{})
		if err == nil {
			t.Errorf("New(%q): no error, want one", u)
		}
		testenv.NoSecret(t, err)
	}
}

// With several URLs, a Broker connects to a node that answers.
func TestUnreachableNodeIsSkipped(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil, "q")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // no server listens there from now on
	var log bytes.Buffer
	urls := "amqp://someone:" + testenv.Secret + "@" + l.Addr().String() + "/, " + url
	b := open(t, urls, rabbit.Options{Namespace: ns, Log: slog.New(slog.NewTextHandler(&log, nil))})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := b.Publish(ctx, brokertest.Message("a.b.c", "1")); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), l.Addr().String()) {
		t.Errorf("the log does not name the unreachable node %s:\n%s", l.Addr(), log.String())
	}
	testenv.NoSecret(t, log.String())
}

func TestEmit(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil, "q")
	o := rabbit.Options{Namespace: ns}
	got := make(chan broker.Message, 1)
	subscribe(t, open(t, url, o), "q", func(_ context.Context, m broker.Message) error {
		got <- m
		return nil
	}, "soccer.mls.*")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	e, err := rabbit.Emit(ctx, url, "soccer.mls.goal", event.Data{Player: "Sebastian Giovinco"}, o)
	if err != nil {
		t.Fatal(err)
	}
	if m := <-got; m.ID != e.ID || m.TID != e.TID {
		t.Errorf("received %+v, want %+v", m, e)
	}
	_, err = rabbit.Emit(ctx, url, "soccer.MLS.goal", event.Data{}, o)
	if err == nil || !strings.Contains(err.Error(), "soccer.MLS.goal") {
		t.Errorf("Emit with a bad key: %v, want an error that names the key", err)
	}
}

// openChannel opens a channel that is independent of a Broker.
func openChannel(t testing.TB, url string) *amqp.Channel {
	t.Helper()
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// ReadLog catches up even if events keep arriving.
func TestReadLogCatchesUpWithABusyLog(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil)
	b := open(t, url, rabbit.Options{Namespace: ns})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var publishing sync.WaitGroup
	some := make(chan struct{})
	publishing.Go(func() {
		pace := time.NewTicker(50 * time.Millisecond) // too short a pause to look like the end of the log
		defer pace.Stop()
		for i := 0; ctx.Err() == nil; i++ {
			_, _ = b.Publish(ctx, brokertest.Message("a.b.c", fmt.Sprint(i)))
			if i == 5 {
				close(some)
			}
			<-pace.C
		}
	})
	defer publishing.Wait()
	defer cancel()
	<-some
	caughtUp := make(chan struct{})
	reading := make(chan error, 1)
	go func() {
		reading <- b.ReadLog(ctx, broker.Start, caughtUp, func(broker.Cursor, broker.Message) error { return nil })
	}()
	select {
	case <-caughtUp:
	case <-time.After(20 * time.Second):
		t.Error("ReadLog did not catch up within 20 s")
	}
	cancel()
	if err := <-reading; err != nil {
		t.Error(err)
	}
}

// A failed message is acknowledged only after the broker has stored a copy. If the dead-letter
// queue was deleted, the message stays in its queue and is redelivered when the dead-letter queue
// is declared again.
func TestMessageSurvivesADeletedDeadLetterQueue(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil, "q")
	b := open(t, url, rabbit.Options{Namespace: ns})
	ch := openChannel(t, url)
	var tried atomic.Int64
	subscribe(t, b, "q", func(context.Context, broker.Message) error {
		if tried.Add(1) == 1 {
			if _, err := ch.QueueDelete(ns+".q.dead", false, false, false); err != nil {
				t.Error(err)
			}
		}
		return broker.Permanent(errors.New("no"))
	}, "#")
	if _, err := b.Publish(t.Context(), brokertest.Message("a.b.c", "1")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the dead letter", func() bool {
		dead, err := testenv.Dead(t.Context(), b, "q")
		return err == nil && len(dead) == 1 && dead[0].ID == "1"
	})
	if n := tried.Load(); n < 2 {
		t.Errorf("the message was handled %d times, want at least 2", n)
	}
}

// If no queue is bound for a message, the message does not count as confirmed. The publisher
// declares the log again and sends the message again.
func TestUnroutableMessageIsSentAgain(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil)
	b := open(t, url, rabbit.Options{Namespace: ns})
	if _, err := b.Publish(t.Context(), brokertest.Message("a.b.c", "before")); err != nil {
		t.Fatal(err)
	}
	if _, err := openChannel(t, url).QueueDelete(ns+".live_events.log", false, false, false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := b.Publish(ctx, brokertest.Message("a.b.c", "after")); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	err := b.ReadLog(ctx, broker.Start, nil, func(_ broker.Cursor, m broker.Message) error {
		if m.ID == "after" {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("ReadLog: %v, want the message \"after\" in the log", err)
	}
}

// If a header has a negative attempt count and the error text is very long, the message is still
// dead-lettered, with a shortened reason.
func TestHostileHeadersAndLongReasons(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil, "q")
	pauses := []time.Duration{100 * time.Millisecond}
	b := open(t, url, rabbit.Options{Namespace: ns, Pauses: pauses})
	subscribe(t, b, "q", func(context.Context, broker.Message) error {
		return errors.New(strings.Repeat("ü", 200_000))
	}, "#")
	err := openChannel(t, url).Publish(ns+".live_events", "a.b.c", false, false,
		amqp.Publishing{Headers: amqp.Table{"mw-attempts": int64(-5)}})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the dead letter", func() bool {
		dead, err := testenv.Dead(t.Context(), b, "q")
		return err == nil && len(dead) == 1 && len(dead[0].Reason) < 5000 && dead[0].Attempt == 2
	})
}

// QueueHealth reports full queues, and the dead letters of the queues that the Broker consumes.
func TestQueueHealth(t *testing.T) {
	t.Parallel()
	pauses := []time.Duration{time.Hour}
	url, ns := testenv.AMQP(t, pauses, "q")
	b := open(t, url, rabbit.Options{Namespace: ns, Pauses: pauses})
	b.SetQueueBytes(100_000)
	queueHealth := func() []health.Issue {
		all, err := b.QueueHealth(t.Context(), b.Queues())
		if err != nil {
			t.Fatal(err)
		}
		return all["q"]
	}
	if h := queueHealth(); h != nil {
		t.Errorf("health before the first use is %+v, want no issues", h)
	}
	var all []broker.Message
	for i := range 300 {
		all = append(all, broker.Message{Key: "a.b.c", ID: fmt.Sprint(i), Body: bytes.Repeat([]byte("x"), 1000)})
	}
	handle := make(chan struct{})
	subscribe(t, b, "q", func(context.Context, broker.Message) error {
		<-handle
		return nil
	}, "#")
	if _, err := b.Publish(t.Context(), all...); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a report of the full queue", func() bool {
		h := queueHealth()
		return len(h) == 1 && !h[0].Down &&
			strings.Contains(h[0].Text, `.q" holds 100 messages and is about 100 % full`)
	})
	close(handle)
	eventually(t, "no report of the empty queue", func() bool { return queueHealth() == nil })
	retryQueue := ".q.retry." + time.Hour.String()
	for range 95 {
		filler := amqp.Publishing{Body: bytes.Repeat([]byte("x"), 1000)}
		if err := openChannel(t, url).Publish("", ns+retryQueue, false, false, filler); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "a report of the full retry queue", func() bool {
		h := queueHealth()
		return len(h) == 1 && strings.Contains(h[0].Text, retryQueue+`" holds 95 messages and is nearly full`)
	})
	if _, err := openChannel(t, url).QueuePurge(ns+retryQueue, false); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		deadLetter := amqp.Publishing{Body: []byte("x")}
		if err := openChannel(t, url).Publish("", ns+".q.dead", false, false, deadLetter); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "a report of the dead letters", func() bool {
		h := queueHealth()
		return len(h) == 1 && strings.Contains(h[0].Text, `.q" has 2 dead letters`)
	})
}

// A cursor is still valid after a restart of the broker, even if the log at first appears shorter.
func TestCursorSurvivesARestart(t *testing.T) {
	t.Parallel()
	node := testenv.OwnRabbit(t, 1)[0]
	b := open(t, node.URL, rabbit.Options{Pauses: []time.Duration{}})
	var all []broker.Message
	for i := range 1000 {
		all = append(all, broker.Message{Key: "a.b.c", ID: fmt.Sprint(i), Body: bytes.Repeat([]byte("x"), 1000)})
	}
	if _, err := b.Publish(t.Context(), all...); err != nil {
		t.Fatal(err)
	}
	read := func(from broker.Cursor, id string) (last broker.Cursor) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute) // a restart beside other tests takes long
		defer cancel()
		err := b.ReadLog(ctx, from, nil, func(at broker.Cursor, m broker.Message) error {
			if last = at; m.ID == id {
				cancel()
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return last
	}
	last := read(broker.Start, "999")
	// RabbitMQ loses a stream if it is killed soon after the declaration. After an orderly restart
	// the stream is on disk.
	for _, step := range []string{"stop_app", "start_app"} {
		if _, err := node.Ctl(step); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		node.Kill()
		restarted := make(chan error, 1)
		go func() { restarted <- node.Start() }()
		if got := read(last, "999"); got != last {
			t.Errorf("the last message is at %v, want %v", got, last)
		}
		if err := <-restarted; err != nil {
			t.Fatal(err)
		}
	}
}

// A broker that stops reading in the middle of a large write blocks neither Publish nor Close.
// Publishing works again after the broker resumes reading.
func TestStalledWriteDoesNotBlock(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil)
	p := testenv.NewProxy(t, url)
	b := open(t, p.URL, rabbit.Options{Namespace: ns})
	if _, err := b.Publish(t.Context(), broker.Message{Key: "a.b.c", ID: "first"}); err != nil {
		t.Fatal(err)
	}
	p.Stall()
	var all []broker.Message
	for i := range 300 {
		all = append(all, broker.Message{Key: "a.b.c", ID: fmt.Sprint(i), Body: bytes.Repeat([]byte("x"), 100_000)})
	}
	within := func(limit time.Duration, what string, f func()) {
		t.Helper()
		done := make(chan struct{})
		go func() { f(); close(done) }()
		select {
		case <-done:
		case <-time.After(limit):
			t.Fatalf("%s took longer than %v", what, limit)
		}
	}
	within(20*time.Second, "publishing", func() {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if n, err := b.Publish(ctx, all...); err == nil || n == len(all) {
			t.Errorf("Publish confirmed %d of %d messages, error %v; want an error", n, len(all), err)
		}
	})
	within(10*time.Second, "checking health", func() {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if h := b.Health(ctx); len(h) == 0 || !h[0].Down {
			t.Errorf("health while the broker is stalled is %+v, want an issue that is Down", h)
		}
	})
	p.Flow()
	within(time.Minute, "publishing again", func() {
		if _, err := b.Publish(t.Context(), all[:10]...); err != nil {
			t.Error(err)
		}
	})
	p.Stall()
	within(15*time.Second, "closing", func() { _ = b.Close() })
}

// A slow handler does not delay other deliveries after the connection is cut. The broker redelivers
// the message of the slow handler, and the redelivery gets the outcome of that handler.
func TestSlowHandlerAfterACut(t *testing.T) {
	t.Parallel()
	pauses := []time.Duration{50 * time.Millisecond}
	url, ns := testenv.AMQP(t, pauses, "q")
	p := testenv.NewProxy(t, url)
	b := open(t, p.URL, rabbit.Options{Namespace: ns, Pauses: pauses})
	release := make(chan struct{})
	var slow, quick atomic.Int64
	stop := subscribe(t, b, "q", func(_ context.Context, m broker.Message) error {
		if m.ID == "slow" {
			if slow.Add(1) == 1 {
				<-release
				return errors.New("too late")
			}
			return nil
		}
		quick.Add(1)
		return nil
	}, "#")
	publish := func(id string) {
		if _, err := b.Publish(t.Context(), broker.Message{Key: "a.b.c", ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	publish("slow")
	eventually(t, "the slow handler to start", func() bool { return slow.Load() == 1 })
	p.Cut()
	publish("quick")
	eventually(t, "the later message", func() bool { return quick.Load() == 1 })
	if n := slow.Load(); n != 1 { // the broker redelivered the slow message before the later message
		t.Errorf("the slow message was handled %d times before its first handler returned, want once", n)
	}
	close(release) // the slow handler fails, so the message is retried
	eventually(t, "the retry", func() bool { return slow.Load() == 2 })
	stop()
	ch := openChannel(t, url)
	for _, queue := range []string{"q", "q.retry.50ms", "q.dead"} {
		q, err := ch.QueueDeclarePassive(ns+"."+queue, true, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		if q.Messages != 0 {
			t.Errorf("queue %q contains %d messages, want 0", queue, q.Messages)
		}
	}
	if n := slow.Load(); n != 2 {
		t.Errorf("the slow message was handled %d times, want 2", n)
	}
}

// After a restart of the broker, Health does not report the previous connection as blocked.
func TestHealthAfterABlockedBrokerIsRestarted(t *testing.T) {
	t.Parallel()
	node := testenv.OwnRabbit(t, 1)[0]
	b := open(t, node.URL, rabbit.Options{})
	if _, err := b.Publish(t.Context(), broker.Message{Key: "a.b.c", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := node.Ctl("set_disk_free_limit", "1000000GB"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a report of the blocked connection", func() bool { // the broker blocks at the next publish
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := b.Publish(ctx, broker.Message{Key: "a.b.c", ID: "2"})
		h := b.Health(t.Context())
		return err != nil && len(h) == 1 && strings.Contains(h[0].Text, "accepts no messages")
	})
	node.Kill()
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no issues", func() bool { return b.Health(t.Context()) == nil })
}
