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

// subscribe has h handle the messages of a queue, 10 at a time, until stop is called
// or the test ends. It returns when the queue is bound.
func subscribe(t *testing.T, b *rabbit.Broker, queue string, h broker.Handler, patterns ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		if err := b.Subscribe(ctx, broker.Subscription{Queue: queue, Patterns: patterns, Limit: 10, Ready: ready}, h); err != nil {
			t.Errorf("Subscribe: %v", err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	select {
	case <-ready:
	case <-time.After(patience):
		t.Fatalf("the queue is not bound after %v", patience)
	}
	return stop
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// The same few hundred pairs go through RabbitMQ's own matcher and ours.
func TestTopicsAsRabbitMQ(t *testing.T) {
	t.Parallel()
	patterns := []string{"", "#", "*", "a", "*.*", "#.#", "*.#", "#.*", "a.*", "a.#", "#.a", "*.a", "a.#.b", "a.*.b", "#.a.#",
		"*.*.goal", "soccer.mls.*", "soccer.#", "a.", ".a", ".", "..", "a..b", "#.", "*.", "#.#.a", "a.#.#", "*.#.*", "a.b.c", "#b", "*a"}
	keys := []string{"", "a", "b", "a.b", "b.a", "a.a", "a.b.c", "a.x.b", "a.x.y.b", "a.a.a.b", "soccer.mls.goal", "soccer.mls", "soccer.mls.goal.extra",
		"a.", ".a", ".", "..", "a..b", "x.a.y", "#", "*", "a.#", "#b", "xb"}

	url, ns := testenv.AMQP(t, nil)
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
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
			t.Fatalf("publishing %q: %v", k, err)
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
			if ours, theirs := event.MatchTopic(p, k), slices.Contains(got, k); ours != theirs {
				t.Errorf("pattern %q, key %q: we say %v, RabbitMQ says %v", p, k, ours, theirs)
			}
		}
	}
	t.Logf("%d pattern/key pairs compared", len(patterns)*len(keys))
}

func TestForeignMessageHasNoIdentity(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil, "q")
	b := open(t, url, rabbit.Options{Namespace: ns})
	got := make(chan broker.Message, 1)
	subscribe(t, b, "q", func(_ context.Context, m broker.Message) error { got <- m; return nil }, "#")
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	err = ch.Publish(ns+".live_events", "a.b.c", false, false, amqp.Publishing{
		CorrelationId: "not a tid", Body: []byte("hello"),
		Headers: amqp.Table{"tid": int32(7), "match": amqp.Table{"a": "b"}, "mw-attempts": "many", "mw-first-seen": false},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := <-got
	if m.Key != "a.b.c" || m.ID != "" || !m.TID.IsZero() || m.Match != "" || m.Attempt != 1 || string(m.Body) != "hello" {
		t.Errorf("got %+v", m)
	}
}

// The properties are what other programs see; docs and README name them.
func TestPropertiesMirrorTheEvent(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil)
	b := open(t, url, rabbit.Options{Namespace: ns})
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
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
	e, err := broker.Emit(t.Context(), b, "soccer.mls.goal", event.Data{Player: "Sebastian Giovinco", Match: &event.Match{ID: "m1"}})
	if err != nil {
		t.Fatal(err)
	}
	d, ok, err := ch.Get(q.Name, true)
	if err != nil || !ok {
		t.Fatalf("the confirmed event is not there: %v", err)
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

func TestChangedArgumentIsNamed(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil, "q")
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ch.QueueDeclare(ns+".q", true, false, false, false, amqp.Table{"x-queue-type": "quorum", "x-max-length": int64(5)}); err != nil {
		t.Fatal(err)
	}
	b := open(t, url, rabbit.Options{Namespace: ns})
	err = b.Subscribe(t.Context(), broker.Subscription{Queue: "q", Patterns: []string{"#"}}, nil)
	if err == nil || !strings.Contains(err.Error(), ns+".q") || !strings.Contains(err.Error(), "x-m") {
		t.Errorf("error %v does not name the queue and the argument", err)
	}
}

// Everything goes on after the connection is cut, and nothing is lost.
func TestCutConnection(t *testing.T) {
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
				t.Errorf("log went back from %v to %v", last, c)
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
		eventually(t, "messages to flow", func() bool { return sent.Load() >= at })
		failures := strings.Count(log.String(), "broker unreachable")
		p.Down()
		eventually(t, "the loss to be noticed", func() bool { return strings.Count(log.String(), "broker unreachable") > failures })
		p.Up()
	}
	if err := <-publishing; err != nil {
		t.Fatal(err)
	}
	eventually(t, "every message at the handler and in the log", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(handled) == n && len(logged) == n
	})
	cancel()
	if err := <-reading; err != nil {
		t.Errorf("ReadLog: %v", err)
	}
}

