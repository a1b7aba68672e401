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

// Arguments of the objects that matchwire declares. RabbitMQ refuses to declare an existing object
// with different arguments, so the arguments are constants. The objects are:
//
//	live_events            topic exchange
//	live_events.log        stream bound to #
//	tasks                  direct exchange
//	retries                topic exchange for copies of failed messages
//	<exchange>.witness     fanout exchange that the broker deletes together with <exchange> (verify.go)
//	<queue>                quorum queue bound to the patterns of its consumer, or to a task name
//	<queue>.retry.<pause>  quorum queue; messages expire after the pause and return to <queue>
//	<queue>.dead           quorum queue for dead letters
//
// Each retry and dead-letter queue is bound to the exchange retries, with its own name as the pattern.
// So the RabbitMQ user of a consumer needs no permission for the default exchange. Such a permission
// would let the user publish to every queue.
const (
	queueBytes = 1 << 30             // maximum bytes in a queue; beyond it, the broker drops the oldest messages
	queueAge   = 7 * 24 * time.Hour  // maximum age of a message in a queue; the broker drops older messages
	retryBytes = 256 << 20           // maximum bytes in a retry queue; if it is full, failed messages stay in their queue
	deadBytes  = 1 << 30             // maximum bytes in a dead-letter queue
	deadAge    = 30 * 24 * time.Hour // maximum age of a dead letter in its queue

	logBytes        = 10_000_000_000 // maximum bytes in the log
	logAge          = "7D"           // maximum age of a message in the log: 7 days
	logSegmentBytes = 100_000_000    // bytes in a segment of the log; the broker drops whole segments

	// RabbitMQ 4.x by default drops a message after 20 redeliveries. matchwire counts attempts
	// itself, in a header, and needs no such limit. -1 means no limit in RabbitMQ 4.x, but only one
	// redelivery in 3.10. So deliveryLimit is a large number.
	deliveryLimit = 1_000_000_000
)

// A topology contains the names and arguments of the objects, and declares the objects.
type topology struct {
	namespace  string
	pauses     []time.Duration // pauses of the retry queues
	queueBytes int64
	retryBytes int64
	queues     queues // queues that this Broker has declared

	restriction restriction
}

// full returns name with the namespace as its prefix.
func (t *topology) full(name string) string {
	if t.namespace == "" {
		return name
	}
	return t.namespace + "." + name
}

func (t *topology) events() string { return t.full(broker.LiveEvents.String()) }
func (t *topology) log() string    { return t.full("live_events.log") }
func (t *topology) tasks() string  { return t.full(broker.Tasks.String()) }

// retries returns the name of the exchange for copies of failed messages.
func (t *topology) retries() string { return t.full("retries") }

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

// declareExchanges declares the exchanges and the log. Events published after declareExchanges
// has returned nil are stored in the log.
func (t *topology) declareExchanges(ctx context.Context, control *link) error {
	d := t.declarer(control)
	defer d.close()
	return d.exchanges(ctx)
}

// exchanges declares the exchanges and the log.
func (d *declarer) exchanges(ctx context.Context) error {
	for _, e := range []struct{ name, kind string }{
		{d.events(), amqp.ExchangeTopic}, {d.tasks(), amqp.ExchangeDirect}, {d.retries(), amqp.ExchangeTopic},
	} {
		if err := d.declareExchange(ctx, e.name, e.kind, false); err != nil {
			return err
		}
	}
	err := d.queue(ctx, d.log(), amqp.Table{
		amqp.QueueTypeArg:                 amqp.QueueTypeStream,
		amqp.StreamMaxLenBytesArg:         int64(logBytes),
		amqp.StreamMaxAgeArg:              logAge,
		amqp.StreamMaxSegmentSizeBytesArg: int64(logSegmentBytes),
	})
	if err != nil {
		return err
	}
	return d.bind(ctx, d.log(), "#", d.events())
}

