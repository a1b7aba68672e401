package consumers_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// A onceHarness runs a consumer with Once set, in one or more simulated processes.
type onceHarness struct {
	*testing.T
	broker  *memory.Broker
	results chan result // of all handlers
	retries int         // number of retries before a message is dead-lettered
}

// A result is the error that a handler returned for a message.
type result struct {
	m   broker.Message
	err error
}

func newOnceHarness(t *testing.T) *onceHarness {
	pauses := []time.Duration{5 * time.Millisecond, 5 * time.Millisecond, 5 * time.Millisecond}
	b := memory.New(pauses, slog.New(slog.DiscardHandler))
	return &onceHarness{T: t, broker: b, results: make(chan result, 10_000), retries: len(pauses)}
}

// A tap is a broker that sends the result of each handler to a channel.
type tap struct {
	broker.Subscriber
	results chan<- result
}

func (b tap) Subscribe(ctx context.Context, s broker.Subscription, h broker.Handler) error {
	return b.Subscriber.Subscribe(ctx, s, func(ctx context.Context, m broker.Message) error {
		err := h(ctx, m)
		b.results <- result{m, err}
		return err
	})
}

// process runs the consumer as a separate process would, until the test ends.
func (b *onceHarness) process(r *redis.Client, lease time.Duration, c consumers.Consumer) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan struct{})
	c.Keys, c.Once, c.Limit = []string{"#"}, true, cmp.Or(c.Limit, 4)
	runner := consumers.WithLease(consumers.Runner{
		Broker: tap{b.broker, b.results}, Redis: r, Prefix: "mw:", Log: slog.New(slog.DiscardHandler),
	}, lease)
	go func() {
		defer close(done)
		if err := runner.Run(ctx, "test", c, ready); err != nil {
			b.Error(err)
		}
	}()
	b.Cleanup(func() { cancel(); <-done })
	<-ready
}

func (b *onceHarness) publish(msgs ...broker.Message) {
	b.Helper()
	if _, err := b.broker.Publish(b.Context(), msgs...); err != nil {
		b.Fatal(err)
	}
}

// next returns the next result. It fails the test if no handler returns within 30 s.
func (b *onceHarness) next() result {
	b.Helper()
	select {
	case r := <-b.results:
		return r
	case <-time.After(30 * time.Second):
		b.Fatal("no handler returned within 30 s")
		return result{}
	}
}

// acknowledged waits until n deliveries are acknowledged. It returns the errors of the other
// deliveries. It fails the test if a message is dead-lettered.
func (b *onceHarness) acknowledged(n int) (others []error) {
	b.Helper()
	for n > 0 {
		if r := b.next(); r.err == nil {
			n--
		} else {
			others = append(others, r.err)
		}
		if dead, err := b.broker.CountDead(b.Context(), consumers.QueueName("test")); dead > 0 || err != nil {
			b.Fatalf("got %d dead letters and error %v, want none; the handlers returned %v", dead, err, others)
		}
	}
	return others
}

func (b *onceHarness) event(player string) event.Event {
	b.Helper()
	e, err := event.Of("soccer.mls.goal", event.Data{Player: player}, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	e.TID = event.NewTID()
	return e
}

func (b *onceHarness) message(e event.Event) broker.Message {
	b.Helper()
	m, err := broker.NewMessage(e)
	if err != nil {
		b.Fatal(err)
	}
	return m
}

func markOf(e event.Event) string { return "mw:handled:test:{" + e.ID + "}" }

// A calls counts the calls of its handler.
type calls struct{ n atomic.Int64 }

func (c *calls) handle(context.Context, event.Event) error {
	c.n.Add(1)
	return nil
}

func (c *calls) want(t testing.TB, n int64) {
	t.Helper()
	if c.n.Load() != n {
		t.Errorf("the handler was called %d times, want %d", c.n.Load(), n)
	}
}

func TestOnceHandlesEachIDOnce(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		b := newOnceHarness(t)
		var c calls
		b.process(r, time.Minute, consumers.Consumer{Handle: c.handle})
		e := b.event("Giovinco")
		m := b.message(e)
		redelivered := m
		redelivered.Redelivered = true
		b.publish(m, m, redelivered, m)
		b.acknowledged(4)
		c.want(t, 1)
		if ttl := r.PTTL(t.Context(), markOf(e)).Val(); ttl < 23*time.Hour || ttl > 24*time.Hour {
			t.Errorf("the mark expires in %v, want 23 to 24 h", ttl)
		}
	})
}

