// Package outbox stores messages in Redis until the broker has confirmed them. A message is written
// to an outbox in one step with the state that it belongs to. A [Relay] publishes it later.
package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/internal/trace"
)

// A Relay publishes the messages in the outboxes of a store. A caller that has written to an outbox
// calls Nudge, which does not wait. If the nudge is lost, or the process dies, the sweep of this
// process or another finds the outbox later.
//
// Two processes may publish the same messages at the same time. Each begins with the oldest
// unconfirmed message and continues in order, so the first copies of the messages are in order.
type Relay struct {
	store *Store
	out   broker.Publisher
	trace *trace.Recorder
	log   *slog.Logger
	nudge chan string

	mu      sync.Mutex
	failing map[string]failure // by outbox
}

// A failure is the reason why an outbox still holds messages.
type failure struct {
	since time.Time // of the first attempt that failed
	err   error
}

const (
	sweepEvery   = 5 * time.Second
	flushBatch   = 500
	flushTimeout = 30 * time.Second // of one batch; then the flusher takes another outbox
	flushers     = 64               // outboxes published at the same time
	patience     = time.Minute      // Health reports outboxes that fail for longer
)

// NewRelay returns a relay that publishes the outboxes of s on out. It publishes nothing by itself
// until Run is called. rec records the confirmed messages in the trace, and may be nil.
func NewRelay(s *Store, out broker.Publisher, rec *trace.Recorder, log *slog.Logger) *Relay {
	return &Relay{store: s, out: out, trace: rec, log: log, nudge: make(chan string, 1024), failing: map[string]failure{}}
}

// Nudge makes Run publish an outbox soon. It never waits. If too many nudges are pending it does
// nothing, and the sweep finds the outbox.
func (r *Relay) Nudge(name string) {
	select {
	case r.nudge <- name:
	default:
	}
}

// Run publishes until ctx ends, and returns when the batches in progress are done.
func (r *Relay) Run(ctx context.Context) error {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	var running sync.WaitGroup
	defer running.Wait()
	work := make(chan string)
	defer close(work)
	done := make(chan string, flushers)
	for range flushers {
		running.Go(func() {
			for name := range work {
				err := r.Flush(ctx, name)
				r.note(name, err)
				if err != nil && ctx.Err() == nil {
					r.log.Warn("events wait in the outbox", "outbox", name, "error", err)
				}
				select {
				case done <- name:
				case <-ctx.Done(): // dispatch has returned
				}
			}
		})
	}
	return r.dispatch(ctx, sweep.C, work, done)
}

// note stores the error of publishing an outbox and the time of the first one. A nil error removes
// it.
func (r *Relay) note(name string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.failing, name)
		return
	}
	f, ok := r.failing[name]
	if !ok {
		f.since = time.Now()
	}
	f.err = err
	r.failing[name] = f
}

// forget removes the failures of outboxes that are not pending any more.
func (r *Relay) forget(pending []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.failing, func(name string, _ failure) bool { return !slices.Contains(pending, name) })
}

// Health reports outboxes that could not be published for a while.
func (r *Relay) Health() []health.Issue {
	r.mu.Lock()
	defer r.mu.Unlock()
	waiting, oldest := 0, failure{since: time.Now()}
	for _, f := range r.failing {
		if time.Since(f.since) > patience {
			waiting++
		}
		if f.since.Before(oldest.since) {
			oldest = f
		}
	}
	if waiting == 0 {
		return nil
	}
	return []health.Issue{{Text: fmt.Sprintf("messages wait in Redis in %d outboxes, the longest since %s: %v",
		waiting, oldest.since.UTC().Format(time.RFC3339), oldest.err)}}
}

// dispatch sends the names of outboxes to the flushers through work. At most one flusher has a name
// at a time. It sends the name back through done.
func (r *Relay) dispatch(
	ctx context.Context, sweep <-chan time.Time, work chan<- string, done <-chan string,
) error {
	busy, again := map[string]bool{}, map[string]bool{}
	var waiting []string
	add := func(name string) {
		switch {
		case busy[name]:
			again[name] = true
		default:
			busy[name] = true
			waiting = append(waiting, name)
		}
	}
	for {
		to, next := work, ""
		if len(waiting) > 0 {
			next = waiting[0]
		} else {
			to = nil
		}
		select {
		case <-ctx.Done():
			return nil
		case to <- next:
			waiting = waiting[1:]
		case name := <-r.nudge:
			add(name)
		case name := <-done:
			delete(busy, name)
			if again[name] {
				delete(again, name)
				add(name)
			}
		case <-sweep:
			pending, err := r.store.Pending(ctx)
			if err != nil && ctx.Err() == nil {
				r.log.Warn("outboxes not swept", "error", err)
			}
			if err == nil {
				r.forget(pending)
			}
			for _, name := range pending {
				add(name)
			}
		}
	}
}

// Flush publishes the messages in an outbox until it is empty.
func (r *Relay) Flush(ctx context.Context, name string) error {
	for {
		msgs, err := r.store.Oldest(ctx, name, flushBatch)
		if err != nil {
			return err
		}
		if len(msgs) == 0 {
			return r.store.DropIfEmpty(ctx, name)
		}
		wait, cancel := context.WithTimeout(ctx, flushTimeout)
		began := time.Now()
		n, err := r.out.Publish(wait, msgs...)
		cancel()
		r.trace.Sent("outbox", began, msgs[:n]...)
		// Clear them even if ctx has ended, so that they are not published again.
		if cerr := r.store.Clear(context.WithoutCancel(ctx), name, msgs[:n]); cerr != nil && err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
	}
}
