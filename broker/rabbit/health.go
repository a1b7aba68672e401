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
)

const (
	nearlyFull   = 0.9  // of a queue's bound
	usualMessage = 1100 // bytes of a message, until some have passed here
)

// Health tries the connections that have been used, and inspects the queues that
// were declared here.
func (b *Broker) Health(ctx context.Context) []health.Issue {
	var all []health.Issue
	for _, l := range b.links() {
		all = append(all, l.health(ctx)...)
	}
	if len(all) > 0 {
		return all
	}
	return b.queueHealth(ctx)
}

func (l *link) health(ctx context.Context) []health.Issue {
	if reason := l.blocked.Load(); reason != nil {
		return []health.Issue{{Text: fmt.Sprintf("the broker takes no messages on connection %q: %s", l.name, *reason)}}
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
		err = errNoAnswer
	}
	return []health.Issue{{Text: fmt.Sprintf("connection %q: %v", l.name, err), Down: true}}
}

// queues are the names of those declared here, and the mean size of messages.
type queues struct {
	mu              sync.Mutex
	names           map[string]bool // full names
	messages, bytes float64         // published or delivered here
}

func (q *queues) add(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.names == nil {
		q.names = map[string]bool{}
	}
	q.names[name] = true
}

func (q *queues) passed(bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages++
	q.bytes += float64(bytes)
}

// list returns the names, and the mean size of messages in bytes.
func (q *queues) list() (names []string, size float64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.messages == 0 {
		return slices.Sorted(maps.Keys(q.names)), usualMessage
	}
	return slices.Sorted(maps.Keys(q.names)), q.bytes / q.messages
}

// queueHealth finds queues without a consumer, queues near their bound, and dead
// letters. The broker counts a queue's messages, not its bytes: these are
// estimated.
func (b *Broker) queueHealth(ctx context.Context) (all []health.Issue) {
	trouble := func(format string, args ...any) {
		all = append(all, health.Issue{Text: fmt.Sprintf(format, args...)})
	}
	c := &inspector{link: b.control}
	defer c.close()
	names, size := b.topology.queues.list()
	full := func(q amqp.Queue, bound int64) float64 { return float64(q.Messages) * size / float64(bound) }
	for _, name := range names {
		queue := c.inspect(ctx, name)
		if part := full(queue, b.topology.queueBytes); part >= nearlyFull {
			trouble("queue %q holds %d messages and is about %.0f %% full: at 100 %% the oldest are dropped", name, queue.Messages, 100*part)
		}
		if queue.Messages > 0 && queue.Consumers == 0 {
			trouble("queue %q holds %d messages and nobody consumes it", name, queue.Messages)
		}
		for _, p := range b.topology.pauses {
			if retry := c.inspect(ctx, retryQueue(name, p)); full(retry, b.topology.retryBytes) >= nearlyFull {
				trouble("queue %q holds %d messages and is nearly full: what fails stays in %q", retry.Name, retry.Messages, name)
			}
		}
		if dead := c.inspect(ctx, deadQueue(name)); dead.Messages > 0 {
			trouble("queue %q has %d dead letters: see matchwire dead list", name, dead.Messages)
		}
	}
	switch {
	case ctx.Err() != nil:
		trouble("the broker does not say in time what its queues hold")
	case c.err != nil:
		trouble("asking what queues hold: %v", c.err)
	}
	return all
}

// An inspector asks what queues hold, on one channel as long as that lasts: the
// broker closes it when there is no such queue. After another error it asks
// nothing more.
type inspector struct {
	link *link
	ch   *channel
	err  error
}

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
	if !errors.Is(err, broker.ErrNoQueue) { // a queue that was deleted will be declared again
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
