// Package memory implements the broker contract inside the process: for the demo, for
// a single process without servers, and for tests. It stores nothing on disk.
package memory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/health"
)

// Bounds. Past them the oldest messages are dropped.
const (
	maxLogBytes    = 64 << 20
	maxQueueBytes  = 64 << 20
	maxDeadLetters = 10_000
)

// Broker is the exchange, its queues and its log. The zero value is not
// usable; call [New].
type Broker struct {
	pauses []time.Duration
	log    *slog.Logger

	mu      sync.Mutex
	queues  map[string]*queue
	history eventLog
}

// New returns an empty broker. pauses are those before each further attempt at a
// failed message; nil means [broker.Pauses]. A nil log means slog.Default.
func New(pauses []time.Duration, log *slog.Logger) *Broker {
	if pauses == nil {
		pauses = broker.Pauses()
	}
	if log == nil {
		log = slog.Default()
	}
	return &Broker{pauses: pauses, log: log, queues: map[string]*queue{}, history: eventLog{grown: make(chan struct{})}}
}

// Health names queues that have dropped messages, and those with dead letters.
func (b *Broker) Health(context.Context) []health.Issue {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []health.Issue
	for _, name := range slices.Sorted(maps.Keys(b.queues)) {
		if n := b.queues[name].dropped; n > 0 {
			all = append(all, health.Issue{Text: fmt.Sprintf("queue %q has dropped its oldest %d messages so far", name, n)})
		}
		if n := len(b.queues[name].dead); n > 0 {
			all = append(all, health.Issue{Text: fmt.Sprintf("queue %q has %d dead letters", name, n)})
		}
	}
	return all
}

// Close does nothing.
func (b *Broker) Close() error { return nil }

// Publish adds events to the log and to every queue with a matching pattern, and
// each task to its queue.
func (b *Broker) Publish(_ context.Context, msgs ...broker.Message) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range msgs {
		if m.Exchange == broker.Tasks {
			b.queue(broker.TaskQueue(m.Key), broker.Tasks, m.Key).push(&item{Message: m})
			continue
		}
		b.history.append(m)
		for _, q := range b.queues {
			if q.matches(m.Key) {
				q.push(&item{Message: m})
			}
		}
	}
	return len(msgs), nil
}

// Declare declares the queue and binds it.
func (b *Broker) Declare(_ context.Context, s broker.Subscription) error {
	b.declare(s)
	return nil
}

func (b *Broker) declare(s broker.Subscription) *queue {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.queue(s.Queue, s.Exchange, s.Patterns...)
}

// queue returns the queue, which it declares if need be, and binds it. b.mu is held.
func (b *Broker) queue(name string, from broker.Exchange, patterns ...string) *queue {
	q := b.queues[name]
	if q == nil {
		q = &queue{exchange: from, ready: make(chan struct{}, 1)}
		b.queues[name] = q
	}
	for _, p := range patterns {
		if !slices.Contains(q.patterns, p) {
			q.patterns = append(q.patterns, p)
		}
	}
	return q
}

// Subscribe handles the messages of the queue.
func (b *Broker) Subscribe(ctx context.Context, s broker.Subscription, h broker.Handler) error {
	q := b.declare(s)
	if s.Ready != nil {
		close(s.Ready)
	}
	broker.Work(ctx, s, h, b.log, func() (broker.Delivery, bool) {
		m := b.next(ctx, q)
		if m == nil {
			return broker.Delivery{}, false
		}
		m.Attempt++
		m.Last, m.Retried = m.Attempt > len(b.pauses), m.Attempt > 1 || m.outages > 0
		if m.firstSeen.IsZero() {
			m.firstSeen = time.Now()
		}
		return broker.Delivery{Message: m.Message, Settle: func(err error) { b.settle(s.Queue, q, m, err) }}, true
	})
	return nil
}

// next removes the oldest message of q and returns it. It waits for one, and returns
// nil when ctx has ended.
func (b *Broker) next(ctx context.Context, q *queue) *item {
	for ctx.Err() == nil {
		b.mu.Lock()
		m := q.pop()
		b.mu.Unlock()
		if m != nil {
			return m
		}
		select {
		case <-ctx.Done():
		case <-q.ready:
		}
	}
	// The token received last may have been the only one for a message that waits.
	b.mu.Lock()
	q.wake()
	b.mu.Unlock()
	return nil
}

// settle decides what becomes of a message whose handler returned err.
func (b *Broker) settle(name string, q *queue, m *item, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	disposition, pause := broker.Decide(err, m.Attempt, m.outages, b.pauses)
	switch disposition {
	case broker.Retry, broker.Postponed, broker.Outage:
		if errors.Is(err, broker.ErrUnavailable) {
			m.Attempt--
			m.outages++
		}
		if q.waiting+len(m.Body) > maxQueueBytes {
			q.dropped++
			return
		}
		q.waiting += len(m.Body)
		time.AfterFunc(pause, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			q.waiting -= len(m.Body)
			q.push(m)
		})
	case broker.Dead:
		b.log.Error("message dead-lettered", "queue", name, "id", m.ID, "tid", m.TID, "attempts", m.Attempt, "reason", broker.Reason(err))
		q.deadLetter(broker.DeadLetter{Message: m.Message, Reason: broker.Reason(err), FirstSeen: m.firstSeen})
	case broker.Ack:
	}
}
