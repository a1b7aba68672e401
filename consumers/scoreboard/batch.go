package scoreboard

import (
	"context"
	"sync"
)

const (
	maxBatch = 256 // updates in a pipeline
	writers  = 2   // pipelines at a time: one is filled while Redis works on the other
)

// A batcher gathers updates while others are being written, and has them
// written together next. Nothing waits for company: an update that comes alone
// is written at once. It has no goroutine of its own; of those who wait, the
// first writes for all.
type batcher struct {
	write func(ctx context.Context, batch []*update)

	mu      sync.Mutex
	writing int // pipelines under way
	waiting []*update
}

// An update is one event on its way to the board.
type update struct {
	keys []string // of the script
	args []any

	turn chan []*update // a batch to write, this one first in it; nil: it is written
	err  error
}

// do returns when u is written, or was not for u.err.
func (b *batcher) do(ctx context.Context, u *update) error {
	u.turn = make(chan []*update, 1)
	b.mu.Lock()
	b.waiting = append(b.waiting, u)
	if b.writing < writers {
		b.writing++
		b.hand()
	}
	b.mu.Unlock()
	batch := <-u.turn // bounded by the writes of others
	if batch == nil {
		return u.err
	}
	b.write(ctx, batch)

	b.mu.Lock()
	if len(b.waiting) > 0 {
		b.hand()
	} else {
		b.writing--
	}
	b.mu.Unlock()
	for _, other := range batch[1:] {
		other.turn <- nil
	}
	return u.err
}

// hand has the first of those that wait write them. b.mu is held.
func (b *batcher) hand() {
	n := min(len(b.waiting), maxBatch)
	batch := b.waiting[:n:n]
	b.waiting = b.waiting[n:]
	batch[0].turn <- batch
}
