package rabbit

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
)

// Declare declares the exchanges and the log, then the queue, its retry and dead-letter queues, and
// their bindings. It retries until it succeeds or ctx ends, unless the broker refuses a declaration.
func (b *Broker) Declare(ctx context.Context, s broker.Subscription) error {
	queue := b.topology.full(s.Queue)
	defer b.startVerifying(ctx)
	return retry(ctx, b.log.With("queue", queue), "queue not declared, trying again", never, func() error {
		err := b.topology.declareQueue(ctx, b.controlLink, s)
		b.failing.note(fmt.Sprintf("declare queue %q", queue), err)
		return err
	})
}

// Subscribe consumes the queue. When it loses its channel, it opens another. All channels use the
// same pool of handlers, so a slow handler does not delay the next channel. If a handler still runs
// when its channel is lost, the broker redelivers the message. If this subscription receives the
// redelivery, it uses the outcome of that handler.
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
	queue := b.topology.full(s.Queue)
	operation := fmt.Sprintf("consume queue %q", queue)
	calls := newHandlerCalls()
	subscribed := func() {
		b.failing.note(operation, nil)
		ready()
	}
	err := retry(ctx, b.log.With("queue", queue), "subscription lost, subscribing again", never, func() error {
		err := b.subscribe(ctx, s, calls, work, subscribed)
		b.failing.note(operation, err)
		return err
	})
	b.failing.note(operation, nil)
	close(work)
	working.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// subscribe declares the queue. It then sends the deliveries of one AMQP channel to work until the
// AMQP channel is lost, settling a delivery fails, or ctx ends. It calls ready when it starts to
// consume the queue.
func (b *Broker) subscribe(ctx context.Context, s broker.Subscription, calls *handlerCalls,
	work chan<- broker.Delivery, ready func()) error {
	if err := b.topology.declareQueue(ctx, b.controlLink, s); err != nil {
		return err
	}
	ch, err := b.consumeLink.channel(ctx)
	if err != nil {
		return err
	}
	defer ch.Close()
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	queue := b.topology.full(s.Queue)
	deliveries, err := consume(ctx, ch, queue, "", max(s.Limit, 1), nil)
	if err != nil {
		return err
	}
	b.startVerifying(ctx)
	ready()

	log := b.log.With("queue", queue)
	acks := newAcks(ch.Channel, max(s.Limit, 1), log)
	defer acks.close()
	running, end := context.WithCancelCause(ctx)
	defer end(nil)
	lost := make(chan struct{}) // closed when the AMQP channel is closed
	go func() {
		defer close(lost)
		e := <-closed // the AMQP client closes this Go channel when the AMQP channel is closed
		b.noteTimeout(queue, e)
		end(closeReason(e))
	}()
	var handling sync.WaitGroup
	// settle handles the outcome err of a delivery, and then acknowledges the delivery. If
	// handling the outcome fails, settle ends the subscription.
	settle := func(d amqp.Delivery, m broker.Message, err error) {
		if err := b.settle(ctx, queue, d, m, err); err != nil {
			end(err)
			return
		}
		acks.add(d.DeliveryTag)
	}
	for {
		select {
		case <-running.Done():
			if !ch.IsClosed() {
				handling.Wait() // so that the messages of running handlers are not redelivered
			}
			return context.Cause(running)
		case d, ok := <-deliveries:
			if !ok {
				end(closeReason(nil))
				continue
			}
			b.topology.queues.countMessage(len(d.Body))
			m := received(d)
			m.Last = m.Attempt > len(b.topology.pauses)
			m.Retried = m.Attempt > 1 || number(d, headerOutages) > 0
			key, identified := keyOf(d, m)
			handling.Add(1)
			if earlier := calls.find(key); d.Redelivered && identified && earlier != nil {
				go func() {
					defer handling.Done()
					if err, ok := earlier.wait(maxWait(s), lost); ok {
						log.Info("redelivered message gets the outcome of its first delivery", "id", m.ID, "tid", m.TID, "error", err)
						calls.forget(key, earlier)
						settle(d, m, err)
					}
				}()
				continue
			}
			call := calls.begin(key)
			delivery := broker.Delivery{Message: m, Settle: func(err error) {
				defer handling.Done()
				if ch.IsClosed() { // the broker redelivers the message
					call.finish(err)
					return
				}
				calls.forget(key, call)
				settle(d, m, err)
			}}
			select {
			case work <- delivery:
			case <-running.Done():
				calls.forget(key, call)
				handling.Done() // the message returns to the queue
			}
		}
	}
}

