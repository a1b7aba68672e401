package trace

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// closeTimeout is how long the writes of a process may take after its end was requested.
const closeTimeout = 5 * time.Second

// A Sink stores or sends spans.
type Sink interface {
	// Name returns redis or otlp, for metrics and logs.
	Name() string
	// Batching returns the limits of the queue in front of the sink.
	Batching() Batching
	// Write gives up when ctx ends. The spans of a failed Write are lost. It must not retain the
	// slice.
	Write(ctx context.Context, spans []Span) error
}

// Batching is the limits of a queue.
type Batching struct {
	Queue   int           // spans that wait; more are dropped
	Batch   int           // spans in one Write
	Delay   time.Duration // longest wait for a full batch
	Timeout time.Duration // of one Write
}

// A queue collects spans into batches and writes them to a sink.
type queue struct {
	sink    Sink
	limits  Batching
	spans   chan Span
	dropped atomic.Int64          // spans that did not fit, or were not written, since the start
	failure atomic.Pointer[error] // of a Write since the last takeError
}

func newQueue(sink Sink) *queue {
	limits := sink.Batching()
	return &queue{sink: sink, limits: limits, spans: make(chan Span, limits.Queue)}
}

// add queues a span, or drops it if the queue is full.
func (q *queue) add(s Span) {
	select {
	case q.spans <- s:
	default:
		q.dropped.Add(1)
	}
}

// run writes batches until ctx ends, then all spans that are queued, for at most closeTimeout.
func (q *queue) run(ctx context.Context) {
	writing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(closeTimeout, cancel) })()
	flush := time.NewTicker(q.limits.Delay)
	defer flush.Stop()
	var batch []Span
	for {
		select {
		case s := <-q.spans:
			if batch = append(batch, s); len(batch) < q.limits.Batch {
				continue
			}
		case <-flush.C:
		case <-ctx.Done():
			for batch := range slices.Chunk(q.rest(batch), q.limits.Batch) {
				q.write(writing, batch)
			}
			return
		}
		q.write(writing, batch)
		batch = batch[:0]
	}
}

// rest returns a batch and all spans that are queued.
func (q *queue) rest(batch []Span) []Span {
	for {
		select {
		case s := <-q.spans:
			batch = append(batch, s)
		default:
			return batch
		}
	}
}

func (q *queue) write(ctx context.Context, batch []Span) {
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, q.limits.Timeout)
	defer cancel()
	if err := q.sink.Write(ctx, batch); err != nil {
		q.dropped.Add(lost(err, batch))
		err = fmt.Errorf("%s: %w", q.sink.Name(), err)
		q.failure.Store(&err)
	}
}

// takeError returns the latest error of a Write and forgets it, or nil.
func (q *queue) takeError() error {
	if err := q.failure.Swap(nil); err != nil {
		return *err
	}
	return nil
}
