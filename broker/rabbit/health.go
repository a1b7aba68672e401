package rabbit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/event"
)

const (
	nearlyFull   = 0.9  // of a queue's bound
	usualMessage = 1100 // bytes, until some have passed here
)

// Health tries the connections that have been used, and looks at the queues
// that were declared here.
func (b *Broker) Health(ctx context.Context) []event.Trouble {
	var all []event.Trouble
	for _, l := range []*link{b.publish.link, b.moves.link, b.consume} {
		all = append(all, l.health(ctx)...)
	}
	if len(all) > 0 {
		return all
	}
	found := make(chan []event.Trouble, 1)
	go func() { found <- b.topology.known.health(ctx, b) }()
	select {
	case all = <-found:
		return all
	case <-ctx.Done():
		return []event.Trouble{{Text: "the broker does not say in time what its queues hold"}}
	}
}

func (l *link) health(ctx context.Context) []event.Trouble {
	if reason := l.blocked.Load(); reason != nil {
		return []event.Trouble{{Text: fmt.Sprintf("the broker takes no messages on connection %q: %s", l.name, *reason)}}
	}
	if !l.used.Load() {
		return nil
	}
	tried := make(chan error, 1)
	go func() { // may outlast ctx, until a half-dead connection is given up
		ch, err := l.tryChannel(ctx)
		if err == nil {
			err = ch.Close()
		}
		tried <- err
	}()
	select {
	case err := <-tried:
		if err == nil {
			return nil
		}
		if errors.Is(err, amqp.ErrChannelMax) {
			return []event.Trouble{{Text: err.Error()}}
		}
		return []event.Trouble{{Text: fmt.Sprintf("connection %q: %v", l.name, err), Down: true}}
	case <-ctx.Done():
		return []event.Trouble{{Text: fmt.Sprintf("connection %q: the broker does not answer", l.name), Down: true}}
	}
}

// queues knows those that were declared here, and how large messages are.
type queues struct {
	mu              sync.Mutex
	names           map[string]bool // full ones
	messages, bytes float64         // that came or went
}

func (q *queues) declared(name string) {
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

// list returns the names, and the mean size of messages.
func (q *queues) list() (names []string, size float64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.messages == 0 {
		return slices.Sorted(maps.Keys(q.names)), usualMessage
	}
	return slices.Sorted(maps.Keys(q.names)), q.bytes / q.messages
}

// health finds queues that nobody empties and those near their bound, and dead
// letters. The broker tells how many messages a queue holds, not how many bytes:
// these are reckoned.
func (q *queues) health(ctx context.Context, b *Broker) (all []event.Trouble) {
	trouble := func(format string, args ...any) {
		all = append(all, event.Trouble{Text: fmt.Sprintf(format, args...)})
	}
	c := &counter{b: b}
	defer c.close()
	names, size := q.list()
	part := func(of amqp.Queue, bound int64) float64 { return float64(of.Messages) * size / float64(bound) }
	for _, name := range names {
		queue := c.ask(ctx, name)
		if part := part(queue, b.topology.queueBytes); part >= nearlyFull {
			trouble("queue %q holds %d messages and is about %.0f %% full: at 100 %% the oldest are dropped", name, queue.Messages, 100*part)
		}
		if queue.Messages > 0 && queue.Consumers == 0 {
			trouble("queue %q holds %d messages and nobody consumes it", name, queue.Messages)
		}
		for _, p := range b.topology.pauses {
			if retry := c.ask(ctx, retryQueue(name, p)); part(retry, b.topology.retryBytes) >= nearlyFull {
				trouble("queue %q holds %d messages and is nearly full: what fails stays in %q", retry.Name, retry.Messages, name)
			}
		}
		if dead := c.ask(ctx, deadQueue(name)); dead.Messages > 0 {
			trouble("queue %q has %d dead letters: see matchwire dead list", name, dead.Messages)
		}
	}
	if c.err != nil {
		trouble("asking what queues hold: %v", c.err)
	}
	return all
}

// A counter asks what queues hold, on one channel as long as that lasts: the
// broker closes it when there is no such queue. After another error it asks
// nothing more.
type counter struct {
	b   *Broker
	ch  *channel
	err error
}

func (c *counter) ask(ctx context.Context, queue string) amqp.Queue {
	if c.ch == nil && c.err == nil {
		c.ch, c.err = c.b.consume.channel(ctx)
	}
	if c.err != nil {
		return amqp.Queue{}
	}
	q, err := c.ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	if err != nil {
		c.ch = nil
	}
	if !notFound(err) { // it was deleted, and will be declared again
		c.err = err
	}
	return q
}

func (c *counter) close() {
	if c.ch != nil {
		_ = c.ch.Close()
	}
}
