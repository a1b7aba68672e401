package rabbit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
)

const (
	// requeueBatch is the maximum number of dead letters that are requeued together.
	requeueBatch = 16
	// walkWindow is the maximum number of unacknowledged deliveries in a window. RabbitMQ forwards
	// at most 32 acknowledgements to a quorum queue at a time and delays the rest. If the channel
	// closes before RabbitMQ forwards the rest, those acknowledgements are lost.
	walkWindow = 32
	// walkIdle is how long a walk waits for a delivery before it checks whether the queue is empty.
	walkIdle = 500 * time.Millisecond
	// returnTime is the maximum time that a walk waits until the kept dead letters are back in the queue.
	returnTime = 3 * time.Second
	// returnPause is the time between two looks at that queue.
	returnPause = 20 * time.Millisecond
)

// CountDead returns the number of messages in the dead-letter queue of queue.
func (b *Broker) CountDead(ctx context.Context, queue string) (int, error) {
	ch, err := b.controlLink.channel(ctx)
	if err != nil {
		return 0, err
	}
	defer ch.Close()
	q, err := inspect(ctx, ch, deadQueue(b.topology.full(queue)))
	return q.Messages, err
}

// WalkDead consumes the dead letters in windows, with a new consumer for each window. It leaves the
// kept dead letters unacknowledged, so they use up the window. When the channel closes, they return
// to their places in the queue. WalkDead waits for that, so that the next walk visits them.
// WalkDead does not use basic.get, which gets slower with each kept dead letter.
func (b *Broker) WalkDead(ctx context.Context, queue string,
	h func(broker.DeadLetter) (broker.DeadAction, error)) error {
	n, err := b.CountDead(ctx, queue)
	if err != nil {
		return err
	}
	ch, err := b.consumeLink.channel(ctx)
	if err != nil {
		return err
	}
	defer ch.Close()
	w := &deadWalk{b: b, queue: b.topology.full(queue), left: n, handle: h}
	for err == nil && w.left > 0 {
		err = w.window(ctx, ch)
	}
	if errors.Is(err, errEmptied) {
		err = nil
	}
	err = errors.Join(err, w.flush(ctx))
	_ = ch.Close() // what was kept stays in the queue in any case
	b.awaitDead(ctx, queue, n-w.removed)
	return err
}

// awaitDead waits until queue has at least n dead letters, for at most returnTime. Another walk can have
// removed some of them.
func (b *Broker) awaitDead(ctx context.Context, queue string, n int) {
	ctx, cancel := context.WithTimeout(ctx, returnTime)
	defer cancel()
	for {
		if count, err := b.CountDead(ctx, queue); err != nil || count >= n {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(returnPause):
		}
	}
}

// errEmptied reports that the queue was empty before the walk had visited all of its dead letters.
// Another walk is processing the rest.
var errEmptied = errors.New("no dead letters are left")

// A deadWalk is one call of WalkDead.
type deadWalk struct {
	b         *Broker
	queue     string // full name
	left      int    // number of dead letters that the walk has not visited
	handle    func(broker.DeadLetter) (broker.DeadAction, error)
	removed   int             // number of dead letters that the walk discarded or requeued
	windows   int             // number of windows so far
	requeuing []amqp.Delivery // dead letters to requeue at the next flush
}

// window visits dead letters until it has kept walkWindow of them or the walk ends.
func (w *deadWalk) window(ctx context.Context, ch *channel) error {
	w.windows++
	// The prefetch limit applies per consumer tag. With a new tag, the dead letters that earlier
	// windows kept do not count.
	tag := "walk-" + strconv.Itoa(w.windows)
	deliveries, err := consume(ctx, ch, deadQueue(w.queue), tag, walkWindow, nil)
	if err != nil {
		return err
	}
	cancelled := false
	cancel := func() error {
		if cancelled {
			return nil
		}
		cancelled = true
		// The client still delivers the messages in flight, and then closes deliveries.
		return ch.call(ctx, func(ch *amqp.Channel) error { return ch.Cancel(tag, false) })
	}
	defer cancel() //nolint:errcheck // WalkDead closes the channel next
	idle := time.NewTimer(walkIdle)
	defer idle.Stop()
	for kept := 0; w.left > 0; {
		idle.Reset(walkIdle)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-idle.C:
			if err := w.flush(ctx); err != nil { // the dead letters in requeuing are unacknowledged and use up the window
				return err
			}
			if q, err := inspect(ctx, ch, deadQueue(w.queue)); err != nil || q.Messages == 0 {
				return errors.Join(err, errEmptied)
			}
		case d, ok := <-deliveries:
			if !ok {
				if ch.IsClosed() {
					return errors.New("the connection was lost")
				}
				return nil
			}
			w.left--
			action, err := w.visit(ctx, d)
			if err != nil {
				return err
			}
			if action == broker.Keep {
				kept++
			}
			if len(w.requeuing) > 0 && kept+len(w.requeuing) >= walkWindow {
				if err := w.flush(ctx); err != nil {
					return err
				}
			}
			if kept == walkWindow {
				if err := cancel(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// visit calls handle for a dead letter and performs the action that handle returns. It requeues in
// batches, with flush.
func (w *deadWalk) visit(ctx context.Context, d amqp.Delivery) (broker.DeadAction, error) {
	m := received(d)
	m.Attempt = number(d, headerAttempts)
	action, err := w.handle(broker.DeadLetter{Message: m, Reason: text(d.Headers[headerReason]), FirstSeen: firstSeen(d)})
	switch {
	case err != nil:
		return action, err
	case action == broker.Discard:
		w.removed++
		return action, d.Ack(false)
	case action == broker.Requeue:
		w.requeuing = append(w.requeuing, d)
		if len(w.requeuing) == requeueBatch {
			return action, w.flush(ctx)
		}
	}
	return action, nil
}

// flush publishes copies of the dead letters in requeuing, and acknowledges each dead letter whose
// copy is confirmed.
func (w *deadWalk) flush(ctx context.Context) error {
	if len(w.requeuing) == 0 {
		return nil
	}
	out := make([]outgoing, len(w.requeuing))
	for i, d := range w.requeuing {
		out[i] = outgoing{key: w.queue, msg: requeuedCopy(d)}
	}
	n, err := w.b.publishCopies(ctx, out...)
	for _, d := range w.requeuing[:n] {
		if aerr := d.Ack(false); aerr != nil {
			return errors.Join(err, fmt.Errorf("deleting a dead letter that was requeued to %q: %w", w.queue, aerr))
		}
		w.removed++
	}
	w.requeuing = nil
	if err != nil {
		return fmt.Errorf("requeuing dead letters to %q: %w", w.queue, err)
	}
	return nil
}
