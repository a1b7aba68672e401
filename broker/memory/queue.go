package memory

import (
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// An item is a message in a queue.
type item struct {
	broker.Message
	number    uint64 // number of the item in its queue, from 1
	firstSeen time.Time
	due       time.Time // when the item is pushed again; zero if it waits for no retry
	outages   int       // number of attempts that failed in an outage or were postponed
}

// A queue stores messages until a worker receives them. The mutex of the broker guards all
// fields except ready.
type queue struct {
	exchange broker.Exchange
	patterns []string
	last     uint64 // number of the latest item
	items    []*item
	out      map[uint64]*item // items that a worker has, or that wait for a retry, by number
	bytes    int              // total size of the bodies in items
	waiting  int              // total size of the bodies of the messages that wait for a retry
	dropped  int              // number of messages dropped because the queue was full
	dead     []broker.DeadLetter
	// subscribers is the number of calls of Subscribe in progress.
	subscribers int
	ready       chan struct{} // contains a token when items may contain a message
	forgotten   bool          // the name is not in Queues
}

// matches reports whether the queue receives events with the routing key.
func (q *queue) matches(key string) bool {
	return q.exchange == broker.LiveEvents && event.MatchAny(q.patterns, key)
}

// state returns the state of the queue.
func (q *queue) state() broker.QueueState {
	s := broker.QueueState{Messages: len(q.items), Subscribers: q.subscribers, Dead: len(q.dead)}
	for _, m := range q.out {
		if !m.due.IsZero() {
			s.Retries++
		}
	}
	return s
}

// newItem returns an item with the next number.
func (q *queue) newItem(m broker.Message) *item {
	q.last++
	return &item{Message: m, number: q.last}
}

// push adds m. While the queue exceeds its bound, push drops the oldest message, but never m. It returns
// the dropped items.
func (q *queue) push(m *item) (dropped []*item) {
	q.items = append(q.items, m)
	q.bytes += len(m.Body)
	for q.bytes > maxQueueBytes && len(q.items) > 1 {
		dropped = append(dropped, q.pop())
		q.dropped++
	}
	q.wake()
	return dropped
}

// pop removes the oldest message and returns it, or nil if the queue is empty. It wakes another
// worker if messages remain.
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

// wake wakes a worker if the queue has a message.
func (q *queue) wake() {
	if len(q.items) == 0 {
		return
	}
	select {
	case q.ready <- struct{}{}:
	default:
	}
}