// maxWait returns the maximum time that a redelivery waits for the handler of its message.
// [broker.Work] abandons a handler earlier, unless many abandoned handlers still run.
func maxWait(s broker.Subscription) time.Duration { return s.Timeout + time.Minute }

var timeoutUsed = regexp.MustCompile(`Timeout value used: (\d+) ms`)

// noteTimeout reports that the broker closed the channel of a queue because a handler ran for too
// long. It does nothing if the channel was closed for another reason.
func (b *Broker) noteTimeout(queue string, e *amqp.Error) {
	if e == nil || e.Code != amqp.PreconditionFailed || !strings.Contains(e.Reason, "delivery acknowledgement") {
		return
	}
	limit := "its consumer_timeout"
	if ms := timeoutUsed.FindStringSubmatch(e.Reason); ms != nil {
		limit = "its consumer_timeout of " + ms[1] + " ms"
	}
	b.notices.add(queue, fmt.Sprintf("queue %q: at %s UTC, the broker requeued a message "+
		"whose handler ran longer than %s: set a shorter timeout for the consumer, or a longer consumer_timeout", queue,
		time.Now().UTC().Format(time.TimeOnly), limit))
}

// consume starts to consume a queue. prefetch is the maximum number of unacknowledged deliveries.
// If tag is empty, the client chooses a consumer tag.
func consume(ctx context.Context, ch *channel, queue, tag string, prefetch int,
	args amqp.Table) (<-chan amqp.Delivery, error) {
	deliveries, err := callResult(ctx, ch, func(ch *amqp.Channel) (<-chan amqp.Delivery, error) {
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

// closeReason returns why the deliveries of a channel ended. e is nil if the broker cancelled the
// consumer.
func closeReason(e *amqp.Error) error {
	if e == nil {
		return errors.New("the broker cancelled the consumer")
	}
	return e
}

// settle retries or dead-letters a message whose handler returned err. To do so, it publishes a
// copy to the retry or dead-letter queue. If err is nil, it publishes nothing. If settle returns
// nil, the caller must acknowledge the delivery. If settle returns an error, the copy is not
// confirmed. The caller then ends the subscription. After a pause, subscribe declares the queues
// again, and the broker redelivers the message.
func (b *Broker) settle(ctx context.Context, queue string, d amqp.Delivery, m broker.Message, err error) error {
	to := ""
	disposition, pause := broker.Decide(err, m.Attempt, number(d, headerOutages), b.topology.pauses)
	switch disposition {
	case broker.Retry, broker.Postponed, broker.Outage:
		to = retryQueue(queue, pause)
	case broker.Dead:
		to = deadQueue(queue)
		b.log.Error("message dead-lettered", "queue", to, "id", m.ID, "tid", m.TID,
			"attempts", m.Attempt, "reason", broker.Reason(err))
	case broker.Ack:
	}
	if to == "" {
		return nil
	}
	o := outgoing{exchange: b.topology.retries(), key: to, msg: failedCopy(d, m, err)}
	if _, err := b.publishCopies(ctx, o); err != nil {
		return fmt.Errorf("message %s stays in its queue: copying it to %q: %w", m.ID, to, err)
	}
	return nil
}

// publishCopies publishes copies of messages to queues, without retries. It returns the number n of
// confirmed copies, which are those of out[:n]. It continues when ctx ends, because the handler has
// already finished. It takes at most confirmTimeout.
func (b *Broker) publishCopies(ctx context.Context, out ...outgoing) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), confirmTimeout)
	defer cancel()
	return b.copier.publishOnce(ctx, out)
}
