package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
)

// bury adds a dead letter, dropping the oldest past the bound.
func (q *queue) bury(l event.DeadLetter) {
	q.dead = append(q.dead, l)
	if over := len(q.dead) - maxDeadLetters; over > 0 {
		q.dead = slices.Delete(q.dead, 0, over)
	}
}

// CountDead counts the dead letters of a queue.
func (b *Broker) CountDead(_ context.Context, name string) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[name]
	if q == nil {
		return 0, fmt.Errorf("%w: %q", event.ErrNoQueue, name)
	}
	return len(q.dead), nil
}

// WalkDead takes the dead letters of a queue and puts back those that are kept.
func (b *Broker) WalkDead(ctx context.Context, name string, h func(event.DeadLetter) (event.Fate, error)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[name]
	if q == nil {
		return fmt.Errorf("%w: %q", event.ErrNoQueue, name)
	}
	var kept []event.DeadLetter
	for i, l := range q.dead {
		fate, err := event.Keep, ctx.Err()
		if err == nil {
			fate, err = h(l)
		}
		switch {
		case err != nil:
			q.dead = append(kept, q.dead[i:]...)
			return err
		case fate == event.Revive:
			l.Attempt, l.Expires = 0, time.Time{}
			q.push(&item{Message: l.Message, firstSeen: l.FirstSeen})
		case fate == event.Keep:
			kept = append(kept, l)
		}
	}
	q.dead = kept
	return nil
}
