// Package consumers defines what a consumer is and runs consumers. A consumer reacts to events. It
// has a durable queue of its own, which its instances share round-robin. Each consumer is a package
// below this one.
package consumers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
)

// A Consumer reacts to events.
type Consumer struct {
	// Keys are the topic patterns of the events that it receives.
	Keys []string
	// Limit is the most events that one instance handles at a time; 1 if less.
	Limit int
	// Timeout is how long Handle may take for one event; 30 s if 0.
	Timeout time.Duration
	// Once has each ID handled at most once within a day, for consumers whose effects must not be
	// repeated, such as notifications. An event may still be handled again if a process died while
	// handling it, or if Redis was away for more than [LeaseTime] or has lost its data.
	Once bool
	// Rebuilds reports whether handling every event of the log again, in any order, restores the
	// consumer's data. matchwire rebuild needs it.
	Rebuilds bool
	// Parts, if not nil, are the parts of the consumer. Each has a queue of its own,
	// consumer.<name>.<part>, so that no part waits for another. Of the other fields only Serve is
	// used then.
	Parts map[string]Consumer
	// Run, if not nil, runs in every instance alongside Handle. Its ctx ends when the last event has
	// been handled. An error stops the instance.
	Run func(ctx context.Context) error
	// Serve, if not nil, handles HTTP requests below /api/<name>/ in every process that runs the API.
	// They need no token.
	Serve http.Handler
	// Handle acts on one event, under the contract of [broker.Handler]. Events may arrive twice and
	// out of order. If the error wraps [broker.ErrPermanent], the event is not tried again. ctx
	// carries the event's TID.
	Handle func(ctx context.Context, e event.Event) error
}

// A Maker makes a consumer from its settings. It checks all of them, so that a mistake is found at
// start and not with the first goal.
type Maker func(Host) (Consumer, error)

// A Plugin adds a consumer to matchwire.
type Plugin struct {
	Name string // of its section in the config, its queue and its command: a-z, 0-9, _ and -
	New  Maker
	// Named reports whether it runs only if the config names it.
	Named bool
	// Command, if not nil, points to a struct of subcommands with kong's tags:
	// matchwire NAME SUBCOMMAND. Their Run methods may take a context.Context, a
	// [Host] and an io.Writer for standard output.
	Command any
	// Help describes Command in one line.
	Help string
}

// A Host is what matchwire provides to a consumer.
type Host struct {
	// Settings decodes the consumer's section of the config into a struct with yaml tags. Unknown
	// keys are errors that name file and line. If the config has no such section, the struct stays
	// unchanged.
	Settings func(into any) error
	// Path resolves a path in the settings, which is relative to the config file.
	Path func(string) string
	// Elsewhere reports whether the consumer runs in other processes, perhaps on other machines. The
	// files and programs that it needs may be missing here.
	Elsewhere bool
	// Redis is nil while the config is only checked, and in a command if no server is configured.
	Redis redis.UniversalClient
	// Prefix is the prefix of every Redis key: "mw:", or "mw:<namespace>:".
	Prefix string
	Log    *slog.Logger
}

// Check returns an error if the consumer has no handler or no keys, or if one of its keys matches
// no event.
func (c Consumer) Check() error {
	for name, part := range c.Parts {
		if err := part.Check(); err != nil {
			return fmt.Errorf("part %s: %w", name, err)
		}
	}
	switch {
	case c.Parts != nil:
		return nil
	case c.Handle == nil:
		return errors.New("the consumer has no Handle")
	case len(c.Keys) == 0:
		return errors.New("the consumer has no Keys: it would receive no events")
	}
	for _, k := range c.Keys {
		if err := event.CheckPattern(k); err != nil {
			return fmt.Errorf("keys: %w", err)
		}
	}
	return nil
}

// Subscription returns the broker subscription of a consumer with this name.
func (c Consumer) Subscription(name string) broker.Subscription {
	return broker.Subscription{Queue: QueueName(name), Patterns: c.Keys, Limit: c.Limit, Timeout: c.Timeout}
}

// QueueName returns the name of a consumer's queue.
func QueueName(name string) string { return "consumer." + name }

