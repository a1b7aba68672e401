// Package outbox stores messages in Redis until the broker has confirmed them. A script writes a
// message to an outbox together with the change of state that the message reports. A [Relay]
// publishes the message later.
package outbox

import (
	"cmp"
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

// A Relay publishes the messages in the outboxes of a store. After a write to an outbox, call
// Nudge. Run also sweeps the pending outboxes every few seconds. So if a nudge is lost or the
// process dies, a later sweep by any process finds the outbox.
//
// Two processes may publish the same messages at the same time. Each process begins with the oldest
// unconfirmed message and continues in order, so the first copies of the messages are in order.
type Relay struct {
	store *Store
	out   broker.Publisher
	trace *trace.Recorder
	log   *slog.Logger
	nudge chan string

	mu      sync.Mutex
	failing map[string]failure // by the name of the outbox
}

// A failure describes consecutive failed attempts to publish an outbox.
type failure struct {
	since time.Time // time of the first failed attempt
	err   error     // error of the latest attempt
}

const (
	sweepEvery   = 5 * time.Second  // interval at which Run reads the pending outboxes
	flushBatch   = 500              // maximum number of messages in a batch
	flushTimeout = 30 * time.Second // time limit for publishing one batch
	flushers     = 64               // maximum number of outboxes that are published at the same time
	patience     = time.Minute      // Health reports outboxes that have been failing for longer than this
)

// NewRelay returns a relay that publishes the outboxes of s to out. The relay publishes nothing
// until Run or Flush is called. rec records the confirmed messages in traces. It may be nil.
func NewRelay(s *Store, out broker.Publisher, rec *trace.Recorder, log *slog.Logger) *Relay {
	return &Relay{store: s, out: out, trace: rec, log: log, nudge: make(chan string, 1024), failing: map[string]failure{}}
}

// Nudge makes Run publish an outbox soon. It never blocks. If too many nudges are pending, Nudge
// does nothing, and the next sweep finds the outbox.
func (r *Relay) Nudge(name string) {
	select {
	case r.nudge <- name:
	default:
	}
}

// Run publishes the outboxes until ctx ends. It returns nil when all batches in progress have ended.
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
				r.record(name, err)
				if err != nil && ctx.Err() == nil {
					r.log.Warn("cannot publish the outbox", "outbox", name, "error", err)
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

// record stores the result of publishing an outbox. A nil error removes the failure of the outbox.
func (r *Relay) record(name string, err error) {
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

// forget removes the failures of outboxes that are not in unsent.
func (r *Relay) forget(unsent []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.failing, func(name string, _ failure) bool { return !slices.Contains(unsent, name) })
}

// Failing returns how long the outbox that has been failing for the longest time has been failing. It
// returns 0 if none is failing.
func (r *Relay) Failing() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	longest := time.Duration(0)
	for _, f := range r.failing {
		longest = max(longest, time.Since(f.since))
	}
	return longest
}

// Health returns an issue if one or more outboxes have been failing for more than a minute.
func (r *Relay) Health() []health.Issue {
	r.mu.Lock()
	defer r.mu.Unlock()
	failed, oldest := 0, failure{since: time.Now()}
	for _, f := range r.failing {
		if time.Since(f.since) > patience {
			failed++
		}
		if f.since.Before(oldest.since) {
			oldest = f
		}
	}
	if failed == 0 {
		return nil
	}
	outboxes := "1 outbox"
	if failed > 1 {
		outboxes = fmt.Sprintf("%d outboxes", failed)
	}
	return []health.Issue{{Text: fmt.Sprintf("cannot publish the messages of %s in Redis, failing since %s: %v",
		outboxes, oldest.since.UTC().Format(time.RFC3339), oldest.err)}}
}

// dispatch sends the names of outboxes to the flushers through work, until ctx ends. A flusher
// returns the name through done. Until then, dispatch does not send the name to another flusher.
func (r *Relay) dispatch(
	ctx context.Context, sweep <-chan time.Time, work chan<- string, done <-chan string,
) error {
	busy, again := map[string]bool{}, map[string]bool{} // again: added while busy
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
			unsent, err := r.store.Sweep(ctx)
			if err != nil && ctx.Err() == nil {
				r.log.Warn("cannot read the pending outboxes", "error", err)
			}
			if err == nil {
				r.forget(unsent)
			}
			for _, name := range unsent {
				add(name)
			}
		}
	}
}

// Flush publishes the messages in an outbox until the outbox is empty or an error occurs.
func (r *Relay) Flush(ctx context.Context, name string) error {
	for {
		msgs, err := r.store.Oldest(ctx, name, flushBatch)
		if err != nil || len(msgs) == 0 {
			return err
		}
		wait, cancel := context.WithTimeout(ctx, flushTimeout)
		began := time.Now()
		n, err := r.out.Publish(wait, msgs...)
		cancel()
		r.trace.Sent("outbox", began, msgs[:n]...)
		// Clear the confirmed messages even if ctx has ended, so that they are not published again.
		left, cerr := r.store.Clear(context.WithoutCancel(ctx), name, msgs[:n])
		if err = cmp.Or(err, cerr); err != nil || left == 0 {
			return err
		}
	}
}
