package pipeline

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

// observed observes the attempts of consumers.
type observed struct {
	each func(Attempt) // may be nil; called for one attempt at a time

	mu      sync.Mutex
	keys    map[string][]string // topic patterns by consumer
	tried   map[delivered]bool  // the attempts
	waiting map[string]bool     // the consumers whose latest attempt failed or was postponed
	changed chan struct{}       // closed and replaced after each attempt
}

// delivered is an event of a consumer.
type delivered struct{ consumer, event string }

func newObserved(each func(Attempt)) *observed {
	return &observed{each: each, keys: map[string][]string{}, tried: map[delivered]bool{}, waiting: map[string]bool{},
		changed: make(chan struct{})}
}

// observe returns the consumer with a handler that reports each attempt.
func (o *observed) observe(name string, c consumers.Consumer) consumers.Consumer {
	o.keys[name] = c.Keys
	handle := c.Handle
	c.Handle = func(ctx context.Context, e event.Event) error {
		ctx, outcome := trace.Observe(ctx)
		err := handle(ctx, e)
		o.mu.Lock()
		defer o.mu.Unlock()
		o.tried[delivered{name, e.ID}], o.waiting[name] = true, err != nil
		close(o.changed)
		o.changed = make(chan struct{})
		if o.each != nil {
			o.each(Attempt{name, e, outcome(), err})
		}
		return err
	}
	return c
}

// attempted waits until each consumer of the events has tried to handle them, or until most has passed. It does not
// wait for a consumer that will try an earlier event again.
func (o *observed) attempted(ctx context.Context, events []event.Event, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range events {
		for name, keys := range o.keys {
			for event.MatchAny(keys, events[i].Type) && !o.tried[delivered{name, events[i].ID}] && !o.waiting[name] &&
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
