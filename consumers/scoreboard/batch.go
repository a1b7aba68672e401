package scoreboard

import (
	"context"
	"sync"
)

// maxBatch bounds how many updates go to Redis at a time.
const maxBatch = 256

// A batcher gathers updates while others are being written, and has them
// written together next. Nothing waits for company: an update that comes alone
// is written at once. It has no goroutine of its own; of those who wait, the
// first writes for all.
type batcher struct {
	write func(ctx context.Context, batch []*update)

	mu      sync.Mutex
	writing bool
	waiting []*update
}

// An update is one event on its way to the board.
type update struct {
	key    string
	member string // of the list of boards
	args   []any

	turn chan bool // true: write what waits, this one first; false: it is written
	err  error
}

// do returns when u is written, or was not for u.err.
func (b *batcher) do(ctx context.Context, u *update) error {
	u.turn = make(chan bool, 1)
	b.mu.Lock()
	b.waiting = append(b.waiting, u)
	if !b.writing {
		b.writing = true
		u.turn <- true
	}
	b.mu.Unlock()
	if !<-u.turn { // bounded by the write of whoever does it
		return u.err
	}
	b.mu.Lock()
	n := min(len(b.waiting), maxBatch)
	batch := b.waiting[:n:n]
	b.waiting = b.waiting[n:]
	b.mu.Unlock()

	b.write(ctx, batch)

	b.mu.Lock()
	if len(b.waiting) > 0 {
		b.waiting[0].turn <- true
	} else {
		b.writing, b.waiting = false, nil
	}
	b.mu.Unlock()
	for _, other := range batch {
		if other != u {
			other.turn <- false
		}
	}
	return u.err
}
