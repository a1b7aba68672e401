package parser

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/matchwire/matchwire/event"
)

// An Outbox publishes what the saved states still owe. Readers tell it of a
// match and go on at once; if it does not hear them, or the process dies, the
// sweep finds the match later, in this process or another.
//
// Two processes may publish the same events at the same time. Each begins with
// the oldest unconfirmed one and goes on in order, so every event's first copy
// is in order.
type Outbox struct {
	store *Store
	out   event.Publisher
	log   *slog.Logger
	nudge chan string

	mu      sync.Mutex
	failing map[string]failure // by match
}

// A failure is why a match's events are still here.
type failure struct {
	since time.Time // of the first attempt that failed
	err   error
}

const (
	sweepEvery   = 5 * time.Second
	flushBatch   = 500
	flushTimeout = 30 * time.Second // of one batch; then another match may be luckier
	flushers     = 16               // matches at a time
	patience     = time.Minute      // from which waiting events are worth a word
)

// NewOutbox returns an outbox that does nothing until Run.
func NewOutbox(s *Store, out event.Publisher, log *slog.Logger) *Outbox {
	return &Outbox{store: s, out: out, log: log, nudge: make(chan string, 1024), failing: map[string]failure{}}
}

// Nudge says that a match owes events. It never waits: if the outbox is that
// far behind, its sweep will find the match.
func (o *Outbox) Nudge(match string) {
	select {
	case o.nudge <- match:
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
			for match := range work {
				err := o.Flush(ctx, match)
				o.note(match, err)
				if err != nil && ctx.Err() == nil {
					o.log.Warn("events wait in the outbox", "match", match, "error", err)
				}
				select {
				case done <- match:
				case <-ctx.Done(): // nobody reads it any more
				}
			}
		})
	}
	return o.dispatch(ctx, sweep.C, work, done)
}

// note remembers how publishing a match's events went.
func (o *Outbox) note(match string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		delete(o.failing, match)
		return
	}
	f, ok := o.failing[match]
	if !ok {
		f.since = time.Now()
	}
	f.err = err
	o.failing[match] = f
}

// forget leaves out the matches that owe nothing any more, whoever published it.
func (o *Outbox) forget(indebted []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.failing, func(match string, _ failure) bool { return !slices.Contains(indebted, match) })
}

// Health says whose events could not be published for a while.
func (o *Outbox) Health() []event.Trouble {
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
	return []event.Trouble{{Text: fmt.Sprintf("events of %d matches wait in Redis, the longest since %s: %v", matches, oldest.since.UTC().Format(time.RFC3339), oldest.err)}}
}

// dispatch hands each match to one flusher at a time.
func (o *Outbox) dispatch(ctx context.Context, sweep <-chan time.Time, work chan<- string, done <-chan string) error {
	busy, again := map[string]bool{}, map[string]bool{}
	var waiting []string
	add := func(match string) {
		switch {
		case busy[match]:
			again[match] = true
		default:
			busy[match] = true
			waiting = append(waiting, match)
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
		case match := <-o.nudge:
			add(match)
		case match := <-done:
			delete(busy, match)
			if again[match] {
				delete(again, match)
				add(match)
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

// Flush publishes a match's outbox until it is empty.
func (o *Outbox) Flush(ctx context.Context, match string) error {
	for {
		owed, err := o.store.Owed(ctx, match, flushBatch)
		if err != nil {
			return err
		}
		if len(owed) == 0 {
			return o.store.Settle(ctx, match)
		}
		wait, cancel := context.WithTimeout(ctx, flushTimeout)
		n, err := o.out.Publish(wait, owed...)
		cancel()
		// Even at the end: what is confirmed need not be sent again.
		if cerr := o.store.Clear(context.WithoutCancel(ctx), match, owed[:n]); cerr != nil && err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
	}
}
