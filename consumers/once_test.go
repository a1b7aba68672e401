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

// A onceBench runs a consumer that handles each ID once, in one or more processes.
type onceBench struct {
	*testing.T
	broker  *memory.Broker
	results chan result
	pauses  int
}

// A result is what a handler returned for a delivery.
type result struct {
	m   broker.Message
	err error
}

func newOnceBench(t *testing.T) *onceBench {
	pauses := []time.Duration{5 * time.Millisecond, 5 * time.Millisecond, 5 * time.Millisecond}
	b := memory.New(pauses, slog.New(slog.DiscardHandler))
	return &onceBench{T: t, broker: b, results: make(chan result, 10_000), pauses: len(pauses)}
}

// A tap is a broker that reports the results of handlers.
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

// process runs the consumer in a process of its own until the test ends.
func (b *onceBench) process(r *redis.Client, lease time.Duration, c consumers.Consumer) {
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

func (b *onceBench) publish(msgs ...broker.Message) {
	b.Helper()
	if _, err := b.broker.Publish(b.Context(), msgs...); err != nil {
		b.Fatal(err)
	}
}

// next returns the next result, and fails the test if there is none within a while.
func (b *onceBench) next() result {
	b.Helper()
	select {
	case r := <-b.results:
		return r
	case <-time.After(30 * time.Second):
		b.Fatal("no handler returns")
		return result{}
	}
}

// acknowledged waits until n deliveries are acknowledged. It returns the results of the others.
func (b *onceBench) acknowledged(n int) (others []error) {
	b.Helper()
	for n > 0 {
		if r := b.next(); r.err == nil {
			n--
		} else {
			others = append(others, r.err)
		}
		if dead, err := b.broker.CountDead(b.Context(), consumers.QueueName("test")); dead > 0 || err != nil {
			b.Fatalf("%d dead letters, %v; the handlers returned %v", dead, err, others)
		}
	}
	return others
}

func (b *onceBench) event(player string) event.Event {
	b.Helper()
	e, err := event.Of("soccer.mls.goal", event.Data{Player: player}, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	e.TID = event.NewTID()
	return e
}

func (b *onceBench) message(e event.Event) broker.Message {
	b.Helper()
	m, err := broker.NewMessage(e)
	if err != nil {
		b.Fatal(err)
	}
	return m
}

func markOf(e event.Event) string { return "mw:handled:test:" + e.ID }

// calls counts the calls of a handler.
type calls struct{ n atomic.Int64 }

func (c *calls) handle(context.Context, event.Event) error {
	c.n.Add(1)
	return nil
}

func (c *calls) want(t testing.TB, n int64) {
	t.Helper()
	if c.n.Load() != n {
		t.Errorf("the event was handled %d times, want %d", c.n.Load(), n)
	}
}

func TestOnceHandlesEachIDOnce(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		b := newOnceBench(t)
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
			t.Errorf("the mark expires in %v, want a day", ttl)
		}
	})
}

func TestOnceTriesAFailedEventAgain(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		b := newOnceBench(t)
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

// The backfill copy of an event is handled besides the original, whichever comes first.
func TestOnceHandlesTheBackfillCopyToo(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		b := newOnceBench(t)
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

// go-redis sends a script again when its answer was lost.
func TestOnceWhenAnswersAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, r, lossy *redis.Client) {
		b := newOnceBench(t)
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
			t.Errorf("attempts failed with %v, want only that of the handler", others)
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

// An attempt that gets no answer does not stop the next one.
func TestOnceAfterAnAttemptWithoutAnAnswer(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		p := testenv.NewProxy(t, "redis://"+r.Options().Addr)
		opts, err := redis.ParseURL(p.URL)
		if err != nil {
			t.Fatal(err)
		}
		opts.DB, opts.MaxRetries = r.Options().DB, -1
		unsure := redis.NewClient(opts)
		defer unsure.Close()
		b := newOnceBench(t)
		var c calls
		b.process(unsure, time.Minute, consumers.Consumer{Handle: c.handle})
		b.publish(b.message(b.event("first"))) // Redis knows the scripts afterwards
		b.acknowledged(1)
		e := b.event("Giovinco")
		p.LoseReplies(1)
		b.publish(b.message(e))
		if r := b.next(); !errors.Is(r.err, broker.ErrUnavailable) {
			t.Fatalf("without an answer: %v, want an error that wraps ErrUnavailable", r.err)
		}
		p.LoseReplies(0)
		for _, err := range b.acknowledged(1) {
			if !errors.Is(err, io.EOF) { // it was lost before LoseReplies(0)
				t.Errorf("an attempt failed: %v", err)
			}
		}
		c.want(t, 2)
	})
}

