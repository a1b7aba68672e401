package rabbit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
)

// The objects that matchwire declares. Their arguments are fixed: RabbitMQ
// refuses a declaration whose arguments differ from those of the existing object.
//
//	live_events                     topic exchange
//	live_events.log                 stream bound to #
//	tasks                           direct exchange
//	<queue>                         quorum queue bound to its consumer's patterns or the task's name
//	<queue>.retry.<pause>           quorum queue; expires back into <queue>
//	<queue>.dead                    quorum queue
const (
	queueBytes = 1 << 30            // of a consumer's queue; past it the oldest messages are dropped
	queueAge   = 7 * 24 * time.Hour // of a message in a consumer's queue; past it the message is dropped
	retryBytes = 256 << 20          // of a retry queue; past it publishing there is refused and the message stays in its queue
	deadBytes  = 1 << 30
	deadAge    = 30 * 24 * time.Hour

	logBytes        = 10_000_000_000
	logAge          = "7D"
	logSegmentBytes = 100_000_000 // retention drops whole segments

	// Attempts are counted in a header of our own. By default 4.x drops a message
	// after 20 returns. -1 means no limit on 4.x but one return on 3.10, so this
	// is a large number.
	deliveryLimit = 1_000_000_000
)

// A topology names the objects and declares them.
type topology struct {
	namespace  string
	pauses     []time.Duration // of the retry queues, in turn
	queueBytes int64
	retryBytes int64
	queues     queues // those declared here
}

func (t *topology) full(name string) string {
	if t.namespace == "" {
		return name
	}
	return t.namespace + "." + name
}

func (t *topology) events() string { return t.full(broker.LiveEvents.String()) }
func (t *topology) log() string    { return t.full("live_events.log") }
func (t *topology) tasks() string  { return t.full(broker.Tasks.String()) }

func (t *topology) exchange(e broker.Exchange) string {
	if e == broker.Tasks {
		return t.tasks()
	}
	return t.events()
}

func retryQueue(queue string, pause time.Duration) string {
	return queue + ".retry." + pause.String()
}
func deadQueue(queue string) string { return queue + ".dead" }

// declareExchanges declares the exchanges and the log, on a channel of its own.
// Every event that is published later is stored in the log.
func (t *topology) declareExchanges(ctx context.Context, control *link) error {
	ch, err := control.channel(ctx)
	if err != nil {
		return err
	}
	defer ch.Close()
	return t.exchangesOn(ctx, ch)
}

func (t *topology) exchangesOn(ctx context.Context, ch *channel) error {
	exchange := func(name, kind string) error {
		return refused("exchange", name, ch.call(ctx, func(ch *amqp.Channel) error {
			return ch.ExchangeDeclare(name, kind, true, false, false, false, nil)
		}))
	}
	if err := exchange(t.events(), amqp.ExchangeTopic); err != nil {
		return err
	}
	if err := exchange(t.tasks(), amqp.ExchangeDirect); err != nil {
		return err
	}
	err := declare(ctx, ch, t.log(), amqp.Table{
		amqp.QueueTypeArg:                 amqp.QueueTypeStream,
		amqp.StreamMaxLenBytesArg:         int64(logBytes),
		amqp.StreamMaxAgeArg:              logAge,
		amqp.StreamMaxSegmentSizeBytesArg: int64(logSegmentBytes),
	})
	if err != nil {
		return err
	}
	return bind(ctx, ch, t.log(), "#", t.events())
}

// declareQueue declares a queue, its retry and dead-letter queues and its
// bindings, on a channel of its own. The exchanges come first.
func (t *topology) declareQueue(ctx context.Context, control *link, s broker.Subscription) error {
	ch, err := control.channel(ctx)
	if err != nil {
		return err
	}
	defer ch.Close()
	if err := t.exchangesOn(ctx, ch); err != nil {
		return err
	}
	queue := t.full(s.Queue)
	quorum := func(name string, args amqp.Table) error {
		args[amqp.QueueTypeArg] = amqp.QueueTypeQuorum
		args["x-delivery-limit"] = int64(deliveryLimit)
		return declare(ctx, ch, name, args)
	}
	err = quorum(queue, amqp.Table{
		amqp.QueueMaxLenBytesArg: t.queueBytes,
		amqp.QueueMessageTTLArg:  queueAge.Milliseconds(),
	})
	if err != nil {
		return err
	}
	for _, p := range t.pauses {
		err := quorum(retryQueue(queue, p), amqp.Table{
			amqp.QueueMaxLenBytesArg:    t.retryBytes,
			amqp.QueueOverflowArg:       amqp.QueueOverflowRejectPublish,
			amqp.QueueMessageTTLArg:     p.Milliseconds(),
			"x-dead-letter-exchange":    "",
			"x-dead-letter-routing-key": queue,
			"x-dead-letter-strategy":    "at-least-once",
		})
		if err != nil {
			return err
		}
	}
	err = quorum(deadQueue(queue), amqp.Table{
		amqp.QueueMaxLenBytesArg: int64(deadBytes),
		amqp.QueueMessageTTLArg:  deadAge.Milliseconds(),
	})
	if err != nil {
		return err
	}
	for _, p := range s.Patterns {
		if err := bind(ctx, ch, queue, p, t.exchange(s.Exchange)); err != nil {
			return err
		}
	}
	t.queues.add(queue)
	return nil
}

func declare(ctx context.Context, ch *channel, queue string, args amqp.Table) error {
	return refused("queue", queue, ch.call(ctx, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(queue, true, false, false, false, args)
		return err
	}))
}

func bind(ctx context.Context, ch *channel, queue, pattern, exchange string) error {
	err := ch.call(ctx, func(ch *amqp.Channel) error { return ch.QueueBind(queue, pattern, exchange, false, nil) })
	if err != nil {
		return fmt.Errorf("binding queue %q to %q: %w", queue, pattern, err)
	}
	return nil
}

// inspect asks what a queue holds. It returns [broker.ErrNoQueue] if there is no
// such queue; after any error the channel is good for nothing but Close.
func inspect(ctx context.Context, ch *channel, queue string) (amqp.Queue, error) {
	q, err := answer(ctx, ch, func(ch *amqp.Channel) (amqp.Queue, error) {
		return ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	})
	var e *amqp.Error
	switch {
	case errors.As(err, &e) && e.Code == amqp.NotFound:
		return amqp.Queue{}, fmt.Errorf("%w: %q", broker.ErrNoQueue, queue)
	case err != nil:
		return amqp.Queue{}, fmt.Errorf("inspecting queue %q: %w", queue, err)
	}
	return q, nil
}

// errRefused marks a declaration that the broker will refuse every time.
var errRefused = errors.New("refused by the broker")

// refused explains why a declaration failed. RabbitMQ's own text names the
// argument that differs.
func refused(kind, name string, err error) error {
	if err == nil {
		return nil
	}
	var e *amqp.Error
	if errors.As(err, &e) && e.Code == amqp.PreconditionFailed {
		return fmt.Errorf("%w: %s %q exists with other arguments (%s): let it run empty and delete it, or move its messages with a shovel; it is declared again at the next start",
			errRefused, kind, name, strings.TrimSpace(e.Reason))
	}
	return fmt.Errorf("declaring %s %q: %w", kind, name, err)
}
