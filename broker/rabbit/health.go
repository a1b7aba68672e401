package rabbit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/internal/spelling"
)

const (
	nearlyFull         = 0.9  // a queue that has reached this share of its maximum size is nearly full
	defaultMessageSize = 1100 // in bytes, used until the first message is counted
)

// Health opens a channel on each connection that is in use, and returns the issues of the
// connections. If there are none, it returns an issue for each failing operation and each recent
// notice.
func (b *Broker) Health(ctx context.Context) []health.Issue {
	var all []health.Issue
	for _, l := range b.links() {
		all = append(all, l.health(ctx)...)
	}
	if len(all) > 0 {
		return all
	}
	return append(b.failing.issues(), b.notices.issues()...)
}

// Queues returns the names of the queues that this Broker has declared, without the namespace.
func (b *Broker) Queues() []string {
	var names []string
	for _, s := range b.topology.queues.subscriptions() {
		names = append(names, s.Queue)
	}
	return names
}

// Forget removes a queue from Queues. After a new connection, this Broker does not declare the queue again.
func (b *Broker) Forget(queue string) { b.topology.queues.remove(b.topology.full(queue)) }

// health returns an issue if the broker blocks the link, or if the link is in use and cannot open a
// channel.
func (l *link) health(ctx context.Context) []health.Issue {
	if reason := l.blocked.Load(); reason != nil {
		return []health.Issue{{Text: fmt.Sprintf("the broker accepts no messages on connection %q: %s", l.name, *reason)}}
	}
	if !l.used.Load() {
		return nil
	}
	ch, err := l.tryChannel(ctx)
	if err == nil {
		err = ch.Close()
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, amqp.ErrChannelMax):
		return []health.Issue{{Text: err.Error()}}
	case ctx.Err() != nil:
		err = errNoReply
	}
	return []health.Issue{{Text: fmt.Sprintf("connection %q: %v", l.name, err), Down: true}}
}

// queues records the declared queues and the mean size of messages.
type queues struct {
	mu              sync.Mutex
	declared        map[string]broker.Subscription // by full name
	messages, bytes float64                        // counted by countMessage
}

// add records a declared queue. The patterns of earlier declarations stay.
func (q *queues) add(name string, s broker.Subscription) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.declared == nil {
		q.declared = map[string]broker.Subscription{}
	}
	patterns := slices.Concat(q.declared[name].Patterns, s.Patterns)
	slices.Sort(patterns)
	s.Patterns = slices.Compact(patterns)
	q.declared[name] = s
}

// subscriptions returns the declared queues, ordered by name.
func (q *queues) subscriptions() (all []broker.Subscription) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(q.declared)) {
		all = append(all, q.declared[name])
	}
	return all
}

// remove removes a queue.
func (q *queues) remove(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.declared, name)
}

// countMessage counts a message that was published or delivered.
func (q *queues) countMessage(bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages++
	q.bytes += float64(bytes)
}

// meanSize returns the mean size of a message in bytes.
func (q *queues) meanSize() float64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.messages == 0 {
		return defaultMessageSize
	}
	return q.bytes / q.messages
}

// QueueHealth reports queues that contain messages but have no consumer, queues that are nearly full,
// and dead letters. AMQP reports the number of messages in a queue but not their size, so QueueHealth
// estimates the size.
func (b *Broker) QueueHealth(ctx context.Context, queues []string) (map[string][]health.Issue, error) {
	all := map[string][]health.Issue{}
	i := &inspector{link: b.controlLink}
	defer i.close()
	size := b.topology.queues.meanSize()
	fill := func(q amqp.Queue, bound int64) float64 { return float64(q.Messages) * size / float64(bound) }
	for _, short := range queues {
		name := b.topology.full(short)
		report := func(format string, args ...any) {
			all[short] = append(all[short], health.Issue{Text: fmt.Sprintf(format, args...)})
		}
		queue := i.inspect(ctx, name)
		if share := fill(queue, b.topology.queueBytes); share >= nearlyFull {
			report("queue %q holds %d messages and is about %.0f %% full; when it is full, it drops the oldest messages",
				name, queue.Messages, 100*share)
		}
		if queue.Messages > 0 && queue.Consumers == 0 {
			report("queue %q holds %s and has no consumer", name, spelling.Plural(queue.Messages, "message"))
		}
		for _, p := range b.topology.pauses {
			if q := i.inspect(ctx, retryQueue(name, p)); fill(q, b.topology.retryBytes) >= nearlyFull {
				report("queue %q holds %d messages and is nearly full; when it is full, failed messages stay in %q",
					q.Name, q.Messages, name)
			}
		}
		if q := i.inspect(ctx, deadQueue(name)); q.Messages > 0 {
			report("queue %q has %s: run matchwire dead list", name, spelling.Plural(q.Messages, "dead letter"))
		}
	}
	switch {
	case ctx.Err() != nil:
		return all, errors.New("inspecting queues: the broker does not answer in time")
	case i.err != nil:
		return all, fmt.Errorf("inspecting queues: %w", i.err)
	}
	return all, nil
}

// QueueStates returns the states of the queues that exist, by name. Retries counts the messages in the
// retry queues, and Dead counts those in the dead-letter queue.
func (b *Broker) QueueStates(ctx context.Context, queues []string) (map[string]broker.QueueState, error) {
	all := map[string]broker.QueueState{}
	i := &inspector{link: b.controlLink}
	defer i.close()
	for _, short := range queues {
		name := b.topology.full(short)
		q := i.inspect(ctx, name)
		if q.Name == "" {
			continue
		}
		s := broker.QueueState{Messages: q.Messages, Subscribers: q.Consumers, Dead: i.inspect(ctx, deadQueue(name)).Messages}
		for _, p := range b.topology.pauses {
			s.Retries += i.inspect(ctx, retryQueue(name, p)).Messages
		}
		all[short] = s
	}
	switch {
	case ctx.Err() != nil:
		return all, errors.New("inspecting queues: the broker does not answer in time")
	case i.err != nil:
		return all, fmt.Errorf("inspecting queues: %w", i.err)
	}
	return all, nil
}

// An inspector inspects queues on one channel. The broker closes the channel if a queue does not
// exist, and the inspector opens another channel. After any other error, it inspects nothing more.
type inspector struct {
	link *link
	ch   *channel
	err  error // the first error, except for a queue that does not exist
}

// inspect returns the state of a queue, or the zero Queue after an error.
func (i *inspector) inspect(ctx context.Context, queue string) amqp.Queue {
	if i.ch == nil && i.err == nil {
		i.ch, i.err = i.link.channel(ctx)
	}
	if i.err != nil {
		return amqp.Queue{}
	}
	q, err := inspect(ctx, i.ch, queue)
	if err != nil {
		i.close()
	}
	if !errors.Is(err, broker.ErrNoQueue) { // the consumer of a deleted queue declares it again
		i.err = err
	}
	return q
}

func (i *inspector) close() {
	if i.ch != nil {
		_ = i.ch.Close()
		i.ch = nil
	}
}
