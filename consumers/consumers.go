// Package consumers defines consumers and runs them. A consumer reacts to events. Each consumer has
// its own durable queue, which its instances share round-robin. The consumers that matchwire ships are
// in packages below this package.
package consumers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
)

// A Consumer reacts to events.
type Consumer struct {
	// Keys are the topic patterns of the events that the consumer receives.
	Keys []string
	// Limit is the maximum number of events that one instance handles at a time. A value below 1
	// means 1.
	Limit int
	// Timeout is how long Handle may take for one event, at most [MaxTimeout]. The default is 30 s.
	Timeout time.Duration
	// Once skips an event that was handled within the last day. Set it if the effects of the
	// consumer must not be repeated, as with notifications. An event may still be handled again if
	// a process died during handling, if Redis was unreachable for more than [LeaseTime], or if
	// Redis lost its data. The backfill copy of an event counts as a separate event.
	Once bool
	// Ordered handles the events of a match one at a time, in the order of (epoch, seq), in all
	// processes that share the queue. If an event fails or is postponed, the later events of its
	// match wait until the event is handled or dead-lettered. The wait ends earlier if Handle returns
	// an error from [Pass], or two minutes after the next attempt was due. The queue receives all
	// events of the sports in Keys, because the runner finds missing events by gaps in seq. Handle
	// receives only events that match Keys.
	Ordered bool
	// Early, if not nil, is called for an event that must wait for an earlier event of its match.
	// Handle follows when the earlier events are finished. Only a consumer that sets Ordered can
	// use Early. Early returns errors under the same contract as Handle.
	Early func(ctx context.Context, e event.Event) error
	// Skipped, if not nil, returns the outcome that a trace shows for an event that the queue receives although it
	// matches no key. Handle does not receive this event.
	Skipped func(event.Event) string
	// Rebuilds allows the command matchwire rebuild for this consumer. Set it if the consumer
	// restores its data when it handles every event of the log again, in any order.
	Rebuilds bool
	// Parts, if not nil, are the parts of the consumer, by name. Each part has its own queue,
	// consumer.<name>.<part>, so no part waits for another. A consumer with parts uses no other field
	// except Serve.
	Parts map[string]Consumer
	// Run, if not nil, runs in every instance alongside Handle. Its context ends after the
	// instance has handled its last event. An error stops the instance.
	Run func(ctx context.Context) error
	// Test, if not nil, sends a test message through the consumer, and waits for its result, at most 20 seconds. The
	// processes of the API call it, which may not run the consumer. ctx carries the TID of the call. The error is a
	// *[TestTooSoonError], [ErrNoTestResult], or that of a server.
	Test func(ctx context.Context) (TestResult, error)
	// Serve, if not nil, handles HTTP requests below /api/<name>/ in every process that runs the API.
	// These requests need no token.
	Serve http.Handler
	// Handle handles one event, under the contract of [broker.Handler]. Events can arrive more than
	// once and out of order. If the error wraps [broker.ErrPermanent], the event is dead-lettered and
	// not retried. ctx carries the event's TID.
	Handle func(ctx context.Context, e event.Event) error
}

// A TestResult is the result of a test message.
type TestResult struct {
	Text       string `json:"text"`             // of the message
	Recipients int    `json:"recipients"`       // of the consumer
	Accepted   int    `json:"accepted"`         // number of recipients for which the service has accepted the message
	Reason     string `json:"reason,omitempty"` // why others did not get it, without secrets
}

// ErrNoTestResult reports that no process has sent a test message in time.
var ErrNoTestResult = errors.New("no process has sent the test in time: is the role consumers running?")

// A TestTooSoonError reports that there was another test recently.
type TestTooSoonError struct{ Wait time.Duration }

func (e *TestTooSoonError) Error() string {
	return fmt.Sprintf("there was another test recently: try again in %v", e.Wait.Round(time.Second))
}

