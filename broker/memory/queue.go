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
	outages   int // attempts that an outage made fail
}

// A queue is guarded by its broker's mutex, except ready.
type queue struct {
	exchange broker.Exchange
	patterns []string
	items    []*item
	bytes    int
	waiting  int // bytes of messages that wait for another attempt
	dropped  int // messages, for lack of room
	dead     []broker.DeadLetter
	ready    chan struct{} // holds a token while a message may be waiting
}

// matches reports whether the queue gets events with that key.
func (q *queue) matches(key string) bool {
	return q.exchange == broker.LiveEvents && event.MatchAny(q.patterns, key)
}

// push adds m, and drops the oldest messages while the queue is over its bound.
func (q *queue) push(m *item) {
	q.items = append(q.items, m)
	q.bytes += len(m.Body)
	for q.bytes > maxQueueBytes && len(q.items) > 1 {
		q.pop()
		q.dropped++
	}
	q.wake()
}

// pop removes the oldest message, and wakes the next worker if more wait.
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
