// Package consumertest tests that a consumer satisfies the contract of every consumer:
//
//   - An event that is delivered more than once has its effect once.
//   - Corrections and retractions have an effect, if the consumer subscribes to them.
//   - A consumer that can be rebuilt accepts events in any order.
//   - An ordered consumer has the effects of a match in the order of its events, even if an event
//     fails at first.
//   - An event that fails temporarily is retried. An event that fails permanently is dead-lettered.
//   - Handle returns an error when its context ends.
//   - A consumer that is stopped loses no event.
//   - An unknown setting is an error.
//   - No log line or error contains a secret of the settings.
//
// Call [Run] in the tests of your consumer. Write other tests for the effects themselves.
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

// A Subject describes a consumer under test and its dependencies.
type Subject struct {
	// New creates the consumer.
	New consumers.Maker
	// Settings is the consumer's section of matchwire.yaml, as YAML text. Use [Secret] for every
	// password, key and token in it.
	Settings string
	// Dir is the folder of the config file. If Dir is "", Run creates a temporary folder.
	Dir string
	// Event returns an event that the consumer subscribes to. Each call returns a different event.
	// If Event is nil, Run uses [Goal].
	Event func() event.Event
	// Effects returns the effects of all events so far, such as the rows of a table or the messages
	// that a server received. If nothing has changed, Effects must return the same strings in the
	// same order. Two subjects that have handled the same events must return the same strings, so
	// the effects must not include the time at which an event was handled. The order may differ,
	// unless the consumer is ordered or can be rebuilt.
	//
	// Each correction must change the effects. The correction in the tests changes only scorer and
	// assist. If no effect contains the scorer, include the revision of the goal.
	Effects func() []string
	// Fail makes a dependency of the consumer fail temporarily. Refuse makes the dependency refuse
	// every event permanently. Hang makes the dependency stop answering. Each change lasts until
	// undo is called. If one of these functions is nil, Run skips the check for it.
	Fail, Refuse, Hang func() (undo func())
}

// Run checks a consumer in subtests. It calls newSubject at least once for each subtest.
func Run(t *testing.T, newSubject func(t *testing.T) Subject) {
	check := func(name string, f func(*harness)) {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, newSubject(t))
			h.another = func() *harness { return newHarness(t, newSubject(t)) }
			f(h)
		})
	}
	check("duplicate event", (*harness).duplicates)
	check("corrections", (*harness).corrections)
	check("any order", (*harness).anyOrder)
	check("order", (*harness).order)
	check("temporary failure", (*harness).temporaryFailure)
	check("permanent failure", (*harness).permanentFailure)
	check("timeout", (*harness).timeout)
	check("shutdown", (*harness).shutdown)
	check("unknown setting", (*harness).unknownSetting)
}

// A harness runs one consumer on an in-memory broker and an embedded Redis.
type harness struct {
	*testing.T
	Subject
	log    *log
	redis  *redis.Client
	broker *memory.Broker
	parts  map[string]consumers.Consumer // by name

	mu        sync.Mutex
	published int // messages, counted once for each part that subscribes to them
	finished  int // messages that were handled or refused permanently, counted in the same way
	failed    int // attempts that failed temporarily

	another func() *harness // returns a harness for a new subject
}

// name is the name of the consumer under test.
const name = "subject"

// newHarness returns a harness for the consumer of s. It does not start the consumer.
func newHarness(t *testing.T, s Subject) *harness {
	t.Helper()
	if s.Dir == "" {
		s.Dir = t.TempDir()
	}
	h := &harness{T: t, Subject: s, log: &log{}}
	h.redis = redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { h.redis.Close() })
	h.broker = memory.New([]time.Duration{20 * time.Millisecond, 200 * time.Millisecond, time.Second}, h.logger())
	c, err := s.New(h.host(s.Settings))
	if err != nil {
		t.Fatal(err)
	}
	h.parts = map[string]consumers.Consumer{name: c}
	if c.Parts != nil {
		h.parts = map[string]consumers.Consumer{}
		for part, p := range c.Parts {
			h.parts[name+"."+part] = p
		}
	}
	t.Cleanup(func() { noSecret(h.T, h.log) })
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	if h.Event == nil {
		h.Event = Goal
	}
	if e := h.Event(); !h.subscribes(e) {
		t.Fatalf("the consumer does not subscribe to %s: set Subject.Event to a function that returns an event "+
			"that the consumer subscribes to", e.Type)
	}
	if h.Effects == nil {
		t.Fatal("Subject.Effects is nil")
	}
	return h
}

