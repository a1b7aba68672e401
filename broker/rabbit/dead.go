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
	// requeueBatch is how many dead letters return to their queue at a time.
	requeueBatch = 16
	// walkWindow bounds the unacknowledged deliveries. The broker passes 32
	// acknowledgements on to a quorum queue and holds back the others until these
	// are done. If the channel closes meanwhile, the others are lost.
	walkWindow = 32
	// walkIdle is how long the walk waits for a delivery before it asks the broker
	// whether the queue is empty.
	walkIdle = 500 * time.Millisecond
)

// CountDead asks how many messages the dead-letter queue holds.
func (b *Broker) CountDead(ctx context.Context, queue string) (int, error) {
	ch, err := b.control.channel(ctx)
	if err != nil {
		return 0, err
	}
	defer ch.Close()
	q, err := inspect(ctx, ch, deadQueue(b.topology.full(queue)))
	return q.Messages, err
}

// WalkDead consumes the dead letters in windows, each with a consumer of its own.
// Letters that are kept stay unacknowledged: they use up a window, and return to
// their places when the channel closes. (Getting letters one by one takes longer
// with each that is kept.)
func (b *Broker) WalkDead(ctx context.Context, queue string, h func(broker.DeadLetter) (broker.DeadAction, error)) error {
	n, err := b.CountDead(ctx, queue)
	if err != nil {
		return err
	}
	ch, err := b.consumeLink.channel(ctx)
	if err != nil {
		return err
	}
	defer ch.Close()
	w := &deadWalk{b: b, queue: b.topology.full(queue), left: n}
	for err == nil && w.left > 0 {
		err = w.window(ctx, ch, h)
	}
	if errors.Is(err, errEmptied) {
		err = nil
	}
	return errors.Join(err, w.flush(ctx))
}

// errEmptied says that the walk found the queue empty before it had seen as many
// letters as were there at its beginning: another walk has them.
var errEmptied = errors.New("no dead letters are left")

// A deadWalk collects the letters that return to their queue.
type deadWalk struct {
	b         *Broker
	queue     string // full name
	left      int    // letters still to be shown
	windows   int
	requeuing []amqp.Delivery
}

// window walks until one consumer holds as many kept letters as it may.
func (w *deadWalk) window(ctx context.Context, ch *channel, h func(broker.DeadLetter) (broker.DeadAction, error)) error {
	w.windows++
	tag := "walk-" + strconv.Itoa(w.windows) // a tag of its own: the prefetch counts by tag, and the kept letters of the last would count
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
		// What is on its way is still delivered; then deliveries is closed.
		return ch.call(ctx, func(ch *amqp.Channel) error { return ch.Cancel(tag, false) })
	}
	defer cancel() //nolint:errcheck // the channel is closed next
	idle := time.NewTimer(walkIdle)
	defer idle.Stop()
	for kept := 0; w.left > 0; {
		idle.Reset(walkIdle)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-idle.C:
			if err := w.flush(ctx); err != nil { // letters to be requeued use up the window too
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
			action, err := w.show(ctx, d, h)
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

// show calls h for a letter and does what it returns.
func (w *deadWalk) show(ctx context.Context, d amqp.Delivery, h func(broker.DeadLetter) (broker.DeadAction, error)) (broker.DeadAction, error) {
	m := received(d)
	m.Attempt = number(d, headerAttempts)
	action, err := h(broker.DeadLetter{Message: m, Reason: text(d.Headers[headerReason]), FirstSeen: firstSeen(d)})
	switch {
	case err != nil:
		return action, err
	case action == broker.Discard:
		return action, d.Ack(false)
	case action == broker.Requeue:
		w.requeuing = append(w.requeuing, d)
		if len(w.requeuing) == requeueBatch {
			return action, w.flush(ctx)
		}
	}
	return action, nil
}

// flush publishes the letters to be requeued, and acknowledges those whose copies
// are confirmed.
func (w *deadWalk) flush(ctx context.Context) error {
	if len(w.requeuing) == 0 {
		return nil
	}
	out := make([]outgoing, len(w.requeuing))
	for i, d := range w.requeuing {
		out[i] = outgoing{key: w.queue, msg: requeuedCopy(d)}
	}
	n, err := w.b.move(ctx, out...)
	for _, d := range w.requeuing[:n] {
		if aerr := d.Ack(false); aerr != nil {
			return errors.Join(err, fmt.Errorf("a dead letter is back in %q and was not removed: %w", w.queue, aerr))
		}
	}
	w.requeuing = nil
	if err != nil {
		return fmt.Errorf("putting dead letters back into %q: %w", w.queue, err)
	}
	return nil
}