// When the network swallows everything, a caller returns at its own deadline. A
// message that was not confirmed arrives when the network is back.
func TestStalledConnection(t *testing.T) {
	t.Parallel()
	direct, ns := testenv.AMQP(t, nil, "q")
	p := testenv.NewProxy(t, direct)
	defer p.Flow()
	b := open(t, p.URL, rabbit.Options{Namespace: ns})
	got := make(chan string, 10)
	subscribe(t, open(t, direct, rabbit.Options{Namespace: ns}), "q", func(_ context.Context, m broker.Message) error { got <- m.ID; return nil }, "#")
	if _, err := b.Publish(t.Context(), brokertest.Message("a.b.c", "before")); err != nil {
		t.Fatal(err)
	}
	p.Stall()
	patient := make(chan error, 1)
	go func() {
		_, err := b.Publish(t.Context(), brokertest.Message("a.b.c", "after"))
		patient <- err
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
			t.Errorf("Publish: %v", err)
		}
	case <-time.After(8 * time.Second):
		t.Fatal("Publish went on long after its context ended")
	}
	p.Flow()
	select {
	case err := <-patient:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("Publish did not recover")
	}
	for {
		select {
		case id := <-got:
			if id == "after" {
				return
			}
		case <-time.After(30 * time.Second):
			t.Fatal("the message did not arrive")
		}
	}
}

func TestUnreachableBrokerKeepsTryingAndSaysSo(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close() // nobody listens there now
	var said bytes.Buffer
	b := open(t, "amqp://someone:"+testenv.Secret+"@"+addr+"/", rabbit.Options{Log: slog.New(slog.NewTextHandler(&said, nil))})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	n, err := b.Publish(ctx, brokertest.Message("a.b.c", "1"))
	if n != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Publish: %d, %v", n, err)
	}
	out := said.String()
	if strings.Count(out, "broker unreachable, trying again") < 2 || !strings.Contains(out, addr) {
		t.Errorf("log does not say that it keeps trying to reach %s:\n%s", addr, out)
	}
	testenv.NoSecret(t, out, err)
}

func TestBadURLDoesNotLeakThePassword(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"", "http://a:SECRET@host/", "amqp://a:SECRET@host:port/", "://SECRET", "amqp://a:SECRET@host/,amqp://a:SECRET@host:port/"} {
		u = strings.ReplaceAll(u, "SECRET", testenv.Secret)
		_, err := rabbit.New(u, rabbit.Options{})
		if err == nil {
			t.Errorf("URL %q is taken", u)
		}
		testenv.NoSecret(t, err)
	}
}

// Of several brokers one that answers is found.
func TestSeveralURLs(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil, "q")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there now
	var said bytes.Buffer
	b := open(t, "amqp://someone:"+testenv.Secret+"@"+l.Addr().String()+"/, "+url, rabbit.Options{Namespace: ns, Log: slog.New(slog.NewTextHandler(&said, nil))})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := b.Publish(ctx, brokertest.Message("a.b.c", "1")); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), l.Addr().String()) {
		t.Errorf("the log says\n%s", said.String())
	}
	testenv.NoSecret(t, said.String())
}

