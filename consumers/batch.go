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

// A Batcher writes items in batches. Items that arrive while the maximum number of writes is in
// progress are queued, and written together in the next batches. A Batcher does not wait for a batch
// to fill: if a write can begin, an item is written at once. It starts no goroutine: the caller of Do
// whose item is the first of a batch writes the batch.
type Batcher[T any] struct {
	// Write writes a batch and returns the error of each item, or nil if all items are written. The
	// context ends after Timeout. It does not end when the context of a caller of Do ends.
	Write func(ctx context.Context, batch []T) []error
	// MaxItems is the maximum number of items in a batch. A value below 1 means 1.
	MaxItems int
	// MaxWrites is the maximum number of writes in progress. A value below 1 means 1.
	MaxWrites int
	// Timeout limits each write. The default is 10 s.
	Timeout time.Duration

	mu      sync.Mutex
	writing int        // batches in progress
	waiting []*item[T] // queued items
}

// defaultWriteTimeout is the default of Batcher.Timeout.
const defaultWriteTimeout = 10 * time.Second

// An item is a value to write, with its result.
type item[T any] struct {
	value T
	// ready receives nil when another caller has written this item. Otherwise it receives a batch
	// that begins with this item, and the caller of Do must write this batch.
	ready chan []*item[T]
	err   error // the result; valid when the item has been written
}

// Do writes v and returns the error that Write returned for it. If ctx ends while v is queued, v is
// not written. If ctx ends while another caller writes the batch that contains v, v may or may not be
// written. In both cases Do returns at once, with an error that wraps ctx.Err() and
// [broker.ErrUnavailable]. A caller that writes the batch itself returns when the write ends, even if
// ctx ends earlier.
func (b *Batcher[T]) Do(ctx context.Context, v T) error {
	i := &item[T]{value: v, ready: make(chan []*item[T], 1)}
	b.mu.Lock()
	b.waiting = append(b.waiting, i)
	if b.writing < max(b.MaxWrites, 1) {
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

// wait waits until another caller has written i, and returns nil. If this caller must write a
// batch, wait returns the batch. It returns an error if ctx ends first.
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
	case batch := <-i.ready: // the other items of the batch depend on this caller
		return batch, nil
	default:
		return nil, broker.Unavailable(fmt.Errorf("waiting to be written: %w", ctx.Err()))
	}
}

// write calls Write and stores the error of each item. If Write panics, every item of the batch gets
// an error.
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

// startNext sends the next batch to the caller of its first item, which writes the batch. The caller
// of startNext holds b.mu.
func (b *Batcher[T]) startNext() {
	n := min(len(b.waiting), max(b.MaxItems, 1))
	batch := slices.Clone(b.waiting[:n])
	b.waiting = b.waiting[n:]
	batch[0].ready <- batch
}