func TestOnceTriesAFailedEventAgain(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		b := newOnceHarness(t)
		var n atomic.Int64
		b.process(r, time.Minute, consumers.Consumer{Handle: func(context.Context, event.Event) error {
			switch n.Add(1) {
			case 1:
				return errors.New("not yet")
			case 2:
				panic("not yet either")
			}
			return nil
		}})
		b.publish(b.message(b.event("Giovinco")))
		b.acknowledged(1)
		if n.Load() != 3 {
			t.Errorf("the handler was called %d times, want 3", n.Load())
		}
	})
}

// The original of an event and its backfill copy are both handled, whichever arrives first.
func TestOnceHandlesTheBackfillCopyToo(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		b := newOnceHarness(t)
		var c calls
		b.process(r, time.Minute, consumers.Consumer{Handle: c.handle})
		e := b.event("Giovinco")
		backfill := e
		backfill.Data.Backfill = true
		b.publish(b.message(backfill), b.message(e), b.message(backfill), b.message(e))
		b.acknowledged(4)
		c.want(t, 2)
	})
}

// go-redis repeats a script when the reply is lost. Repeated scripts do not change the result.
func TestOnceWhenRepliesAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, r, lossy *redis.Client) {
		b := newOnceHarness(t)
		var n atomic.Int64
		b.process(lossy, time.Minute, consumers.Consumer{Handle: func(context.Context, event.Event) error {
			if n.Add(1) == 1 {
				return errors.New("not yet")
			}
			return nil
		}})
		e := b.event("Giovinco")
		b.publish(b.message(e))
		if others := b.acknowledged(1); len(others) != 1 || others[0].Error() != "not yet" {
			t.Errorf("attempts failed with %v, want only the error of the handler", others)
		}
		b.publish(b.message(e))
		b.acknowledged(1)
		if n.Load() != 2 {
			t.Errorf("the handler was called %d times, want 2", n.Load())
		}
		if mark := r.Get(t.Context(), markOf(e)).Val(); mark != "done" {
			t.Errorf("the mark is %q, want done", mark)
		}
	})
}

// An attempt that gets no reply from Redis does not block the next attempt.
func TestOnceAfterAnAttemptWithoutAReply(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		p, proxied := testenv.ProxiedRedis(t, r, -1)
		b := newOnceHarness(t)
		var c calls
		b.process(proxied, time.Minute, consumers.Consumer{Handle: c.handle})
		b.publish(b.message(b.event("first"))) // loads the scripts into Redis
		b.acknowledged(1)
		e := b.event("Giovinco")
		p.LoseReplies(1)
		b.publish(b.message(e))
		if r := b.next(); !errors.Is(r.err, broker.ErrUnavailable) {
			t.Fatalf("attempt without a reply: error %v, want one that wraps ErrUnavailable", r.err)
		}
		p.LoseReplies(0)
		for _, err := range b.acknowledged(1) {
			if !errors.Is(err, io.EOF) { // the connection was lost before LoseReplies(0)
				t.Errorf("a later attempt failed with %v, want only EOF", err)
			}
		}
		c.want(t, 2)
	})
}

// lostReplies is a hook that discards the replies to the next commands.
type lostReplies struct {
	// executed has an element for each of the next commands: whether Redis executes the command
	// before the reply is lost. The commands after these are not affected.
	executed atomic.Pointer[[]bool]
}