// declareQueue declares the exchanges and the log, then a queue, its retry and dead-letter queues,
// and their bindings.
func (t *topology) declareQueue(ctx context.Context, control *link, s broker.Subscription) error {
	d := t.declarer(control)
	defer d.close()
	if err := d.exchanges(ctx); err != nil {
		return err
	}
	return d.subscription(ctx, s)
}

// subscription declares a queue, its retry and dead-letter queues, and their bindings.
func (d *declarer) subscription(ctx context.Context, s broker.Subscription) error {
	queue := d.full(s.Queue)
	quorum := func(name string, args amqp.Table) error {
		args[amqp.QueueTypeArg] = amqp.QueueTypeQuorum
		args["x-delivery-limit"] = int64(deliveryLimit)
		return d.queue(ctx, name, args)
	}
	err := quorum(queue, amqp.Table{
		amqp.QueueMaxLenBytesArg: d.queueBytes,
		amqp.QueueMessageTTLArg:  queueAge.Milliseconds(),
	})
	if err != nil {
		return err
	}
	copyQueues := []string{deadQueue(queue)}
	for _, p := range d.pauses {
		copyQueues = append(copyQueues, retryQueue(queue, p))
		err := quorum(retryQueue(queue, p), amqp.Table{
			amqp.QueueMaxLenBytesArg:    d.retryBytes,
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
	for _, name := range copyQueues {
		if err := d.bind(ctx, name, name, d.retries()); err != nil {
			return err
		}
	}
	for _, p := range s.Patterns {
		if err := d.bind(ctx, queue, p, d.exchange(s.Exchange)); err != nil {
			return err
		}
	}
	d.queues.add(queue, s)
	return nil
}

// declareExchange declares an exchange. If autoDelete is set, the broker deletes the exchange together with its
// last binding.
func (d *declarer) declareExchange(ctx context.Context, name, kind string, autoDelete bool) error {
	return d.object(ctx, "exchange", name,
		func(ch *amqp.Channel) error {
			return ch.ExchangeDeclare(name, kind, true, autoDelete, false, false, nil)
		},
		func(ch *amqp.Channel) error {
			return ch.ExchangeDeclarePassive(name, kind, true, autoDelete, false, false, nil)
		})
}

func (d *declarer) queue(ctx context.Context, name string, args amqp.Table) error {
	return d.object(ctx, "queue", name,
		func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare(name, true, false, false, false, args)
			return err
		},
		func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
			return err
		})
}

func (d *declarer) bind(ctx context.Context, queue, pattern, exchange string) error {
	return d.binding(ctx, "queue", queue, pattern, exchange,
		func(ch *amqp.Channel) error { return ch.QueueBind(queue, pattern, exchange, false, nil) })
}

// inspect returns the state of a queue. If the queue does not exist, the error wraps
// [broker.ErrNoQueue]. After an error, the caller may only close ch.
func inspect(ctx context.Context, ch *channel, queue string) (amqp.Queue, error) {
	q, err := callResult(ctx, ch, func(ch *amqp.Channel) (amqp.Queue, error) {
		return ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	})
	switch {
	case hasCode(err, amqp.NotFound):
		return amqp.Queue{}, fmt.Errorf("%w: %q", broker.ErrNoQueue, queue)
	case err != nil:
		return amqp.Queue{}, fmt.Errorf("inspecting queue %q: %w", queue, err)
	}
	return q, nil
}

// errRefused marks an error from a declaration that the broker always refuses.
var errRefused = errors.New("refused by the broker")

// declareError adds the kind and name of the declared object to err. If the object exists with
// other arguments, the returned error wraps errRefused and says how to fix the cause. The text from
// RabbitMQ names the argument that differs.
func declareError(kind, name string, err error) error {
	if err == nil {
		return nil
	}
	var e *amqp.Error
	if errors.As(err, &e) && e.Code == amqp.PreconditionFailed {
		return fmt.Errorf("%w: %s %q exists with other arguments (%s): delete it when it contains no messages, "+
			"or move its messages with a shovel first; matchwire declares it again at its next start",
			errRefused, kind, name, strings.TrimSpace(e.Reason))
	}
	return fmt.Errorf("declaring %s %q: %w", kind, name, err)
}