// A Runner runs consumers.
type Runner struct {
	Broker  broker.Subscriber
	Redis   redis.UniversalClient // for consumers that handle each ID once
	Prefix  string                // of every Redis key
	Trace   *trace.Recorder       // records what each event caused; may be nil
	Metrics *Metrics              // may be nil
	Log     *slog.Logger

	lease time.Duration // LeaseTime if 0
}

// Run delivers the events of a consumer's queue to it until ctx ends, and waits for the events that
// it is handling. ready, if not nil, is closed when the queue is bound.
func (r Runner) Run(ctx context.Context, name string, c Consumer, ready chan<- struct{}) error {
	log := r.Log.With("consumer", name)
	marks := newMarks(r.Redis, r.Prefix+"handled:"+name+":", cmp.Or(r.lease, LeaseTime), log)
	s := c.Subscription(name)
	s.Ready = ready
	err := c.While(ctx, func(ctx context.Context) error {
		return r.Broker.Subscribe(ctx, s, func(ctx context.Context, m broker.Message) error {
			ctx, step := r.begin(ctx, name, m)
			defer step.End()
			err := errors.New("the handler panicked") // unless it returns
			counted := r.Metrics.begin(name, m)
			defer func() { counted(err) }()
			err = handle(ctx, c, m, marks, log)
			traceOutcome(step, m, err)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("consumer %s: %w", name, err)
	}
	return nil
}

// While runs work, which handles events until its ctx ends, and c.Run alongside it. It returns when
// both have returned.
func (c Consumer) While(ctx context.Context, work func(context.Context) error) error {
	if c.Run == nil {
		return work(ctx)
	}
	beside, handled := context.WithCancel(context.WithoutCancel(ctx))
	defer handled()
	both, working := errgroup.WithContext(ctx)
	both.Go(func() error {
		defer handled()
		return work(working)
	})
	both.Go(func() error { return c.Run(beside) })
	return both.Wait()
}

// begin starts a span for the message. A message without a TID belongs to no trace and gets none.
func (r Runner) begin(ctx context.Context, name string, m broker.Message) (context.Context, *trace.Active) {
	if m.TID.IsZero() {
		return ctx, nil
	}
	return r.Trace.Start(event.WithTID(ctx, m.TID), trace.Span{
		Parent: m.TID.Span(m.ID), Op: trace.Process, Role: name, Name: m.Key, Message: m.ID, Match: m.Match,
		Queue: QueueName(name), Attempt: m.Attempt,
	})
}

// traceOutcome records in the trace what happened to a message.
func traceOutcome(step *trace.Active, m broker.Message, err error) {
	switch broker.Classify(err, m.Last) {
	case broker.Ack:
	case broker.Dead:
		step.Fail("dead-lettered: " + err.Error())
	case broker.Postponed:
		step.SetOutcome(err.Error())
	case broker.Outage:
		step.Fail("waits for the end of an outage: " + err.Error())
	case broker.Retry:
		step.Fail("to be tried again: " + err.Error())
	}
}

func handle(ctx context.Context, c Consumer, m broker.Message, marks marks, log *slog.Logger) error {
	// The queue is durable and keeps the bindings of earlier settings.
	if !event.MatchAny(c.Keys, m.Key) {
		return nil
	}
	began := time.Now()
	e, err := event.Decode(m.Body)
	if err != nil {
		err = broker.Permanent(err) // the same bytes will never decode
	} else {
		ctx = event.WithTID(ctx, e.TID)
		if c.Once {
			err = marks.once(ctx, e, c.Handle)
		} else {
			err = c.Handle(ctx, e)
		}
	}
	about := func() *slog.Logger {
		took := time.Since(began).Round(time.Microsecond)
		return log.With("tid", m.TID, "key", m.Key, "id", m.ID, "attempt", m.Attempt, "took", took)
	}
	switch {
	case errors.As(err, new(*broker.PostponedError)):
		about().Debug("event postponed", "why", err)
	case err != nil: // the broker decides what happens to it
		about().Warn("event not handled", "error", err, "permanent", errors.Is(err, broker.ErrPermanent))
	case log.Enabled(ctx, slog.LevelDebug):
		about().Debug("event handled")
	}
	return err
}
