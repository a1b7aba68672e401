package rabbit

import (
	"context"
	"errors"
	"fmt"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// Declare declares the queue and what belongs to it.
func (b *Broker) Declare(ctx context.Context, s event.Subscription) error {
	queue := b.names.full(s.Queue)
	return persist(ctx, b.log.With("queue", queue), "queue not declared, trying again", never, func() error {
		ch, err := b.consume.channel(ctx)
		if err != nil {
			return err
		}
		defer ch.Close()
		return declareConsumer(ch.Channel, b.names, queue, s.Patterns, b.pauses)
	})
}

// Subscribe consumes the queue, on a new channel whenever the last is lost.
func (b *Broker) Subscribe(ctx context.Context, s event.Subscription, h event.Handler) error {
	s.Queue, s.Limit = b.names.full(s.Queue), max(s.Limit, 1)
	ready := func() {
		if s.Ready != nil {
			close(s.Ready)
			s.Ready = nil
		}
	}
	err := persist(ctx, b.log.With("queue", s.Queue), "subscription lost, making it again", never, func() error {
		return b.subscribe(ctx, s, h, ready)
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// subscribe consumes on one channel until it or ctx ends.
func (b *Broker) subscribe(ctx context.Context, s event.Subscription, h event.Handler, ready func()) error {
	ch, err := b.consume.channel(ctx)
	if err != nil {
		return err
	}
	defer ch.Close() // what is not acknowledged by then goes back to the queue
	if err := declareConsumer(ch.Channel, b.names, s.Queue, s.Patterns, b.pauses); err != nil {
		return err
	}
	if err := ch.Qos(s.Limit, 0, false); err != nil {
		return err
	}
	gone := ch.NotifyClose(make(chan *amqp.Error, 1))
	const tag = "matchwire"
	deliveries, err := ch.Consume(s.Queue, tag, false, false, false, false, nil)
	if err != nil {
		return fmt.Errorf("consuming %q: %w", s.Queue, err)
	}
	ready()

	// The prefetch bounds how many handlers run at a time.
	var running sync.WaitGroup
	defer running.Wait()
	stuck := make(chan error, 1)
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-stuck:
			return err
		case d, ok := <-deliveries:
			if !ok {
				return closeReason(gone)
			}
			if ctx.Err() != nil {
				return nil
			}
			running.Go(func() {
				if err := b.handle(ctx, s.Queue, d, h); err != nil {
					select {
					case stuck <- err:
					default:
					}
				}
			})
		}
	}
}

func closeReason(gone <-chan *amqp.Error) error {
	select {
	case e, ok := <-gone:
		if ok {
			return e
		}
	default:
	}
	return errors.New("the broker ended the subscription")
}

// handle runs h on one delivery and settles it. A delivery of a lost channel
// cannot be settled; the broker delivers the message again. An error means that
// the message can go nowhere: the subscription is to be made again, and with it
// its queues, after a pause.
func (b *Broker) handle(ctx context.Context, queue string, d amqp.Delivery, h event.Handler) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), broker.HandlerTimeout)
	defer cancel()
	m := received(d)
	err := h(ctx, m)

	next := ""
	switch broker.Judge(err, m.Attempt, len(b.pauses)) {
	case broker.Retry:
		next = retryQueue(queue, b.pauses[m.Attempt-1])
	case broker.Bury:
		next = deadQueue(queue)
		b.log.Error("message dead-lettered", "queue", next, "id", m.ID, "tid", m.TID, "attempts", m.Attempt, "reason", broker.Reason(err))
	case broker.Ack:
	}
	if next != "" {
		// The original goes only when its copy is safe.
		if merr := b.move(ctx, next, again(d, m, err)); merr != nil {
			return fmt.Errorf("message %s stays in its queue: moving it to %q: %w", m.ID, next, merr)
		}
	}
	if err := d.Ack(false); err != nil {
		b.log.Debug("acknowledgement lost, the message will come again", "queue", queue, "id", m.ID, "error", err)
	}
	return nil
}

// move publishes a message into a queue, once, and awaits the confirmation.
func (b *Broker) move(ctx context.Context, queue string, p amqp.Publishing) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), confirmTimeout)
	defer cancel()
	_, err := b.moves.try(ctx, []outgoing{{key: queue, msg: p}})
	return err
}

// DeadLetters shows the oldest dead letters of a queue and leaves them there.
func (b *Broker) DeadLetters(ctx context.Context, queue string, limit int) ([]event.DeadLetter, error) {
	ch, err := b.consume.channel(ctx)
	if err != nil {
		return nil, err
	}
	defer ch.Close() // puts back what was looked at
	var dead []event.DeadLetter
	for len(dead) < limit {
		d, ok, err := ch.Get(deadQueue(b.names.full(queue)), false)
		if err != nil {
			return nil, fmt.Errorf("dead letters of %q: %w", queue, err)
		}
		if !ok {
			break
		}
		m := received(d)
		m.Attempt = attempts(d)
		dead = append(dead, event.DeadLetter{Message: m, Reason: text(d.Headers[headerReason]), FirstSeen: firstSeen(d)})
	}
	return dead, nil
}
