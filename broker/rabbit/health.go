package rabbit

import (
	"context"
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
	go func() { found <- b.queues.health(ctx, b) }()
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
func (q *queues) health(ctx context.Context, b *Broker) []event.Trouble {
	var all []event.Trouble
	trouble := func(format string, args ...any) {
		all = append(all, event.Trouble{Text: fmt.Sprintf(format, args...)})
	}
	names, size := q.list()
	for _, name := range names {
		held, err := b.held(ctx, name)
		if notFound(err) {
			continue // it was deleted, and will be declared again
		}
		if err != nil {
			trouble("queue %q: %v", name, err)
			return all
		}
		if part := float64(held.Messages) * size / float64(b.topology.queueBytes); part >= nearlyFull {
			trouble("queue %q holds %d messages and is about %.0f %% full: at 100 %% the oldest are dropped", name, held.Messages, 100*part)
		}
		if held.Messages > 0 && held.Consumers == 0 {
			trouble("queue %q holds %d messages and nobody consumes it", name, held.Messages)
		}
		if dead, err := b.held(ctx, deadQueue(name)); err == nil && dead.Messages > 0 {
			trouble("queue %q has %d dead letters: see matchwire dead list", name, dead.Messages)
		}
	}
	return all
}

// held asks what a queue holds. A channel of its own, since one that asks for a
// queue that is not there is closed.
func (b *Broker) held(ctx context.Context, queue string) (amqp.Queue, error) {
	ch, err := b.consume.channel(ctx)
	if err != nil {
		return amqp.Queue{}, err
	}
	defer ch.Close()
	return ch.QueueDeclarePassive(queue, true, false, false, false, nil)
}