// A Maker creates a consumer from its settings. It validates all settings, so that matchwire
// reports mistakes at startup.
type Maker func(Host) (Consumer, error)

// A Plugin adds a consumer to matchwire.
type Plugin struct {
	// Name is the name of the consumer's config section and command. The queue of the consumer is
	// consumer.<name>. Name consists of a-z, 0-9, _ and -.
	Name string
	New  Maker
	// Named reports whether the consumer runs only if it has a section in the config.
	Named bool
	// Command, if not nil, returns the command matchwire NAME, which can have subcommands. Its
	// functions write to cmd.OutOrStdout(), and end when cmd.Context() ends. To read the settings of
	// the consumer, they call open. It returns the Host, or an error if matchwire cannot load the
	// config or connect to Redis. The command must not set PersistentPreRun.
	//
	// If Args is nil, matchwire checks the number of arguments against their names in Use. In
	// "export DIR [PATTERN…]", DIR is required, and any number of patterns can follow.
	Command func(open func() (Host, error)) *cobra.Command
}

// A Host holds what matchwire provides to a consumer.
type Host struct {
	// Settings decodes the consumer's section of the config into a struct with yaml tags. An unknown
	// key is an error that includes the file and the line. If the config has no section for the
	// consumer, Settings leaves the struct unchanged.
	Settings func(into any) error
	// Path resolves a path of the settings relative to the folder of the config file.
	Path func(string) string
	// OnInput, if not nil, is called by Input.
	OnInput func(path string)
	// Elsewhere reports whether the consumer runs only in other processes, perhaps on other machines.
	// Files and programs that the consumer needs may be missing on this machine.
	Elsewhere bool
	// Redis is nil when the config is only validated, and in a command if no Redis is configured.
	Redis redis.UniversalClient
	// Prefix is the prefix of every Redis key: "mw:", or "mw:<namespace>:".
	Prefix string
	// Upcoming returns the matches that have not begun but will begin before until. Each Data has
	// the sport, the league and the match. Upcoming is nil if Redis is nil.
	Upcoming func(ctx context.Context, until time.Time) ([]event.Data, error)
	// Replay plays the fixtures in folders without pauses, and calls each with every page, in the order of
	// their times. The events are as if the pages had been fetched live at these times. Replay publishes
	// nothing and needs no servers.
	Replay func(ctx context.Context, folders []string, each func(ReplayedPage) error) error
	Log    *slog.Logger
}

// Input is like Path, for a file or a folder of YAML files that the [Maker] reads. When it changes, matchwire creates
// the consumer again.
func (h Host) Input(path string) string {
	path = h.Path(path)
	if h.OnInput != nil {
		h.OnInput(path)
	}
	return path
}

// A ReplayedPage is a page of a fixture.
type ReplayedPage struct {
	At     time.Time // when the page was fetched
	Events []event.Event
	// Upcoming is like [Host].Upcoming after the page, at the time At.
	Upcoming func(ctx context.Context, until time.Time) ([]event.Data, error)
}

// MaxTimeout is the maximum of Consumer.Timeout. RabbitMQ delivers an event again if the event is
// not acknowledged within consumer_timeout, 30 minutes by default. MaxTimeout is shorter, because
// these 30 minutes also include the wait for a free handler and the copying of a failed event to a
// retry queue. RabbitMQ 3.10 does not support a longer consumer_timeout for a single queue.
const MaxTimeout = 25 * time.Minute

// CheckTimeout returns an error if d is longer than [MaxTimeout].
func CheckTimeout(d time.Duration) error {
	if d > MaxTimeout {
		return fmt.Errorf("%v: want at most %v, because RabbitMQ redelivers an event that is not acknowledged "+
			"within 30 minutes (consumer_timeout)", d, MaxTimeout)
	}
	return nil
}

