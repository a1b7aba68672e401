package matchday

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
)

// An Attempt is a consumer's attempt to handle an event.
type Attempt struct {
	Consumer string // like "notify.site"
	Event    event.Event
	Outcome  string // like "sent: …"; "" if the consumer reports none
	Err      error
}

// Line describes the attempt on one line. It returns "" if the consumer reports nothing.
func (a Attempt) Line() string {
	what := a.Outcome
	switch {
	case errors.As(a.Err, new(*broker.PostponedError)):
		what = "waits: " + a.Err.Error()
	case a.Err != nil:
		what = "failed: " + a.Err.Error()
	case what == "":
		return ""
	}
	if !strings.HasPrefix(what, "sent: ") {
		what += " [" + notify.Line(a.Event) + "]"
	}
	return "          " + a.Consumer + "  " + what
}

// An observed records the attempts of consumers to handle events.
type observed struct {
	onAttempt func(Attempt) // may be nil; called for one attempt at a time

	mu      sync.Mutex
	keys    map[string][]string // topic patterns by consumer
	tried   map[delivery]bool   // the deliveries that were tried
	waiting map[string]bool     // the consumers whose latest attempt failed or was postponed
	changed chan struct{}       // closed and replaced after each attempt
}

// A delivery identifies the delivery of an event to a consumer, by the consumer's name and the
// event's ID.
type delivery struct{ consumer, event string }

func newObserved(onAttempt func(Attempt)) *observed {
	return &observed{onAttempt: onAttempt, keys: map[string][]string{}, tried: map[delivery]bool{},
		waiting: map[string]bool{}, changed: make(chan struct{})}
}

// observe returns the consumer with a handler that records and reports each attempt.
func (o *observed) observe(name string, c consumers.Consumer) consumers.Consumer {
	o.keys[name] = c.Keys
	handle := c.Handle
	c.Handle = func(ctx context.Context, e event.Event) error {
		ctx, outcome := trace.Observe(ctx)
		err := handle(ctx, e)
		o.mu.Lock()
		defer o.mu.Unlock()
		o.tried[delivery{name, e.ID}], o.waiting[name] = true, err != nil
		close(o.changed)
		o.changed = make(chan struct{})
		if o.onAttempt != nil {
			o.onAttempt(Attempt{name, e, outcome(), err})
		}
		return err
	}
	return c
}

// awaitAttempts waits until every consumer of the events has tried to handle them, until timeout has passed or until
// ctx ends. It does not wait for a consumer whose latest attempt failed or was postponed.
func (o *observed) awaitAttempts(ctx context.Context, events []event.Event, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range events {
		for name, keys := range o.keys {
			for event.MatchAny(keys, events[i].Type) && !o.tried[delivery{name, events[i].ID}] && !o.waiting[name] &&
				ctx.Err() == nil {
				changed := o.changed
				o.mu.Unlock()
				select {
				case <-changed:
				case <-ctx.Done():
				}
				o.mu.Lock()
			}
		}
	}
}