func (l *lostReplies) DialHook(next redis.DialHook) redis.DialHook { return next }
func (l *lostReplies) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		plan := l.executed.Load()
		if plan == nil || len(*plan) == 0 {
			return next(ctx, cmd)
		}
		rest := (*plan)[1:]
		l.executed.Store(&rest)
		if (*plan)[0] {
			_ = next(ctx, cmd)
		}
		cmd.SetErr(io.ErrUnexpectedEOF)
		return io.ErrUnexpectedEOF
	}
}
func (l *lostReplies) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// An attempt gets no reply, and then its mark cannot be removed. The mark does not block the next
// attempt of the same process.
func TestOnceReplacesALeftoverMarkOfItsInstance(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		o := r.Options()
		client := redis.NewClient(&redis.Options{Addr: o.Addr, DB: o.DB, Username: o.Username, Password: o.Password})
		defer client.Close()
		var lost lostReplies
		client.AddHook(&lost)
		b := newOnceHarness(t)
		var c calls
		b.process(client, time.Minute, consumers.Consumer{Handle: c.handle})
		b.publish(b.message(b.event("first"))) // loads the scripts into Redis
		b.acknowledged(1)
		e := b.event("Giovinco")
		lost.executed.Store(&[]bool{true, false}) // Redis executes begin, but not abandon
		b.publish(b.message(e))
		others := b.acknowledged(1)
		if len(others) != 1 || !errors.Is(others[0], io.ErrUnexpectedEOF) {
			t.Errorf("attempts failed with %v, want one error that wraps io.ErrUnexpectedEOF", others)
		}
		c.want(t, 2)
	})
}

// If two processes receive the same event, one of them handles the event. The other process
// postpones it, and this does not count as an attempt.
func TestOnceInTwoProcesses(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		b := newOnceHarness(t)
		var c calls
		goOn := make(chan bool)
		handle := func(ctx context.Context, e event.Event) error {
			<-goOn
			return c.handle(ctx, e)
		}
		for range 2 {
			b.process(r, time.Minute, consumers.Consumer{Handle: handle, Limit: 1})
		}
		e := b.event("Giovinco")
		m := b.message(e)
		m.Redelivered = true // as if the process that handles the event had lost its connection
		b.publish(m, m, m)
		for range 10 * b.retries { // more deliveries than a failed event would get
			var p *broker.PostponedError
			if r := b.next(); !errors.As(r.err, &p) {
				t.Fatalf("while another process handles the event: error %v, want a PostponedError", r.err)
			} else if in := time.Until(p.Until); in > time.Minute || r.m.Attempt != 1 {
				t.Fatalf("postponed for %v at attempt %d, want at most a minute at attempt 1", in, r.m.Attempt)
			}
		}
		close(goOn)
		b.acknowledged(3)
		c.want(t, 1)
	})
}

// If a process dies while it handles an event, another process handles the event after the lease
// expires, and not before.
func TestOnceAfterAProcessHasDied(t *testing.T) {
	m := miniredis.RunT(t)
	r := redis.NewClient(&redis.Options{Addr: m.Addr()})
	defer r.Close()
	b := newOnceHarness(t)
	var c calls
	b.process(r, 10*time.Second, consumers.Consumer{Handle: c.handle})
	e := b.event("Giovinco")
	if err := r.Set(t.Context(), markOf(e), "dead:1", 10*time.Second).Err(); err != nil {
		t.Fatal(err)
	}
	redelivered := b.message(e)
	redelivered.Redelivered = true
	b.publish(redelivered)
	var p *broker.PostponedError
	first := b.next()
	if !errors.As(first.err, &p) || time.Until(p.Until) < 5*time.Second || time.Until(p.Until) > 10*time.Second {
		t.Fatalf("before the lease expires: error %v, want a PostponedError for 5 to 10 s", first.err)
	}
	c.want(t, 0)
	m.FastForward(11 * time.Second)
	b.acknowledged(1)
	c.want(t, 1)
}

