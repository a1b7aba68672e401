package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/matchwire/matchwire/broker"
)

// deadLetter adds a dead letter. Beyond maxDeadLetters, it drops the oldest dead letters.
func (q *queue) deadLetter(l broker.DeadLetter) {
	q.dead = append(q.dead, l)
	if over := len(q.dead) - maxDeadLetters; over > 0 {
		q.dead = slices.Delete(q.dead, 0, over)
	}
}

// CountDead returns the number of dead letters of a queue.
func (b *Broker) CountDead(_ context.Context, name string) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[name]
	if q == nil {
		return 0, fmt.Errorf("%w: %q", broker.ErrNoQueue, name)
	}
	return len(q.dead), nil
}

// WalkDead removes all dead letters of a queue and calls h for each. At the end, it requeues
// messages as h requested. It puts the kept dead letters before any that were added during the
// walk.
func (b *Broker) WalkDead(ctx context.Context, name string,
	h func(broker.DeadLetter) (broker.DeadAction, error)) error {
	b.mu.Lock()
	q := b.queues[name]
	if q == nil {
		b.mu.Unlock()
		return fmt.Errorf("%w: %q", broker.ErrNoQueue, name)
	}
	walked := q.dead
	q.dead = nil
	b.mu.Unlock() // h may call the broker

	var kept, requeued []broker.DeadLetter
	var err error
	for i, l := range walked {
		action := broker.Keep
		if err = ctx.Err(); err == nil {
			action, err = h(l)
		}
		if err != nil {
			kept = append(kept, walked[i:]...)
			break
		}
		switch action {
		case broker.Keep:
			kept = append(kept, l)
		case broker.Requeue:
			requeued = append(requeued, l)
		case broker.Discard:
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range requeued {
		l.Attempt, l.Expires = 0, time.Time{}
		m := q.newItem(l.Message)
		m.firstSeen = l.FirstSeen
		b.record(change{Retried: m.retried(name, time.Time{})})
		b.push(name, q, m)
	}
	q.dead = append(kept, q.dead...)
	if len(kept) < len(walked) {
		b.record(change{Letters: &letters{name, q.dead}})
	}
	return err
}
