package rabbit

import (
	"context"
	"errors"
	"fmt"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
)

// Declare declares the queue, its retry and dead-letter queues and its bindings.
func (b *Broker) Declare(ctx context.Context, s broker.Subscription) error {
	queue := b.topology.full(s.Queue)
	return persist(ctx, b.log.With("queue", queue), "queue not declared, trying again", never, func() error {
		return b.topology.declareQueue(ctx, b.control, s)
	})
}

// Subscribe consumes the queue, on a new channel whenever the last is lost. One pool
// of handlers serves all channels, so a slow handler does not delay the next
// channel.
func (b *Broker) Subscribe(ctx context.Context, s broker.Subscription, h broker.Handler) error {
	work := make(chan broker.Delivery)
	var working sync.WaitGroup
	working.Go(func() {
		broker.Work(ctx, s, h, b.log, func() (broker.Delivery, bool) {
			d, ok := <-work
			return d, ok
		})
	})
	ready := sync.OnceFunc(func() {
		if s.Ready != nil {
			close(s.Ready)
		}
	})
	err := persist(ctx, b.log.With("queue", b.topology.full(s.Queue)), "subscription lost, making it again", never, func() error {
		return b.subscribe(ctx, s, work, ready)
	})
	close(work)
	working.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// subscribe sends the deliveries of one channel to work, until the channel is lost or ctx ends.
func (b *Broker) subscribe(ctx context.Context, s broker.Subscription, work chan<- broker.Delivery, ready func()) error {
	if err := b.topology.declareQueue(ctx, b.control, s); err != nil {
		return err
	}
	ch, err := b.consumeLink.channel(ctx)
	if err != nil {
		return err
	}
	defer ch.Close()
	gone := ch.NotifyClose(make(chan *amqp.Error, 1))
	queue := b.topology.full(s.Queue)
	deliveries, err := consume(ctx, ch, queue, "", max(s.Limit, 1), nil)
	if err != nil {
		return err
	}
	ready()

	acks := newAcks(ch.Channel, max(s.Limit, 1), b.log.With("queue", queue))
	defer acks.finish()
	going, end := context.WithCancelCause(ctx)
	defer end(nil)
	go func() { end(closeReason(<-gone)) }() // gone is closed with the channel
	var handling sync.WaitGroup
	delivered := func(d amqp.Delivery) broker.Delivery {
		b.topology.queues.passed(len(d.Body))
		m := received(d)
		m.Last, m.Retried = m.Attempt > len(b.topology.pauses), m.Attempt > 1 || number(d, headerOutages) > 0
		return broker.Delivery{Message: m, Settle: func(err error) {
			defer handling.Done()
			if ch.IsClosed() {
				return // the broker delivers the message again
			}
			if err := b.settle(ctx, queue, d, m, err); err != nil {
				end(err)
				return
			}
			acks.add(d.DeliveryTag)
		}}
	}
	for {
		select {
		case <-going.Done():
			if !ch.IsClosed() {
				handling.Wait() // so that their messages are not delivered again
			}
			return context.Cause(going)
		case d, ok := <-deliveries:
			if !ok {
				end(closeReason(nil))
				continue
			}
			handling.Add(1)
			select {
			case work <- delivered(d):
			case <-going.Done():
				handling.Done() // it returns to the queue
			}
		}
	}
}

// consume starts to consume a queue. At most prefetch deliveries are
// unacknowledged at a time. An empty tag has the client choose one.
func consume(ctx context.Context, ch *channel, queue, tag string, prefetch int, args amqp.Table) (<-chan amqp.Delivery, error) {
	deliveries, err := answer(ctx, ch, func(ch *amqp.Channel) (<-chan amqp.Delivery, error) {
		if err := ch.Qos(prefetch, 0, false); err != nil {
			return nil, err
		}
		return ch.Consume(queue, tag, false, false, false, false, args)
	})
	if err != nil {
		return nil, fmt.Errorf("consuming %q: %w", queue, err)
	}
	return deliveries, nil
}

func closeReason(e *amqp.Error) error {
	if e == nil {
		return errors.New("the broker ended the subscription")
	}
	return e
}

// settle decides what becomes of a message whose handler returned err. If it is to
// be retried or dead-lettered, settle publishes a copy to the retry or dead-letter
// queue. Then the delivery can be acknowledged. An error means that no copy is
// safe. The caller ends the subscription, which is made again after a pause, and
// declares its queues again.
func (b *Broker) settle(ctx context.Context, queue string, d amqp.Delivery, m broker.Message, err error) error {
	to := ""
	disposition, pause := broker.Decide(err, m.Attempt, number(d, headerOutages), b.topology.pauses)
	switch disposition {
	case broker.Retry, broker.Postponed, broker.Outage:
		to = retryQueue(queue, pause)
	case broker.Dead:
		to = deadQueue(queue)
		b.log.Error("message dead-lettered", "queue", to, "id", m.ID, "tid", m.TID, "attempts", m.Attempt, "reason", broker.Reason(err))
	case broker.Ack:
	}
	if to == "" {
		return nil
	}
	if _, err := b.move(ctx, outgoing{key: to, msg: failedCopy(d, m, err)}); err != nil {
		return fmt.Errorf("message %s stays in its queue: moving it to %q: %w", m.ID, to, err)
	}
	return nil
}

// move publishes copies of messages to other queues, once, and returns how many of
// the first are confirmed. It goes on when ctx ends: the handler has done its work.
func (b *Broker) move(ctx context.Context, out ...outgoing) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), confirmTimeout)
	defer cancel()
	return b.moves.try(ctx, out)
}