func TestEmitInOneCall(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil, "q")
	o := rabbit.Options{Namespace: ns}
	got := make(chan broker.Message, 1)
	subscribe(t, open(t, url, o), "q", func(_ context.Context, m broker.Message) error { got <- m; return nil }, "soccer.mls.*")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	e, err := rabbit.Emit(ctx, url, "soccer.mls.goal", event.Data{Player: "Sebastian Giovinco"}, o)
	if err != nil {
		t.Fatal(err)
	}
	if m := <-got; m.ID != e.ID || m.TID != e.TID {
		t.Errorf("got %+v, want %+v", m, e)
	}
	if _, err := rabbit.Emit(ctx, url, "soccer.MLS.goal", event.Data{}, o); err == nil || !strings.Contains(err.Error(), "soccer.MLS.goal") {
		t.Errorf("a bad key is not refused by name: %v", err)
	}
}

// raw is a channel of the test's own.
func raw(t testing.TB, url string) *amqp.Channel {
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

// A log to which events come all the time has an end all the same.
func TestBusyLogIsRead(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil)
	b := open(t, url, rabbit.Options{Namespace: ns})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var publishing sync.WaitGroup
	some := make(chan struct{})
	publishing.Go(func() {
		pace := time.NewTicker(50 * time.Millisecond) // the log is never quiet for long enough to have an end
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
		t.Error("not caught up in 20 s")
	}
	cancel()
	if err := <-reading; err != nil {
		t.Error(err)
	}
}

// A message is acknowledged only when it stands elsewhere: with its dead-letter
// queue gone it stays where it is, and comes again when that is declared anew.
func TestMessageOutlivesItsDeadLetterQueue(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil, "q")
	b := open(t, url, rabbit.Options{Namespace: ns})
	ch := raw(t, url)
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
		t.Errorf("handled %d times, want once more after the queue was gone", n)
	}
}

// Without a queue that takes it a message is not confirmed; the log is declared
// again and the message is sent again.
func TestUnroutableIsNotConfirmed(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil)
	b := open(t, url, rabbit.Options{Namespace: ns})
	if _, err := b.Publish(t.Context(), brokertest.Message("a.b.c", "before")); err != nil {
		t.Fatal(err)
	}
	if _, err := raw(t, url).QueueDelete(ns+".live_events.log", false, false, false); err != nil {
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
		t.Errorf("the log does not hold it: %v", err)
	}
}

// Headers and reasons of any size and sign stop nobody.
func TestHostileHeadersAndLongReasons(t *testing.T) {
	t.Parallel()
	url, ns := testenv.AMQP(t, nil, "q")
	pauses := []time.Duration{100 * time.Millisecond}
	b := open(t, url, rabbit.Options{Namespace: ns, Pauses: pauses})
	subscribe(t, b, "q", func(context.Context, broker.Message) error {
		return errors.New(strings.Repeat("ü", 200_000))
	}, "#")
	err := raw(t, url).Publish(ns+".live_events", "a.b.c", false, false, amqp.Publishing{Headers: amqp.Table{"mw-attempts": int64(-5)}})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the dead letter", func() bool {
		dead, err := testenv.Dead(t.Context(), b, "q")
		return err == nil && len(dead) == 1 && len(dead[0].Reason) < 5000 && dead[0].Attempt == 2
	})
}

