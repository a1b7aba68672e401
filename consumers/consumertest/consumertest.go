// Package consumertest checks what is asked of every consumer: that the same
// event twice does no harm, that corrections arrive, that a failure is
// permanent or temporary as it should be, that it ends when its context does,
// and that no secret of its settings gets out. A consumer's own tests call
// [Run], and say besides what it does with an event.
package consumertest

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
)

// A Subject is a consumer under test, with a world of its own.
type Subject struct {
	New consumers.Maker
	// Settings are its part of matchwire.yaml, as a YAML text.
	Settings string
	// Dir is the folder of the config; a temporary one if "".
	Dir string
	// Event is an event that the consumer wants; each call makes another. A goal of
	// [Goal] if nil.
	Event func() event.Event
	// Effects says what the consumer has brought about so far, in a form that
	// compares: rows of a table, messages that somebody received.
	Effects func() []string
	// Fail has whatever the consumer needs fail for now, Refuse has it refuse for
	// good, Hang has it not answer, until undo is called. What is nil is not
	// checked.
	Fail, Refuse, Hang func() (undo func())
}

// Run checks a consumer. make is called for every check anew.
func Run(t *testing.T, make func(t *testing.T) Subject) {
	check := func(name string, f func(*bench)) {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, make(t))
			b.another = func() *bench { return newBench(t, make(t)) }
			f(b)
		})
	}
	check("the same event twice", (*bench).twice)
	check("corrections", (*bench).corrections)
	check("any order, where it can be rebuilt", (*bench).anyOrder)
	check("failure for now", (*bench).failure)
	check("failure for good", (*bench).refusal)
	check("end of the context", (*bench).contextEnd)
	check("end of the run", (*bench).drain)
	check("settings unknown", (*bench).unknownSetting)
}

// A bench is where a consumer is tested: a broker in memory, a Redis of its own.
type bench struct {
	*testing.T
	Subject
	log    *log
	redis  *redis.Client
	broker *memory.Broker
	parts  map[string]consumers.Consumer // by name

	mu        sync.Mutex
	published int // messages, counted once for each part that wants them
	finished  int // of those, handled or refused for good
	failed    int // attempts that are to be tried again

	another func() *bench // the same consumer in a world of its own
}

const name = "subject"

func newBench(t *testing.T, s Subject) *bench {
	t.Helper()
	if s.Dir == "" {
		s.Dir = t.TempDir()
	}
	b := &bench{T: t, Subject: s, log: &log{}}
	b.redis = redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { b.redis.Close() })
	b.broker = memory.New([]time.Duration{20 * time.Millisecond, 200 * time.Millisecond, time.Second}, b.logger())
	c, err := s.New(b.host(s.Settings))
	if err != nil {
		t.Fatal(err)
	}
	b.parts = map[string]consumers.Consumer{name: c}
	if c.Parts != nil {
		b.parts = map[string]consumers.Consumer{}
		for part, p := range c.Parts {
			b.parts[name+"."+part] = p
		}
	}
	t.Cleanup(func() { noSecret(b.T, b.log) })
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	if b.Event == nil {
		b.Event = Goal
	}
	if e := b.Event(); !b.wants(e) {
		t.Fatalf("it does not want %s: let Event of the subject make one that it wants", e.Type)
	}
	if b.Effects == nil {
		t.Fatal("Effects of the subject is nil: without it nothing can be checked")
	}
	return b
}

func (b *bench) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (b *bench) host(settings string) consumers.Host {
	return Host(b.T, settings, b.Dir, b.redis, b.logger())
}

// Host is what a consumer is given whose part of the config is settings.
func Host(t *testing.T, settings, dir string, r redis.UniversalClient, log *slog.Logger) consumers.Host {
	t.Helper()
	return consumers.Host{
		Settings: func(into any) error {
			return consumers.DecodeSettings("matchwire.yaml", settings, into)
		},
		Path: func(p string) string {
			if filepath.IsAbs(p) {
				return p
			}
			return filepath.Join(dir, p)
		},
		Redis: r, Prefix: "mw:", Log: log,
	}
}

// start runs the consumer until stop is called, or the test ends.
func (b *bench) start() (stop func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(event.WithTID(context.Background(), event.NewTID()))
	var running sync.WaitGroup
	r := consumers.Runner{Broker: counted{b.broker, b}, Redis: b.redis, Prefix: "mw:", Log: b.logger()}
	for part, c := range b.parts {
		ready := make(chan struct{})
		running.Go(func() {
			if err := r.Run(ctx, part, c, ready); err != nil {
				b.Error(err)
			}
		})
		<-ready
	}
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	b.Cleanup(stop)
	return stop
}

func (b *bench) publish(events ...event.Event) {
	b.Helper()
	for _, e := range events {
		m, err := broker.NewMessage(e)
		for _, c := range b.parts {
			if event.MatchAny(c.Keys, e.Type) {
				b.mu.Lock()
				b.published++
				b.mu.Unlock()
			}
		}
		if err == nil {
			_, err = b.broker.Publish(b.Context(), m)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// patience bounds every wait.
var patience = 30 * time.Second

// until waits until ok.
func (b *bench) until(what string, ok func() bool) {
	b.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			b.Fatalf("waited for %s; %d effects; said:\n%s", what, len(b.Effects()), b.log)
		}
	}
}

// settled returns the effects once every part has handled every published message
// that it wants, or refused it for good. A consumer must not acknowledge an event
// before its effect, so nothing more happens then.
func (b *bench) settled() []string {
	b.Helper()
	b.until("every event to be handled, or refused for good", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.finished >= b.published
	})
	return b.Effects()
}

// counted is the broker of a bench, which counts what becomes of messages.
type counted struct {
	broker.Subscriber
	bench *bench
}

func (c counted) Subscribe(ctx context.Context, s broker.Subscription, h broker.Handler) error {
	return c.Subscriber.Subscribe(ctx, s, func(ctx context.Context, m broker.Message) error {
		err := h(ctx, m)
		c.bench.mu.Lock()
		defer c.bench.mu.Unlock()
		if err == nil || permanent(err) {
			c.bench.finished++
		} else {
			c.bench.failed++
		}
		return err
	})
}

// wants is an event that the consumer has bound its queue to.
func (b *bench) wants(e event.Event) bool {
	for _, c := range b.parts {
		if event.MatchAny(c.Keys, e.Type) {
			return true
		}
	}
	return false
}

func (b *bench) dead() (all []broker.DeadLetter) {
	b.Helper()
	for part := range b.parts {
		err := broker.OldestDead(b.Context(), b.broker, consumers.QueueName(part), 10, func(l broker.DeadLetter) error {
			all = append(all, l)
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return all
}

// permanent reports whether an error must not be retried.
func permanent(err error) bool { return errors.Is(err, broker.ErrPermanent) }
