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
	queue := b.topology.full(s.Queue)
	return persist(ctx, b.log.With("queue", queue), "queue not declared, trying again", never, func() error {
		return b.topology.declareQueue(ctx, b.control, s)
	})
}

// Subscribe consumes the queue, on a new channel whenever the last is lost. The
// handlers are one pool for all channels: one that takes its time does not hold
// up the next channel.
func (b *Broker) Subscribe(ctx context.Context, s event.Subscription, h event.Handler) error {
	jobs := make(chan broker.Job)
	var working sync.WaitGroup
	working.Go(func() {
		broker.Work(ctx, s, h, b.log, func() (broker.Job, bool) {
			j, ok := <-jobs
			return j, ok
		})
	})
	ready := sync.OnceFunc(func() {
		if s.Ready != nil {
			close(s.Ready)
		}
	})
	err := persist(ctx, b.log.With("queue", b.topology.full(s.Queue)), "subscription lost, making it again", never, func() error {
		return b.subscribe(ctx, s, jobs, ready)
	})
	close(jobs)
	working.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// subscribe turns the deliveries of one channel into jobs, until it or ctx ends.
func (b *Broker) subscribe(ctx context.Context, s event.Subscription, jobs chan<- broker.Job, ready func()) error {
	if err := b.topology.declareQueue(ctx, b.control, s); err != nil {
		return err
	}
	ch, err := b.consume.channel(ctx)
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

	done := newAcks(ch.Channel, max(s.Limit, 1), b.log.With("queue", queue))
	defer done.finish()
	going, end := context.WithCancelCause(ctx)
	defer end(nil)
	go func() { end(closeReason(<-gone)) }() // ends with the channel
	var begun sync.WaitGroup
	job := func(d amqp.Delivery) broker.Job {
		b.topology.queues.passed(len(d.Body))
		m := received(d)
		m.Last, m.Retried = m.Attempt > len(b.topology.pauses), m.Attempt > 1 || number(d, headerOutages) > 0
		return broker.Job{Message: m, Settle: func(err error) {
			defer begun.Done()
			if ch.IsClosed() {
				return // the broker has given it to somebody else, or will
			}
			if err := b.settle(ctx, queue, d, m, err); err != nil {
				end(err)
				return
			}
			done.add(d.DeliveryTag)
		}}
	}
	for {
		select {
		case <-going.Done():
			if !ch.IsClosed() {
				begun.Wait() // so that they are not handled twice
			}
			return context.Cause(going)
		case d, ok := <-deliveries:
			if !ok {
				end(closeReason(nil))
				continue
			}
			begun.Add(1)
			select {
			case jobs <- job(d):
			case <-going.Done():
				begun.Done() // it goes back to the queue
			}
		}
	}
}

// consume starts to consume a queue. At most prefetch deliveries are
// unacknowledged at a time. An empty tag has the client choose one.
func consume(ctx context.Context, ch *channel, queue, tag string, prefetch int, args amqp.Table) (deliveries <-chan amqp.Delivery, err error) {
	err = ch.call(ctx, func(ch *amqp.Channel) (err error) {
		if err = ch.Qos(prefetch, 0, false); err == nil {
			deliveries, err = ch.Consume(queue, tag, false, false, false, false, args)
		}
		return err
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

// settle moves a message whose handler failed; then it can be acknowledged. A
// delivery of a lost channel cannot be; the broker delivers the message again.
// An error means that the message can go nowhere: the subscription is to be
// made again, and with it its queues, after a pause.
func (b *Broker) settle(ctx context.Context, queue string, d amqp.Delivery, m event.Message, err error) error {
	next := ""
	verdict, pause := broker.Judge(err, m.Attempt, number(d, headerOutages), b.topology.pauses)
	switch verdict {
	case broker.Retry:
		next = retryQueue(queue, pause)
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
	return nil
}

// move publishes a message into a queue, once, and awaits the confirmation.
func (b *Broker) move(ctx context.Context, queue string, p amqp.Publishing) error {
	_, err := b.moveAll(ctx, []outgoing{{key: queue, msg: p}})
	return err
}

// moveAll does the same with several, and returns how many of the first are
// confirmed.
func (b *Broker) moveAll(ctx context.Context, out []outgoing) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), confirmTimeout)
	defer cancel()
	return b.moves.try(ctx, out)
}