func (h *harness) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (h *harness) host(settings string) consumers.Host {
	return Host(h.T, settings, h.Dir, h.redis, h.logger())
}

// Host returns a host for a test. settings is the consumer's section of the config, as YAML text. dir
// is the folder of the config file.
func Host(t testing.TB, settings, dir string, r redis.UniversalClient, log *slog.Logger) consumers.Host {
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

// start runs the consumer until stop is called or the test ends.
func (h *harness) start() (stop func()) {
	h.Helper()
	ctx, cancel := context.WithCancel(event.WithTID(context.Background(), event.NewTID()))
	var running sync.WaitGroup
	r := consumers.Runner{Broker: counter{h.broker, h}, Redis: h.redis, Prefix: "mw:", Log: h.logger()}
	for part, c := range h.parts {
		ready := make(chan struct{})
		running.Go(func() {
			if err := r.Run(ctx, part, c, ready); err != nil {
				h.Error(err)
			}
		})
		<-ready
	}
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	h.Cleanup(stop)
	return stop
}

// publish publishes events. It counts each event once for each part that subscribes to it.
func (h *harness) publish(events ...event.Event) {
	h.Helper()
	for _, e := range events {
		m, err := broker.NewMessage(e)
		for part, c := range h.parts {
			if event.MatchAny(c.Subscription(part).Patterns, e.Type) {
				h.mu.Lock()
				h.published++
				h.mu.Unlock()
			}
		}
		if err == nil {
			_, err = h.broker.Publish(h.Context(), m)
		}
		if err != nil {
			h.Fatal(err)
		}
	}
}

// maxWait is the time limit of each wait.
var maxWait = 30 * time.Second

// until waits until ok returns true. It fails the test after maxWait. what describes the condition in
// the failure message.
func (h *harness) until(what string, ok func() bool) {
	h.Helper()
	for end := time.Now().Add(maxWait); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			h.Fatalf("waited %v for %s; effects %q; log:\n%s", maxWait, what, h.Effects(), h.log)
		}
	}
}

// settled waits until every part has handled or permanently refused every published message that the
// part subscribes to, and returns the effects. No more effects follow, because a consumer must not
// acknowledge an event before the event has its effect.
func (h *harness) settled() []string {
	h.Helper()
	h.until("all published events to be handled or refused", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.finished >= h.published
	})
	return h.Effects()
}

// A counter is the broker of a harness. It counts the outcomes of all messages.
type counter struct {
	broker.Subscriber
	harness *harness
}

func (c counter) Subscribe(ctx context.Context, s broker.Subscription, handle broker.Handler) error {
	return c.Subscriber.Subscribe(ctx, s, func(ctx context.Context, m broker.Message) error {
		err := handle(ctx, m)
		c.harness.mu.Lock()
		defer c.harness.mu.Unlock()
		if err == nil || permanent(err) {
			c.harness.finished++
		} else {
			c.harness.failed++
		}
		return err
	})
}

// subscribes reports whether a part of the consumer subscribes to an event.
func (h *harness) subscribes(e event.Event) bool {
	for _, c := range h.parts {
		if event.MatchAny(c.Keys, e.Type) {
			return true
		}
	}
	return false
}

// dead returns the oldest dead letters of each part, at most 10 per part.
func (h *harness) dead() (all []broker.DeadLetter) {
	h.Helper()
	for part := range h.parts {
		err := broker.OldestDead(h.Context(), h.broker, consumers.QueueName(part), 10, func(l broker.DeadLetter) error {
			all = append(all, l)
			return nil
		})
		if err != nil {
			h.Fatal(err)
		}
	}
	return all
}

// permanent reports whether err is permanent. If so, its event is not retried.
func permanent(err error) bool { return errors.Is(err, broker.ErrPermanent) }
