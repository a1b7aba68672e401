// Package memory implements a broker inside the process, without a server. The demo, the
// embedded mode and tests use it. With a [Journal], its messages survive a restart.
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
	"github.com/matchwire/matchwire/internal/spelling"
)

// Bounds of the log and of each queue. The bounds in bytes count message bodies only. If a bound is
// exceeded, the broker drops the oldest messages. maxQueueBytes also limits the messages that wait
// for a retry in each queue. If there is no space for a retry, the broker drops the failed message.
const (
	maxLogBytes    = 64 << 20
	maxQueueBytes  = 64 << 20
	maxDeadLetters = 10_000
)

// Broker contains the queues and the log. Its methods are safe for concurrent use. Create a Broker
// with [New].
type Broker struct {
	pauses []time.Duration
	log    *slog.Logger

	mu      sync.Mutex
	queues  map[string]*queue
	history eventLog
	journal Journal // nil if nothing is recorded
}

// New returns an empty broker. pauses holds the pause before each retry of a message; nil means
// [broker.Pauses]. A nil log means [slog.Default].
func New(pauses []time.Duration, log *slog.Logger) *Broker {
	if pauses == nil {
		pauses = broker.Pauses()
	}
	if log == nil {
		log = slog.Default()
	}
	return &Broker{pauses: pauses, log: log, queues: map[string]*queue{}, history: eventLog{grown: make(chan struct{})}}
}

// Health reports the error of the latest write to the journal. Without a journal it reports no issues:
// the Broker works while the process does.
func (b *Broker) Health(context.Context) []health.Issue {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.journal == nil {
		return nil
	}
	if err := b.journal.Err(); err != nil {
		return []health.Issue{{Text: err.Error(), Down: true}}
	}
	return nil
}

// Queues returns the names of all queues, sorted.
func (b *Broker) Queues() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	names := slices.Sorted(maps.Keys(b.queues))
	return slices.DeleteFunc(names, func(n string) bool { return b.queues[n].forgotten })
}

// Forget removes a queue from Queues, until it is declared again.
func (b *Broker) Forget(queue string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q := b.queues[queue]; q != nil {
		q.forgotten = true
	}
}

// QueueHealth reports the queues that have dropped messages or have dead letters.
func (b *Broker) QueueHealth(_ context.Context, queues []string) (map[string][]health.Issue, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[string][]health.Issue{}
	for _, name := range queues {
		q := b.queues[name]
		if q == nil {
			continue
		}
		if q.dropped > 0 {
			text := fmt.Sprintf("queue %q was full and has dropped %d messages", name, q.dropped)
			all[name] = append(all[name], health.Issue{Text: text})
		}
		if n := len(q.dead); n > 0 {
			text := fmt.Sprintf("queue %q has %s: run matchwire dead list", name, spelling.Plural(n, "dead letter"))
			all[name] = append(all[name], health.Issue{Text: text})
		}
	}
	return all, nil
}

// QueueStates returns the states of queues.
func (b *Broker) QueueStates(_ context.Context, queues []string) (map[string]broker.QueueState, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[string]broker.QueueState{}
	for _, name := range queues {
		if q := b.queues[name]; q != nil {
			all[name] = q.state()
		}
	}
	return all, nil
}

// Close does nothing.
func (b *Broker) Close() error { return nil }

// Publish adds each event to the log and to the queues with a matching pattern. It adds each task
// to the queue for the task's name. If the journal cannot be written, it adds no message and returns an
// error that wraps [broker.ErrUnavailable].
func (b *Broker) Publish(_ context.Context, msgs ...broker.Message) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.recordPublished(msgs); err != nil {
		return 0, fmt.Errorf("%w: %w", broker.ErrUnavailable, err)
	}
	for _, m := range msgs {
		for name, q := range b.route(m) {
			b.push(name, q, q.newItem(m))
		}
	}
	return len(msgs), nil
}

// route adds an event to the log. It returns the queues that receive the message, by name.
func (b *Broker) route(m broker.Message) map[string]*queue {
	if m.Exchange == broker.Tasks {
		name := broker.TaskQueue(m.Key)
		return map[string]*queue{name: b.queue(name, broker.Tasks, m.Key)}
	}
	b.history.append(m)
	matching := map[string]*queue{}
	for name, q := range b.queues {
		if q.matches(m.Key) {
			matching[name] = q
		}
	}
	return matching
}

