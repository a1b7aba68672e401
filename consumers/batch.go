package consumers

import (
	"context"
	"fmt"
	"sync"
)

// A Batcher gathers what handlers want written while a write is under way, and
// has it written together next. Nothing waits for company: what comes alone is
// written at once. It has no goroutine of its own; of those who wait, the first
// writes for all.
type Batcher[T any] struct {
	// Write writes a batch and returns an error for each of its items, or nil for
	// all. ctx is that of one of those who wait.
	Write func(ctx context.Context, batch []T) []error
	// Most is how many items a batch has at most, Writes how many are written at
	// a time; 1 if less.
	Most, Writes int

	mu      sync.Mutex
	writing int // batches under way
	waiting []*item[T]
}

// An item waits to be written, or for its turn to write a batch.
type item[T any] struct {
	value T
	turn  chan []*item[T] // a batch to write, this one first in it; nil: it is written
	err   error
}

// Do returns when v is written, or was not for that error.
func (b *Batcher[T]) Do(ctx context.Context, v T) error {
	i := &item[T]{value: v, turn: make(chan []*item[T], 1)}
	b.mu.Lock()
	b.waiting = append(b.waiting, i)
	if b.writing < max(b.Writes, 1) {
		b.writing++
		b.hand()
	}
	b.mu.Unlock()
	batch := <-i.turn // bounded by the writes of others
	if batch == nil {
		return i.err
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
	return i.err
}

// write is Write, whose panic is an error of every item.
func (b *Batcher[T]) write(ctx context.Context, batch []*item[T]) {
	defer func() {
		if p := recover(); p != nil {
			for _, i := range batch {
				i.err = fmt.Errorf("writing panicked: %v", p)
			}
		}
	}()
	values := make([]T, len(batch))
	for n, i := range batch {
		values[n] = i.value
	}
	for n, err := range b.Write(ctx, values) {
		batch[n].err = err
	}
}

// hand has the first of those that wait write them. b.mu is held.
func (b *Batcher[T]) hand() {
	n := min(len(b.waiting), max(b.Most, 1))
	batch := b.waiting[:n:n]
	b.waiting = b.waiting[n:]
	batch[0].turn <- batch
}
