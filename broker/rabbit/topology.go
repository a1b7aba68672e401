package rabbit

import (
	"errors"
	"fmt"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
)

// The objects that matchwire declares. Their arguments are fixed: RabbitMQ
// refuses to declare an object again with others.
//
//	live_events                     topic exchange
//	live_events.log                 stream bound to #
//	tasks                           direct exchange
//	<queue>                         quorum queue bound to its consumer's patterns or the task's name
//	<queue>.retry.<pause>           quorum queue; expires back into <queue>
//	<queue>.dead                    quorum queue
const (
	queueBytes = 1 << 30            // of a consumer's queue; beyond it the oldest drop
	queueAge   = 7 * 24 * time.Hour // the same by age
	retryBytes = 256 << 20          // of a retry queue; beyond it publishing there is refused and the message stays in its queue
	deadBytes  = 1 << 30
	deadAge    = 30 * 24 * time.Hour

	logBytes        = 10_000_000_000
	logAge          = "7D"
	logSegmentBytes = 100_000_000 // retention drops whole segments

	// Attempts are counted in a header of our own. 4.x drops a message after
	// 20 returns unless told otherwise; -1 means for ever there and once on
	// 3.10, so the limit is merely large.
	deliveryLimit = 1_000_000_000
)

// A topology gives the objects their names and those arguments that tests
// choose otherwise.
type topology struct {
	namespace  string
	pauses     []time.Duration // of the retry queues, in turn
	queueBytes int64
	retryBytes int64
	known      queues // that were declared here
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

// declareExchanges declares the exchanges and the log, so that whatever event
// is published from now on stands somewhere.
func declareExchanges(ch *amqp.Channel, t *topology) error {
	if err := ch.ExchangeDeclare(t.events(), amqp.ExchangeTopic, true, false, false, false, nil); err != nil {
		return refused("exchange", t.events(), err)
	}
	if err := ch.ExchangeDeclare(t.tasks(), amqp.ExchangeDirect, true, false, false, false, nil); err != nil {
		return refused("exchange", t.tasks(), err)
	}
	_, err := ch.QueueDeclare(t.log(), true, false, false, false, amqp.Table{
		amqp.QueueTypeArg:                 amqp.QueueTypeStream,
		amqp.StreamMaxLenBytesArg:         int64(logBytes),
		amqp.StreamMaxAgeArg:              logAge,
		amqp.StreamMaxSegmentSizeBytesArg: int64(logSegmentBytes),
	})
	if err != nil {
		return refused("queue", t.log(), err)
	}
	return ch.QueueBind(t.log(), "#", t.events(), false, nil)
}

// declareQueue declares a queue, all that belongs to it and its bindings.
func declareQueue(ch *amqp.Channel, t *topology, s broker.Subscription) error {
	if err := declareExchanges(ch, t); err != nil {
		return err
	}
	queue := t.full(s.Queue)
	quorum := func(name string, args amqp.Table) error {
		args[amqp.QueueTypeArg] = amqp.QueueTypeQuorum
		args["x-delivery-limit"] = int64(deliveryLimit)
		_, err := ch.QueueDeclare(name, true, false, false, false, args)
		return refused("queue", name, err)
	}
	err := quorum(queue, amqp.Table{
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
		if err := ch.QueueBind(queue, p, t.exchange(s.Exchange), false, nil); err != nil {
			return fmt.Errorf("binding queue %q to %q: %w", queue, p, err)
		}
	}
	t.known.declared(queue)
	return nil
}

// errRefused marks a declaration that the broker will always refuse.
var errRefused = errors.New("refused by the broker")

// refused explains why a declaration failed. RabbitMQ's own text names the
// argument that differs.
func refused(kind, name string, err error) error {
	if err == nil {
		return nil
	}
	var e *amqp.Error
	if errors.As(err, &e) && e.Code == amqp.PreconditionFailed {
		return fmt.Errorf("%w: %s %q exists with other arguments (%s): let it run empty and delete it, or move its messages with a shovel; it is declared anew at the next start",
			errRefused, kind, name, strings.TrimSpace(e.Reason))
	}
	return fmt.Errorf("declaring %s %q: %w", kind, name, err)
}
