// Package outbox brings what was made to the broker. Whoever makes a message
// writes it to an outbox in Redis and forgets it; here it is published, and
// kept until that is confirmed.
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

// An Outbox publishes what the outboxes of a store hold. Those who write to one
// nudge it and go on at once; if it does not hear them, or the process dies,
// the sweep finds the outbox later, in this process or another.
//
// Two processes may publish the same events at the same time. Each begins with
// the oldest unconfirmed one and goes on in order, so every event's first copy
// is in order.
type Outbox struct {
	store *Store
	out   broker.Publisher
	trace *trace.Recorder
	log   *slog.Logger
	nudge chan string

	mu      sync.Mutex
	failing map[string]failure // by outbox
}

// A failure is why messages are still in an outbox.
type failure struct {
	since time.Time // of the first attempt that failed
	err   error
}

const (
	sweepEvery   = 5 * time.Second
	flushBatch   = 500
	flushTimeout = 30 * time.Second // of one batch; then another outbox may be luckier
	flushers     = 64               // outboxes at a time
	patience     = time.Minute      // from which waiting events are worth a word
)

// New returns an outbox that does nothing until Run. r records what it sends,
// and may be nil.
func New(s *Store, out broker.Publisher, r *trace.Recorder, log *slog.Logger) *Outbox {
	return &Outbox{store: s, out: out, trace: r, log: log, nudge: make(chan string, 1024), failing: map[string]failure{}}
}

// Nudge says that an outbox holds messages. It never waits: if the outbox is that
// far behind, its sweep will find them.
func (o *Outbox) Nudge(name string) {
	select {
	case o.nudge <- name:
	default:
	}
}

// Run publishes until ctx ends, and waits for what is under way.
func (o *Outbox) Run(ctx context.Context) error {
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
				err := o.Flush(ctx, name)
				o.note(name, err)
				if err != nil && ctx.Err() == nil {
					o.log.Warn("events wait in the outbox", "outbox", name, "error", err)
				}
				select {
				case done <- name:
				case <-ctx.Done(): // nobody reads it any more
				}
			}
		})
	}
	return o.dispatch(ctx, sweep.C, work, done)
}

// note remembers how publishing an outbox went.
func (o *Outbox) note(name string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		delete(o.failing, name)
		return
	}
	f, ok := o.failing[name]
	if !ok {
		f.since = time.Now()
	}
	f.err = err
	o.failing[name] = f
}

// forget leaves out the outboxes that are empty, whoever published it.
func (o *Outbox) forget(indebted []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.failing, func(name string, _ failure) bool { return !slices.Contains(indebted, name) })
}

// Health says whose events could not be published for a while.
func (o *Outbox) Health() []health.Issue {
	o.mu.Lock()
	defer o.mu.Unlock()
	matches, oldest := 0, failure{since: time.Now()}
	for _, f := range o.failing {
		if time.Since(f.since) > patience {
			matches++
		}
		if f.since.Before(oldest.since) {
			oldest = f
		}
	}
	if matches == 0 {
		return nil
	}
	return []health.Issue{{Text: fmt.Sprintf("events of %d matches wait in Redis, the longest since %s: %v", matches, oldest.since.UTC().Format(time.RFC3339), oldest.err)}}
}

// dispatch hands each outbox to one flusher at a time.
func (o *Outbox) dispatch(ctx context.Context, sweep <-chan time.Time, work chan<- string, done <-chan string) error {
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
		case name := <-o.nudge:
			add(name)
		case name := <-done:
			delete(busy, name)
			if again[name] {
				delete(again, name)
				add(name)
			}
		case <-sweep:
			matches, err := o.store.Indebted(ctx)
			if err != nil && ctx.Err() == nil {
				o.log.Warn("outboxes not swept", "error", err)
			}
			if err == nil {
				o.forget(matches)
			}
			for _, m := range matches {
				add(m)
			}
		}
	}
}

// Flush publishes an outbox until it is empty.
func (o *Outbox) Flush(ctx context.Context, name string) error {
	for {
		owed, err := o.store.Owed(ctx, name, flushBatch)
		if err != nil {
			return err
		}
		if len(owed) == 0 {
			return o.store.Settle(ctx, name)
		}
		wait, cancel := context.WithTimeout(ctx, flushTimeout)
		began := time.Now()
		n, err := o.out.Publish(wait, owed...)
		cancel()
		o.trace.Sent("outbox", began, owed[:n]...)
		// Even at the end: what is confirmed need not be sent again.
		if cerr := o.store.Clear(context.WithoutCancel(ctx), name, owed[:n]); cerr != nil && err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
	}
}