// Check returns an error if the consumer has no handler or no keys, has a key that cannot match any
// event, or has a timeout above [MaxTimeout]. If the consumer has parts, Check checks only
// the parts.
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
	if err := CheckTimeout(c.Timeout); err != nil {
		return fmt.Errorf("timeout %w", err)
	}
	return nil
}

// Subscription returns the broker subscription of c under the given consumer name. If c is ordered,
// the subscription differs from the fields of c. Its patterns match all events of the sports in Keys.
// Its limit also counts events that wait in this process for earlier events. Its timeout includes
// that wait.
func (c Consumer) Subscription(name string) broker.Subscription {
	s := broker.Subscription{Queue: QueueName(name), Patterns: c.Keys, Limit: c.Limit, Timeout: c.timeout()}
	if c.Ordered {
		s.Patterns = wholeSports(c.Keys)
		s.Limit = max(s.Limit, 1) + orderSlots
		s.Timeout += defaultOrderBounds().long
	}
	return s
}

// timeout returns how long Handle may take for one event.
func (c Consumer) timeout() time.Duration { return cmp.Or(max(c.Timeout, 0), 30*time.Second) }

// wholeSports returns topic patterns that match every event of the sports that keys match. A match
// cannot change its sport, but sources can differ in the name of its league.
func wholeSports(keys []string) []string {
	var all []string
	for _, k := range keys {
		sport, _, _ := strings.Cut(k, ".")
		if sport == "#" || sport == "*" {
			return []string{"#"}
		}
		all = append(all, sport+".#")
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// QueueName returns the name of the queue of the consumer with the given name.
func QueueName(name string) string { return "consumer." + name }

// A Runner runs consumers.
type Runner struct {
	Broker  broker.Subscriber
	Redis   redis.UniversalClient // for consumers that set Once or Ordered
	Prefix  string                // prefix of every Redis key
	Trace   *trace.Recorder       // records a span for each event; may be nil
	Metrics *Metrics              // may be nil
	// Progress records whether the consumers handle their events; may be nil.
	Progress *Progress
	Log      *slog.Logger

	lease  time.Duration // time until a mark expires without a renewal; 0 means LeaseTime
	bounds orderBounds   // the zero value means defaultOrderBounds
}

// Run delivers the events of a consumer's queue to the consumer until ctx ends, or until c.Run or the
// subscription fails. Then it waits for the events that are being handled. ready, if not nil, is
// closed when the queue is bound.
func (r Runner) Run(ctx context.Context, name string, c Consumer, ready chan<- struct{}) error {
	log := r.Log.With("consumer", name)
	marks := newMarks(r.Redis, r.Prefix+"handled:"+name+":", cmp.Or(r.lease, LeaseTime), log)
	d := dispatcher{Consumer: c, log: log}
	if c.Once {
		d.marks = &marks
	}
	if c.Ordered {
		bounds := cmp.Or(r.bounds, defaultOrderBounds())
		d.order = newOrder(r.Redis, r.Prefix+orderName+name+":", c, bounds, log)
		defer d.order.settling.Wait()
		stopping := context.AfterFunc(ctx, d.order.stop)
		defer func() {
			if stopping() {
				d.order.stop()
			}
		}()
	}
	s := c.Subscription(name)
	s.Ready = ready
	err := c.While(ctx, func(ctx context.Context) error {
		return r.Broker.Subscribe(ctx, s, func(ctx context.Context, m broker.Message) error {
			ctx, step := r.begin(ctx, name, m)
			defer step.End()
			err := errors.New("the handler panicked") // replaced when the handler returns
			record := r.Metrics.begin(name, m)
			defer func() {
				record(err)
				r.Progress.note(name, broker.Classify(err, m.Last), err)
			}()
			err = d.handle(ctx, m)
			traceOutcome(step, m, err)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("consumer %s: %w", name, err)
	}
	return nil
}

// While runs c.Run while work handles events. The context of c.Run ends when work returns. The
// context of work ends when ctx ends or c.Run fails. While returns the first error, after both have
// returned.
func (c Consumer) While(ctx context.Context, work func(context.Context) error) error {
	if c.Run == nil {
		return work(ctx)
	}
	runCtx, handled := context.WithCancel(context.WithoutCancel(ctx))
	defer handled()
	group, workCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer handled()
		return work(workCtx)
	})
	group.Go(func() error { return c.Run(runCtx) })
	return group.Wait()
}

// begin starts a span for a message. A message without a TID belongs to no trace and gets no span.
func (r Runner) begin(ctx context.Context, name string, m broker.Message) (context.Context, *trace.Active) {
	if m.TID.IsZero() {
		return ctx, nil
	}
	return r.Trace.Start(event.WithTID(ctx, m.TID), trace.Span{
		Parent: m.TID.Span(m.ID), Op: trace.Process, Role: name, Name: m.Key, Message: m.ID, Match: m.Match,
		Queue: QueueName(name), Attempt: m.Attempt,
	})
}

// traceOutcome records the outcome of a message in its span.
func traceOutcome(step *trace.Active, m broker.Message, err error) {
	switch broker.Classify(err, m.Last) {
	case broker.Ack:
	case broker.Dead:
		step.Fail("dead-lettered: " + err.Error())
	case broker.Postponed:
		step.SetOutcome(err.Error())
	case broker.Outage:
		step.Fail("waiting for the end of an outage: " + err.Error())
	case broker.Retry:
		step.Fail("will be retried: " + err.Error())
	}
}

// A dispatcher passes the messages of a queue to the handler of a consumer.
type dispatcher struct {
	Consumer
	marks *marks // nil unless the consumer sets Once
	order *order // nil unless the consumer sets Ordered
	log   *slog.Logger
}

// skipped is the outcome of a message that matches no key of a consumer.
const skipped = "skipped: no key of the consumer matches"

// handle decodes a message, calls the consumer's handler and logs the outcome.
func (d dispatcher) handle(ctx context.Context, m broker.Message) error {
	// Not every message matches Keys. The queue may have bindings from earlier settings, and an
	// ordered consumer receives all events of its sports.
	wanted := event.MatchAny(d.Keys, m.Key)
	if !wanted {
		trace.From(ctx).SetOutcome(skipped)
		if d.order == nil {
			return nil
		}
	}
	began := time.Now()
	e, err := event.Decode(m.Body)
	if err != nil && !wanted {
		return nil
	}
	if !wanted && d.Skipped != nil {
		trace.From(ctx).SetOutcome(d.Skipped(e))
	}
	if err != nil {
		err = broker.Permanent(err) // decoding the same bytes again would fail too
	} else {
		err = d.handleEvent(event.WithTID(ctx, e.TID), m, e)
	}
	about := func() *slog.Logger {
		took := time.Since(began).Round(time.Microsecond)
		return d.log.With("tid", m.TID, "key", m.Key, "id", m.ID, "attempt", m.Attempt, "took", took)
	}
	switch {
	case errors.As(err, new(*broker.PostponedError)):
		about().Debug("event postponed", "reason", err)
	case err != nil: // the broker retries or dead-letters the event
		about().Warn("event not handled", "error", err, "permanent", errors.Is(err, broker.ErrPermanent))
	case d.log.Enabled(ctx, slog.LevelDebug):
		about().Debug("event handled")
	}
	return err
}

// handleEvent calls the consumer's handler. If the consumer is ordered, handleEvent first waits for
// earlier events. If the consumer sets Once, handleEvent skips an event that was handled before.
func (d dispatcher) handleEvent(ctx context.Context, m broker.Message, e event.Event) error {
	h := d.Handle
	if d.marks != nil {
		h = func(ctx context.Context, e event.Event) error { return d.marks.once(ctx, e, d.Handle) }
	}
	if d.order == nil {
		return h(ctx, e)
	}
	return d.order.handle(ctx, m, e, h)
}
