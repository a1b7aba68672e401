// Package consumers says what a consumer is and runs it. A consumer reacts to
// events and has a durable queue of its own, which its instances share
// round-robin. The consumers themselves are the packages below this one.
package consumers

import (
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

// A Consumer is a reaction to events.
type Consumer struct {
	// Keys are the topic patterns of the events it wants.
	Keys []string
	// Limit is how many events one instance handles at a time; 1 if less.
	Limit int
	// Timeout is how long Handle may take for one event; 30 s if 0.
	Timeout time.Duration
	// Once says that no ID is to be handled twice within a day, since what
	// Handle does cannot be done twice without harm, like telling somebody.
	// Only what was under way when a process died or lost the broker may be
	// handled once more.
	Once bool
	// Rebuilds says that what it keeps is whole again when it has handled every
	// event of the log once more, in any order. For matchwire rebuild.
	Rebuilds bool
	// Parts, if not nil, are what the consumer consists of: each with a queue of
	// its own, consumer.<name>.<part>, so that none waits for another. Of the
	// consumer itself only Serve is used then.
	Parts map[string]Consumer
	// Run, if not nil, runs in every instance beside Handle. ctx ends when the
	// last event has been handled; an error stops the instance.
	Run func(ctx context.Context) error
	// Serve, if not nil, answers calls below /api/<name>/, in every process that
	// runs the API. A token is not asked for.
	Serve http.Handler
	// Handle acts on one event, under the contract of [broker.Handler]: events
	// may come twice and out of order; an error that wraps event.ErrPermanent
	// is not tried again. ctx carries the event's TID.
	Handle func(ctx context.Context, e event.Event) error
}

// A Maker makes a consumer from its settings. It checks them all, so that a
// mistake is found at start and not with the first goal.
type Maker func(Host) (Consumer, error)

// A Plugin is a consumer as it is added to matchwire.
type Plugin struct {
	Name string // of its part of the config, its queue and its command: a-z, 0-9, _ and -
	New  Maker
	// Named says that it runs only where the config names it.
	Named bool
	// Command, if not nil, points to a struct of subcommands with kong's tags:
	// matchwire NAME SUBCOMMAND. Their Run methods may take a context.Context, a
	// [Host] and an io.Writer for standard output.
	Command any
	// Help says in a line what Command is for.
	Help string
}

// A Host is what a consumer is given to work with.
type Host struct {
	// Settings decodes the consumer's part of the config into a struct with
	// yaml tags. Unknown keys are errors that name file and line. Without such
	// a part it leaves the struct as it is.
	Settings func(into any) error
	// Path is a file's path as the settings name it, relative to the config file.
	Path func(string) string
	// Elsewhere says that the consumer runs in other processes, perhaps on other
	// machines: of what it needs of this one, files or programs, all may be missing.
	Elsewhere bool
	// Redis is nil while the config is only checked, and for a command where no
	// server is named.
	Redis redis.UniversalClient
	// Prefix comes before every Redis key: "mw:", or "mw:<namespace>:".
	Prefix string
	Log    *slog.Logger
}

// Check says what is wrong with a consumer, or nil: one without a handler, or
// with patterns that match no event.
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
		return errors.New("the consumer has no Keys: it would hear nothing")
	}
	for _, k := range c.Keys {
		if err := event.CheckPattern(k); err != nil {
			return fmt.Errorf("keys: %w", err)
		}
	}
	return nil
}

// Subscription is what a consumer of that name asks of the broker.
func (c Consumer) Subscription(name string) broker.Subscription {
	return broker.Subscription{Queue: QueueName(name), Patterns: c.Keys, Limit: c.Limit, Timeout: c.Timeout}
}

// QueueName is the name of a consumer's queue.
func QueueName(name string) string { return "consumer." + name }

// A Runner runs consumers.
type Runner struct {
	Broker  broker.Subscriber
	Redis   redis.UniversalClient // for consumers that handle each ID once
	Prefix  string                // of every Redis key
	Trace   *trace.Recorder       // of what each event caused; nil: none
	Metrics *Metrics              // nil: nothing is counted
	Log     *slog.Logger
}

// Run feeds a consumer from its queue until ctx ends, and waits for the events
// it is handling. ready, if not nil, is closed when its bindings stand.
func (r Runner) Run(ctx context.Context, name string, c Consumer, ready chan<- struct{}) error {
	log := r.Log.With("consumer", name)
	marks := marks{redis: r.Redis, prefix: r.Prefix + "handled:" + name + ":", timeout: c.Timeout, log: log}
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
			tell(step, m, err)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("consumer %s: %w", name, err)
	}
	return nil
}

// While calls work, which handles events until its ctx ends, with c.Run beside
// it, and returns when both have.
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

// begin begins the step of a trace, if it can be told of which.
func (r Runner) begin(ctx context.Context, name string, m broker.Message) (context.Context, *trace.Active) {
	if m.TID.IsZero() {
		return ctx, nil
	}
	return r.Trace.Start(event.WithTID(ctx, m.TID), trace.Span{
		Parent: m.TID.Span(m.ID), Op: trace.Process, Role: name, Name: m.Key, Message: m.ID, Match: m.Match, Queue: QueueName(name), Attempt: m.Attempt,
	})
}

// tell says what became of a message.
func tell(step *trace.Active, m broker.Message, err error) {
	switch outcome(m, err) {
	case isDead:
		step.Fails("dead-lettered: " + err.Error())
	case isPostponed:
		step.Says(err.Error())
	case isOutage:
		step.Fails("waits for the end of an outage: " + err.Error())
	case isRetry:
		step.Fails("to be tried again: " + err.Error())
	}
}

func handle(ctx context.Context, c Consumer, m broker.Message, marks marks, log *slog.Logger) error {
	// The queue is durable, and keeps the bindings of earlier settings.
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
			err = marks.once(ctx, e, m.Redelivered, c.Handle)
		} else {
			err = c.Handle(ctx, e)
		}
	}
	about := func() *slog.Logger {
		return log.With("tid", m.TID, "key", m.Key, "id", m.ID, "attempt", m.Attempt, "took", time.Since(began).Round(time.Microsecond))
	}
	switch {
	case errors.As(err, new(*broker.PostponedError)):
		about().Debug("event postponed", "why", err)
	case err != nil: // the broker says what becomes of it
		about().Warn("event not handled", "error", err, "permanent", errors.Is(err, broker.ErrPermanent))
	case log.Enabled(ctx, slog.LevelDebug):
		about().Debug("event handled")
	}
	return err
}
