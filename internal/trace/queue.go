package trace

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// closeTimeout is the time limit for the writes of a queue after the context of run has ended.
const closeTimeout = 5 * time.Second

// A Sink stores or sends spans.
type Sink interface {
	// Name returns the sink's name in metrics and logs.
	Name() string
	// Batching returns the limits of the queue in front of the sink.
	Batching() Batching
	// Write stores or sends spans. If ctx ends first, Write returns an error. The spans of a failed
	// Write are not written again. Write must not retain the slice.
	Write(ctx context.Context, spans []Span) error
}

// Batching holds the limits of a queue.
type Batching struct {
	Queue   int           // maximum number of spans in the queue; further spans are dropped
	Batch   int           // maximum number of spans in one Write
	Delay   time.Duration // interval at which batches that are not full are written
	Timeout time.Duration // of one Write
}

// A queue collects spans into batches and writes them to a sink.
type queue struct {
	sink    Sink
	limits  Batching
	spans   chan *Span
	dropped atomic.Int64          // number of spans since the start that did not fit or were not written
	failure atomic.Pointer[error] // latest error of a Write since takeError
}

func newQueue(sink Sink) *queue {
	limits := sink.Batching()
	return &queue{sink: sink, limits: limits, spans: make(chan *Span, limits.Queue)}
}

// add queues a span, or drops it if the queue is full.
func (q *queue) add(s Span) {
	select {
	case q.spans <- &s:
	default:
		q.dropped.Add(1)
	}
}

// run writes batches until ctx ends. It then writes all queued spans, for at most closeTimeout.
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
			if batch = append(batch, *s); len(batch) < q.limits.Batch {
				continue
			}
		case <-flush.C:
		case <-ctx.Done():
			for batch := range slices.Chunk(q.drain(batch), q.limits.Batch) {
				q.write(writing, batch)
			}
			return
		}
		q.write(writing, batch)
		batch = batch[:0]
	}
}

// drain removes all queued spans and returns them appended to batch.
func (q *queue) drain(batch []Span) []Span {
	for {
		select {
		case s := <-q.spans:
			batch = append(batch, *s)
		default:
			return batch
		}
	}
}

// write writes a batch within the sink's timeout. If the sink fails, write counts the lost spans and
// stores the error.
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

// takeError returns the latest error of a Write since the previous call, or nil.
func (q *queue) takeError() error {
	if err := q.failure.Swap(nil); err != nil {
		return *err
	}
	return nil
}