// A queue that nobody empties drops its oldest messages, and health says so
// where it is consumed.
func TestHealthOfAFullQueue(t *testing.T) {
	t.Parallel()
	pauses := []time.Duration{time.Hour}
	url, ns := testenv.AMQP(t, pauses, "q")
	b := open(t, url, rabbit.Options{Namespace: ns, Pauses: pauses})
	b.SetQueueBytes(100_000)
	if h := b.Health(t.Context()); h != nil {
		t.Errorf("before anything: %+v", h)
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
	eventually(t, "the queue to be called full", func() bool {
		h := b.Health(t.Context())

		return len(h) == 1 && !h[0].Down && strings.Contains(h[0].Text, `.q" holds 100 messages and is about 100 % full`)
	})
	close(handle)
	eventually(t, "it to be well again", func() bool { return b.Health(t.Context()) == nil })
	wait := ".q.retry." + time.Hour.String()
	for range 95 {
		if err := raw(t, url).Publish("", ns+wait, false, false, amqp.Publishing{Body: bytes.Repeat([]byte("x"), 1000)}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the retry queue to be called full", func() bool {
		h := b.Health(t.Context())
		return len(h) == 1 && strings.Contains(h[0].Text, wait+`" holds 95 messages and is nearly full`)
	})
	if _, err := raw(t, url).QueuePurge(ns+wait, false); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := raw(t, url).Publish("", ns+".q.dead", false, false, amqp.Publishing{Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the dead letters to be told", func() bool {
		h := b.Health(t.Context())
		return len(h) == 1 && strings.Contains(h[0].Text, `.q" has 2 dead letters`)
	})
}

// A broker that comes back has not lost the log, even if it does not show it in
// its first moments.
func TestCursorOutlivesARestart(t *testing.T) {
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
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
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
	// RabbitMQ itself loses a stream when it is killed soon after the stream was
	// declared. An orderly restart has everything stored.
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
			t.Errorf("read %v, want %v", got, last)
		}
		if err := <-restarted; err != nil {
			t.Fatal(err)
		}
	}
}

// A broker that stops reading in the middle of a large write blocks neither the
// caller nor Close. What it did not confirm is published when it is back.
func TestSilenceInTheMidstOfAWrite(t *testing.T) {
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
	within := func(most time.Duration, what string, f func()) {
		t.Helper()
		done := make(chan struct{})
		go func() { f(); close(done) }()
		select {
		case <-done:
		case <-time.After(most):
			t.Fatalf("%s takes longer than %v", what, most)
		}
	}
	within(20*time.Second, "publishing", func() {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if n, err := b.Publish(ctx, all...); err == nil || n == len(all) {
			t.Errorf("%d confirmed, %v", n, err)
		}
	})
	within(10*time.Second, "looking after health", func() {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if h := b.Health(ctx); len(h) == 0 || !h[0].Down {
			t.Errorf("health: %+v", h)
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

// A handler that takes its time does not keep a subscription from coming back,
// and what it makes of a message that another has had meanwhile is nothing.
func TestSlowHandlerAndACut(t *testing.T) {
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
	eventually(t, "the slow one to begin", func() bool { return slow.Load() == 1 })
	p.Cut()
	publish("quick")
	eventually(t, "what comes after the cut", func() bool { return quick.Load() == 1 && slow.Load() == 2 })
	// The first has lost its message: its failure changes nothing any more.
	close(release)
	stop() // waits for the first
	ch := raw(t, url)
	for _, queue := range []string{"q", "q.retry.50ms", "q.dead"} {
		q, err := ch.QueueDeclarePassive(ns+"."+queue, true, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		if q.Messages != 0 {
			t.Errorf("queue %q holds %d messages", queue, q.Messages)
		}
	}
	if n := slow.Load(); n != 2 {
		t.Errorf("handled %d times, want 2", n)
	}
}

// A connection that the broker blocked, and that nobody used since, is not
// called blocked once the broker was restarted.
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
	eventually(t, "the broker to block the connection, which it says when something comes", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := b.Publish(ctx, broker.Message{Key: "a.b.c", ID: "2"})
		h := b.Health(t.Context())
		return err != nil && len(h) == 1 && strings.Contains(h[0].Text, "takes no messages")
	})
	node.Kill()
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "health", func() bool { return b.Health(t.Context()) == nil })
}
