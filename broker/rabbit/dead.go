package rabbit

import (
	"context"
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/event"
)

// reviveBatch is how many dead letters go back into their queue at a time. The
// broker passes on 32 acknowledgements to a quorum queue and holds back the
// others until these are done; if the channel closes meanwhile they are lost.
const reviveBatch = 16

// CountDead asks how many messages the dead-letter queue holds.
func (b *Broker) CountDead(ctx context.Context, queue string) (int, error) {
	ch, err := b.consume.channel(ctx)
	if err != nil {
		return 0, err
	}
	defer ch.Close()
	return countDead(ch, queue, b.topology)
}

func countDead(ch *channel, queue string, t *topology) (int, error) {
	q, err := ch.QueueDeclarePassive(deadQueue(t.full(queue)), true, false, false, false, nil)
	if notFound(err) {
		return 0, fmt.Errorf("%w: %q", event.ErrNoQueue, deadQueue(t.full(queue)))
	}
	if err != nil {
		return 0, fmt.Errorf("dead letters of %q: %w", queue, err)
	}
	return q.Messages, nil
}

func notFound(err error) bool {
	var refusal *amqp.Error
	return errors.As(err, &refusal) && refusal.Code == amqp.NotFound
}

// WalkDead gets one dead letter after the other. Those that are kept go back
// to their place when its channel closes.
func (b *Broker) WalkDead(ctx context.Context, queue string, h func(event.DeadLetter) (event.Fate, error)) error {
	ch, err := b.consume.channel(ctx)
	if err != nil {
		return err
	}
	defer ch.Close()
	n, err := countDead(ch, queue, b.topology)
	if err != nil {
		return err
	}
	w := &deadWalk{b: b, queue: b.topology.full(queue)}
	for range n {
		if err = ctx.Err(); err != nil {
			break
		}
		var d amqp.Delivery
		var ok bool
		if d, ok, err = ch.Get(deadQueue(w.queue), false); err != nil || !ok {
			break
		}
		if err = w.step(ctx, d, h); err != nil {
			break
		}
	}
	return errors.Join(err, w.flush(ctx))
}

// A deadWalk collects the letters that go back into their queue.
type deadWalk struct {
	b        *Broker
	queue    string
	reviving []amqp.Delivery
}

func (w *deadWalk) step(ctx context.Context, d amqp.Delivery, h func(event.DeadLetter) (event.Fate, error)) error {
	m := received(d)
	m.Attempt = number(d, headerAttempts)
	fate, err := h(event.DeadLetter{Message: m, Reason: text(d.Headers[headerReason]), FirstSeen: firstSeen(d)})
	switch {
	case err != nil:
		return err
	case fate == event.Discard:
		return d.Ack(false)
	case fate == event.Revive:
		w.reviving = append(w.reviving, d)
		if len(w.reviving) == reviveBatch {
			return w.flush(ctx)
		}
	}
	return nil
}

// flush publishes what goes back, and takes away those that are confirmed.
func (w *deadWalk) flush(ctx context.Context) error {
	if len(w.reviving) == 0 {
		return nil
	}
	out := make([]outgoing, len(w.reviving))
	for i, d := range w.reviving {
		out[i] = outgoing{key: w.queue, msg: revived(d)}
	}
	n, err := w.b.moveAll(ctx, out)
	for _, d := range w.reviving[:n] {
		if aerr := d.Ack(false); aerr != nil {
			return errors.Join(err, fmt.Errorf("a dead letter is back in %q and was not taken away: %w", w.queue, aerr))
		}
	}
	w.reviving = nil
	if err != nil {
		return fmt.Errorf("putting dead letters back into %q: %w", w.queue, err)
	}
	return nil
}
