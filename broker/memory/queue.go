package memory

import (
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// An item is a message in a queue.
type item struct {
	broker.Message
	firstSeen time.Time
	outages   int // deliveries that came to nothing because of one
}

// A queue is guarded by its broker's mutex, but for ready.
type queue struct {
	exchange broker.Exchange
	patterns []string
	items    []*item
	bytes    int
	waiting  int // bytes of messages that will be tried again
	dropped  int // for want of room
	dead     []broker.DeadLetter
	ready    chan struct{} // holds a token while a message may be waiting
}

// wants reports whether an event with that key is for the queue.
func (q *queue) wants(key string) bool {
	return q.exchange == broker.LiveEvents && event.MatchAny(q.patterns, key)
}

// push adds m, dropping the oldest messages while the queue is over its bound.
func (q *queue) push(m *item) {
	q.items = append(q.items, m)
	q.bytes += len(m.Body)
	for q.bytes > maxQueueBytes && len(q.items) > 1 {
		q.pop()
		q.dropped++
	}
	q.wake()
}

// pop takes the oldest message and wakes the next worker if more wait.
func (q *queue) pop() *item {
	if len(q.items) == 0 {
		return nil
	}
	m := q.items[0]
	q.items[0] = nil
	q.items = q.items[1:]
	q.bytes -= len(m.Body)
	q.wake()
	return m
}

func (q *queue) wake() {
	if len(q.items) == 0 {
		return
	}
	select {
	case q.ready <- struct{}{}:
	default:
	}
}
