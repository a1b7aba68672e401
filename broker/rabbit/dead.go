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

// reviveBatch is how many dead letters go back into their queue at a time.
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
		return 0, fmt.Errorf("%w: %q", broker.ErrNoQueue, deadQueue(t.full(queue)))
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

// walkWindow is how many dead letters are under way at a time. More must not
// be: the broker passes on 32 acknowledgements to a quorum queue and holds back
// the others until these are done; if the channel closes meanwhile they are
// lost.
const walkWindow = 32

// silence is how long nothing may come before it is asked whether anything is
// left.
const silence = 500 * time.Millisecond

// WalkDead consumes the dead letters in windows, each with a consumer of its
// own: letters that are kept use up a window, and go back to their place when
// the channel closes. (To get them one by one takes longer with each that is
// kept.)
func (b *Broker) WalkDead(ctx context.Context, queue string, h func(broker.DeadLetter) (broker.DeadAction, error)) error {
	ch, err := b.consume.channel(ctx)
	if err != nil {
		return err
	}
	defer ch.Close()
	n, err := countDead(ch, queue, b.topology)
	if err != nil {
		return err
	}
	if err := ch.Qos(walkWindow, 0, false); err != nil {
		return err
	}
	w := &deadWalk{b: b, queue: b.topology.full(queue), left: n}
	for err == nil && w.left > 0 {
		err = w.window(ctx, ch, queue, h)
	}
	if errors.Is(err, errWalked) {
		err = nil
	}
	return errors.Join(err, w.flush(ctx))
}

// errWalked says that others have taken what was left.
var errWalked = errors.New("no dead letters are left")

// window walks until as many letters are kept as one consumer may hold.
func (w *deadWalk) window(ctx context.Context, ch *channel, queue string, h func(broker.DeadLetter) (broker.DeadAction, error)) error {
	w.windows++
	tag := "walk-" + strconv.Itoa(w.windows) // under the tag of one before, what that one holds would count
	deliveries, err := ch.Consume(deadQueue(w.queue), tag, false, false, false, false, nil)
	if err != nil {
		return fmt.Errorf("dead letters of %q: %w", queue, err)
	}
	cancelled := false
	cancel := func() error {
		if cancelled {
			return nil
		}
		cancelled = true
		return ch.Cancel(tag, false) // then what is on its way is delivered, and the channel of deliveries closed
	}
	defer cancel() //nolint:errcheck // the channel closes too
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	for kept := 0; w.left > 0; {
		quiet.Reset(silence)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-quiet.C:
			if err := w.flush(ctx); err != nil { // those that are to go back hold up the next
				return err
			}
			if n, err := countDead(ch, queue, w.b.topology); err != nil || n == 0 {
				return errors.Join(err, errWalked)
			}
		case d, ok := <-deliveries:
			if !ok {
				if ch.IsClosed() {
					return errors.New("the connection was lost")
				}
				return nil
			}
			w.left--
			fate, err := w.step(ctx, d, h)
			if err != nil {
				return err
			}
			if fate == broker.Keep {
				kept++
			}
			if len(w.reviving) > 0 && kept+len(w.reviving) >= walkWindow {
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

// A deadWalk collects the letters that go back into their queue.
type deadWalk struct {
	b        *Broker
	queue    string
	left     int // letters to be looked at yet
	windows  int
	reviving []amqp.Delivery
}

func (w *deadWalk) step(ctx context.Context, d amqp.Delivery, h func(broker.DeadLetter) (broker.DeadAction, error)) (broker.DeadAction, error) {
	m := received(d)
	m.Attempt = number(d, headerAttempts)
	fate, err := h(broker.DeadLetter{Message: m, Reason: text(d.Headers[headerReason]), FirstSeen: firstSeen(d)})
	switch {
	case err != nil:
		return fate, err
	case fate == broker.Discard:
		return fate, d.Ack(false)
	case fate == broker.Requeue:
		w.reviving = append(w.reviving, d)
		if len(w.reviving) == reviveBatch {
			return fate, w.flush(ctx)
		}
	}
	return fate, nil
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
