package consumers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/matchwire/matchwire/broker"
)

// A Batcher collects the items that handlers want written while a write is in progress, and writes
// them together in the next one. It does not wait for a batch to fill: an item that comes alone is
// written at once. It has no goroutine of its own; the first item of a batch writes it in the
// goroutine that called Do.
type Batcher[T any] struct {
	// Write writes a batch and returns an error for each of its items, or nil if all are written.
	// Its ctx ends after Timeout. It does not end with the context of any caller of Do.
	Write func(ctx context.Context, batch []T) []error
	// Most is the largest number of items in a batch, Writes the largest number of batches in
	// progress; 1 if less.
	Most, Writes int
	// Timeout bounds each write; 10 s if 0.
	Timeout time.Duration

	mu      sync.Mutex
	writing int // batches in progress
	waiting []*item[T]
}

const defaultWriteTimeout = 10 * time.Second

// An item waits to be written, or to write a batch.
type item[T any] struct {
	value T
	ready chan []*item[T] // receives a batch to write that begins with this item, or nil if the item is written
	err   error           // valid after nil was received
}

// Do writes v and returns its error. If ctx ends while v waits to be written, v is not written. If
// ctx ends while the batch of another caller is written with v in it, v may be written or not. In
// both cases Do returns at once, with an error that wraps that of ctx and [broker.ErrUnavailable].
// A call that writes the batch itself returns when it is written.
func (b *Batcher[T]) Do(ctx context.Context, v T) error {
	i := &item[T]{value: v, ready: make(chan []*item[T], 1)}
	b.mu.Lock()
	b.waiting = append(b.waiting, i)
	if b.writing < max(b.Writes, 1) {
		b.writing++
		b.startNext()
	}
	b.mu.Unlock()
	batch, err := b.wait(ctx, i)
	if err != nil {
		return err
	}
	if batch == nil {
		return i.err
	}
	b.write(ctx, batch)

	b.mu.Lock()
	if len(b.waiting) > 0 {
		b.startNext()
	} else {
		b.writing--
	}
	b.mu.Unlock()
	for _, other := range batch[1:] {
		other.ready <- nil
	}
	return i.err
}

// wait waits until i is written or has a batch to write.
func (b *Batcher[T]) wait(ctx context.Context, i *item[T]) (batch []*item[T], err error) {
	select {
	case batch := <-i.ready:
		return batch, nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	b.waiting = slices.DeleteFunc(b.waiting, func(other *item[T]) bool { return other == i })
	b.mu.Unlock()
	select {
	case batch := <-i.ready: // the others of the batch depend on it
		return batch, nil
	default:
		return nil, broker.Unavailable(fmt.Errorf("waiting to be written: %w", ctx.Err()))
	}
}

// write calls Write and stores the errors of the items. A panic is an error of every item.
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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cmp.Or(b.Timeout, defaultWriteTimeout))
	defer cancel()
	for n, err := range b.Write(ctx, values) {
		batch[n].err = err
	}
}

// startNext sends the next batch to its first item, which writes it. b.mu is held.
func (b *Batcher[T]) startNext() {
	n := min(len(b.waiting), max(b.Most, 1))
	batch := slices.Clone(b.waiting[:n])
	b.waiting = b.waiting[n:]
	batch[0].ready <- batch
}
