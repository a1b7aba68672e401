package rabbit

import (
	"context"
	"fmt"
	"sync"

	"github.com/matchwire/matchwire/event"
)

// full is the part of a queue's bound from which it is called full.
const full = 0.9

// Health tries the connections that have been used, and looks how much the
// queues hold that are consumed here.
func (b *Broker) Health(ctx context.Context) []event.Trouble {
	var all []event.Trouble
	for _, l := range []*link{b.publish.link, b.moves.link, b.consume} {
		all = append(all, l.health(ctx)...)
	}
	if len(all) > 0 {
		return all
	}
	return b.fullQueues(ctx)
}

func (l *link) health(ctx context.Context) []event.Trouble {
	if reason := l.blocked.Load(); reason != nil {
		return []event.Trouble{{Text: fmt.Sprintf("the broker takes no messages on connection %q: %s; events wait in Redis", l.name, *reason)}}
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

// fullQueues finds queues near their bound. The broker tells how many messages
// one holds, not how many bytes: these are reckoned from what came out of it.
func (b *Broker) fullQueues(ctx context.Context) []event.Trouble {
	var all []event.Trouble
	for queue, size := range b.flows.sizes() {
		ch, err := b.consume.channel(ctx)
		if err != nil {
			return all
		}
		q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		if err == nil {
			if held := float64(q.Messages) * size; held >= full*float64(b.topology.queueBytes) {
				all = append(all, event.Trouble{Text: fmt.Sprintf("queue %q holds %d messages, about %.0f %% of its bound: the oldest drop", queue, q.Messages, 100*held/float64(b.topology.queueBytes))})
			}
			_ = ch.Close()
		}
	}
	return all
}

// flows knows the queues that are consumed here.
type flows struct {
	mu    sync.Mutex
	flows map[string]*flow // by full name
}

func (f *flows) of(queue string) *flow {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.flows == nil {
		f.flows = map[string]*flow{}
	}
	if f.flows[queue] == nil {
		f.flows[queue] = &flow{}
	}
	return f.flows[queue]
}

// sizes are the mean sizes of the queues' messages, in bytes.
func (f *flows) sizes() map[string]float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string]float64{}
	for queue, flow := range f.flows {
		if size := flow.mean(); size > 0 {
			all[queue] = size
		}
	}
	return all
}

// A flow is what came out of a queue.
type flow struct {
	mu              sync.Mutex
	messages, bytes float64
}

func (f *flow) add(bytes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.messages++
	f.bytes += float64(bytes)
}

func (f *flow) mean() float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.messages == 0 {
		return 0
	}
	return f.bytes / f.messages
}