// unanswered is a hook for commands that Redis runs, or does not, and whose answer is lost.
type unanswered struct {
	next atomic.Pointer[[]bool] // whether Redis runs the next command; the answers after these are not lost
}

func (u *unanswered) DialHook(next redis.DialHook) redis.DialHook { return next }
func (u *unanswered) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		plan := u.next.Load()
		if plan == nil || len(*plan) == 0 {
			return next(ctx, cmd)
		}
		rest := (*plan)[1:]
		u.next.Store(&rest)
		if (*plan)[0] {
			_ = next(ctx, cmd)
		}
		cmd.SetErr(io.ErrUnexpectedEOF)
		return io.ErrUnexpectedEOF
	}
}
func (u *unanswered) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// An attempt that gets no answer, and whose mark could not be removed either, does not stop the next
// attempt of the same process.
func TestOnceAfterItsOwnMarkWasLeftBehind(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		o := r.Options()
		client := redis.NewClient(&redis.Options{Addr: o.Addr, DB: o.DB, Username: o.Username, Password: o.Password})
		defer client.Close()
		var u unanswered
		client.AddHook(&u)
		b := newOnceBench(t)
		var c calls
		b.process(client, time.Minute, consumers.Consumer{Handle: c.handle})
		b.publish(b.message(b.event("first"))) // Redis knows the scripts afterwards
		b.acknowledged(1)
		e := b.event("Giovinco")
		u.next.Store(&[]bool{true, false}) // begin, give up
		b.publish(b.message(e))
		others := b.acknowledged(1)
		if len(others) != 1 || !errors.Is(others[0], io.ErrUnexpectedEOF) {
			t.Errorf("attempts failed with %v, want only that without an answer", others)
		}
		c.want(t, 2)
	})
}

// Two processes with the same event: one handles it, the other waits, and no attempt is counted.
func TestOnceInTwoProcesses(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		b := newOnceBench(t)
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
		m.Redelivered = true // by a broker that has lost the process that still handles it
		b.publish(m, m, m)
		for range 10 * b.pauses { // more than the attempts that are counted before an event is dead
			var p *broker.PostponedError
			if r := b.next(); !errors.As(r.err, &p) {
				t.Fatalf("while it is handled elsewhere: %v, want it postponed", r.err)
			} else if in := time.Until(p.Until); in > time.Minute || r.m.Attempt != 1 {
				t.Fatalf("postponed for %v at attempt %d, want a minute at most, at the first", in, r.m.Attempt)
			}
		}
		close(goOn)
		b.acknowledged(3)
		c.want(t, 1)
	})
}

// The event of a process that has died is handled when its lease has expired, and not before.
func TestOnceAfterAProcessHasDied(t *testing.T) {
	m := miniredis.RunT(t)
	r := redis.NewClient(&redis.Options{Addr: m.Addr()})
	defer r.Close()
	b := newOnceBench(t)
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
		t.Fatalf("while the lease lasts: %v, want it postponed for 10 s", first.err)
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
	b := newOnceBench(t)
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

// A handler whose lease has expired leaves the mark of another process as it is.
func TestOnceAfterItsLeaseWasLost(t *testing.T) {
	for name, returns := range map[string]error{"handled": nil, "failed": broker.Permanent(errors.New("no"))} {
		t.Run(name, func(t *testing.T) {
			testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
				b := newOnceBench(t)
				e := b.event("Giovinco")
				b.process(r, 100*time.Millisecond, consumers.Consumer{Handle: func(ctx context.Context, _ event.Event) error {
					if err := r.Set(ctx, markOf(e), "other:1", time.Minute).Err(); err != nil {
						t.Error(err)
					}
					return returns
				}})
				b.publish(b.message(e))
				if r := b.next(); !errors.Is(r.err, returns) {
					t.Errorf("%v, want %v", r.err, returns)
				}
				if mark := r.Get(t.Context(), markOf(e)).Val(); mark != "other:1" {
					t.Errorf("the mark is %q, want that of the other process", mark)
				}
			})
		})
	}
}

// failures are calls of Redis that fail.
type failures struct{ left atomic.Int64 }

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

// An event that was handled is marked as such though Redis is away for a moment.
func TestOnceMarksAsHandledWhenRedisIsBack(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		var f failures
		r.AddHook(&f)
		b := newOnceBench(t)
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

// A handler that hangs is abandoned, and the event is handled again. When the first handler returns
// at last, it leaves the mark of the second.
func TestOnceAfterAHandlerHung(t *testing.T) {
	testenv.NotShort(t) // a handler is abandoned a second after its timeout
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		b := newOnceBench(t)
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
			t.Errorf("the mark is %q, want that of the second attempt, %q", now, mark)
		}
		close(goOn)
		b.acknowledged(1)
	})
}