func TestOnceRenewsItsLease(t *testing.T) {
	m := miniredis.RunT(t)
	r := redis.NewClient(&redis.Options{Addr: m.Addr()})
	defer r.Close()
	b := newOnceHarness(t)
	const lease = 300 * time.Millisecond
	began, goOn := make(chan bool), make(chan bool)
	b.process(r, lease, consumers.Consumer{Handle: func(context.Context, event.Event) error {
		close(began)
		<-goOn
		return nil
	}})
	e := b.event("Giovinco")
	b.publish(b.message(e))
	<-began
	for range 3 {
		m.FastForward(lease * 9 / 10)
		testenv.Eventually(t, func() bool { return m.TTL(markOf(e)) > lease/2 }, "the lease to be renewed")
	}
	close(goOn)
	b.acknowledged(1)
	if mark := r.Get(t.Context(), markOf(e)).Val(); mark != "done" {
		t.Errorf("the mark is %q, want done", mark)
	}
}

// A handler whose lease was lost does not change the mark of another process.
func TestOnceAfterItsLeaseWasLost(t *testing.T) {
	for name, returns := range map[string]error{"handled": nil, "failed": broker.Permanent(errors.New("no"))} {
		t.Run(name, func(t *testing.T) {
			testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
				b := newOnceHarness(t)
				e := b.event("Giovinco")
				b.process(r, 100*time.Millisecond, consumers.Consumer{Handle: func(ctx context.Context, _ event.Event) error {
					if err := r.Set(ctx, markOf(e), "other:1", time.Minute).Err(); err != nil {
						t.Error(err)
					}
					return returns
				}})
				b.publish(b.message(e))
				if r := b.next(); !errors.Is(r.err, returns) {
					t.Errorf("the delivery returned error %v, want %v", r.err, returns)
				}
				if mark := r.Get(t.Context(), markOf(e)).Val(); mark != "other:1" {
					t.Errorf("the mark is %q, want other:1, the mark of the other process", mark)
				}
			})
		})
	}
}

// failures is a hook that makes the next commands fail without sending them.
type failures struct{ left atomic.Int64 } // number of commands to fail

func (f *failures) DialHook(next redis.DialHook) redis.DialHook { return next }
func (f *failures) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if f.left.Add(-1) >= 0 {
			cmd.SetErr(io.ErrUnexpectedEOF)
			return io.ErrUnexpectedEOF
		}
		return next(ctx, cmd)
	}
}
func (f *failures) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// An event is marked as handled even if Redis is briefly unreachable after the handler has
// returned.
func TestOnceMarksAsHandledWhenRedisIsBack(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		var f failures
		r.AddHook(&f)
		b := newOnceHarness(t)
		var c calls
		b.process(r, time.Minute, consumers.Consumer{Handle: func(ctx context.Context, e event.Event) error {
			f.left.Store(3)
			return c.handle(ctx, e)
		}})
		e := b.event("Giovinco")
		b.publish(b.message(e))
		b.acknowledged(1)
		b.publish(b.message(e))
		b.acknowledged(1)
		c.want(t, 1)
	})
}

// If a handler hangs, the event is handled again. When the first handler finally returns, the mark
// of the second attempt does not change.
func TestOnceAfterAHandlerHung(t *testing.T) {
	testenv.NotShort(t) // a handler counts as hung a second after its timeout
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		b := newOnceHarness(t)
		var mu sync.Mutex
		n := 0
		hang, second, goOn := make(chan bool), make(chan string, 1), make(chan bool)
		e := b.event("Giovinco")
		b.process(r, time.Minute, consumers.Consumer{Timeout: time.Second, Handle: func(context.Context, event.Event) error {
			mu.Lock()
			n++
			call := n
			mu.Unlock()
			if call == 1 {
				<-hang
				return nil
			}
			second <- r.Get(context.Background(), markOf(e)).Val()
			<-goOn
			return nil
		}})
		b.publish(b.message(e))
		mark := <-second
		close(hang)
		b.acknowledged(1)
		if now := r.Get(t.Context(), markOf(e)).Val(); now != mark || !strings.Contains(mark, ":") {
			t.Errorf("the mark is %q, want %q, the mark of the second attempt", now, mark)
		}
		close(goOn)
		b.acknowledged(1)
	})
}