// push adds an item to a queue, and records the items that the queue drops.
func (b *Broker) push(name string, q *queue, m *item) {
	for _, dropped := range q.push(m) {
		b.record(change{Gone: &itemID{name, dropped.number}})
	}
}

// Declare declares a queue and binds it. If the journal cannot be written, it returns an error that
// wraps [broker.ErrUnavailable].
func (b *Broker) Declare(_ context.Context, s broker.Subscription) error {
	_, err := b.declare(s)
	return err
}

func (b *Broker) declare(s broker.Subscription) (*queue, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.journal != nil && !b.isBound(s) {
		err := b.write(true, change{Declared: &declared{s.Queue, s.Exchange, s.Patterns}})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", broker.ErrUnavailable, err)
		}
	}
	q := b.queue(s.Queue, s.Exchange, s.Patterns...)
	q.forgotten = false
	return q, nil
}

// isBound reports whether the queue of a subscription exists and has all its patterns.
func (b *Broker) isBound(s broker.Subscription) bool {
	q := b.queues[s.Queue]
	unbound := func(p string) bool { return !slices.Contains(q.patterns, p) }
	return q != nil && !slices.ContainsFunc(s.Patterns, unbound)
}

// queue binds the named queue to patterns and returns it. It first creates the queue if there is
// none. The caller must hold b.mu.
func (b *Broker) queue(name string, from broker.Exchange, patterns ...string) *queue {
	q := b.queues[name]
	if q == nil {
		q = &queue{exchange: from, ready: make(chan struct{}, 1), out: map[uint64]*item{}}
		b.queues[name] = q
	}
	for _, p := range patterns {
		if !slices.Contains(q.patterns, p) {
			q.patterns = append(q.patterns, p)
		}
	}
	return q
}

// Subscribe declares a queue, binds it, and calls h for its messages until ctx ends.
func (b *Broker) Subscribe(ctx context.Context, s broker.Subscription, h broker.Handler) error {
	q, err := b.declare(s)
	if err != nil {
		return err
	}
	b.subscribed(q, 1)
	defer b.subscribed(q, -1)
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

// subscribed adds n to the number of subscribers of q.
func (b *Broker) subscribed(q *queue, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q.subscribers += n
}

// next removes the oldest message of q and returns it. It blocks until q has a message. It returns
// nil when ctx has ended.
func (b *Broker) next(ctx context.Context, q *queue) *item {
	for ctx.Err() == nil {
		b.mu.Lock()
		m := q.pop()
		if m != nil {
			q.out[m.number] = m
		}
		b.mu.Unlock()
		if m != nil {
			return m
		}
		select {
		case <-ctx.Done():
		case <-q.ready:
		}
	}
	// This call may have received the only token from q.ready, although a message is still in the
	// queue.
	b.mu.Lock()
	q.wake()
	b.mu.Unlock()
	return nil
}

// settle retries or dead-letters a message whose handler returned err. If err is nil, the message is
// handled. If there is no space for the retry, settle drops the message.
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
			break
		}
		m.due = time.Now().Add(pause)
		b.record(change{Retried: m.retried(name, m.due)})
		b.retry(name, q, m, pause)
		return
	case broker.Dead:
		letter := broker.DeadLetter{Message: m.Message, Reason: broker.Reason(err), FirstSeen: m.firstSeen}
		b.log.Error("message dead-lettered", "queue", name, "id", m.ID, "tid", m.TID, "attempts", m.Attempt,
			"reason", letter.Reason)
		b.record(change{Dead: &deadItem{itemID{name, m.number}, letter}})
		q.deadLetter(letter)
		delete(q.out, m.number)
		return
	case broker.Ack:
	}
	b.record(change{Gone: &itemID{name, m.number}})
	delete(q.out, m.number)
}

// retry pushes an item again after a pause.
func (b *Broker) retry(name string, q *queue, m *item, pause time.Duration) {
	q.waiting += len(m.Body)
	time.AfterFunc(pause, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		q.waiting -= len(m.Body)
		delete(q.out, m.number)
		m.due = time.Time{}
		b.push(name, q, m)
	})
}
