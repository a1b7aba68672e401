package broker

import (
	"context"
	"time"

	"github.com/matchwire/matchwire/health"
)

// A Publisher publishes messages to the exchanges. Its methods are safe for concurrent use.
type Publisher interface {
	// Publish publishes msgs in order. It returns when the broker has confirmed all of them. A
	// confirmed message is in every queue whose bindings match it. Publish declares the queue of a
	// task if that queue does not exist. After a lost connection, it sends unconfirmed messages
	// again, so a message may arrive twice, with the same ID. Publish returns the number n of
	// confirmed messages, which are msgs[:n]. If ctx ends before all messages are confirmed, or if
	// retrying cannot help, Publish returns an error.
	Publish(ctx context.Context, msgs ...Message) (int, error)
}

// A Subscription names a durable queue and the messages that the queue receives.
type Subscription struct {
	Queue    string          // queue name; all subscribers with this name share it, round-robin
	Exchange Exchange        // exchange to bind the queue to
	Patterns []string        // topic patterns or task names to bind; earlier bindings of the queue stay
	Limit    int             // maximum number of concurrent handlers; less than 1 means 1
	Timeout  time.Duration   // maximum duration of one handler call; 0 means 30 s
	Ready    chan<- struct{} // if not nil, closed when the queue is bound and receives messages
}

// A Handler acts on one message. A message can be delivered more than once, so handling the same ID
// twice must be as harmless as handling it once. The returned error decides what the broker does
// with the message:
//
//   - nil: the message is acknowledged.
//   - An error from [Postpone]: the message is redelivered at about the given time, or earlier. The
//     attempt does not count.
//   - An error that wraps [ErrPermanent]: the message is dead-lettered, with the text of the error
//     as the reason.
//   - An error that wraps [ErrUnavailable]: the message is redelivered after a pause. The attempt
//     does not count, so even a long outage does not dead-letter the message.
//   - Any other error: the message is redelivered after a pause that grows with each attempt. After
//     the last attempt it is dead-lettered.
//
// A panic has the same effect as an error of the last kind.
//
// ctx does not end when the subscription ends, because the subscription waits for its handlers. ctx
// ends after the timeout of the subscription. If the handler then does not return within a second,
// it is abandoned, and the attempt fails. An abandoned handler may still run during the next
// attempt. While 100 abandoned handlers of a subscription still run, no other handler is abandoned.
type Handler func(ctx context.Context, m Message) error

// A Subscriber delivers messages.
type Subscriber interface {
	// Declare declares the queue and binds it. Messages published after Declare returns wait in the
	// queue. Declare retries until it succeeds or ctx ends, unless retrying cannot help.
	Declare(ctx context.Context, s Subscription) error

	// Subscribe declares the queue, binds it, and calls h for its messages until ctx ends. Then it
	// waits until every call of h has returned or is abandoned. Unacknowledged messages are
	// requeued. Subscribe reconnects when it loses the connection. It returns an error only if
	// retrying cannot help.
	Subscribe(ctx context.Context, s Subscription, h Handler) error
}

// A Broker provides everything that matchwire needs from a message broker.
type Broker interface {
	Publisher
	Subscriber
	Log
	DeadLetters

	// Health returns the issues of this Broker, apart from those of queues. Examples are a server that
	// cannot be reached, a server that accepts no messages, and a queue that cannot be declared. Health
	// stops waiting when ctx ends.
	Health(ctx context.Context) []health.Issue

	// Queues returns the names of the queues that this Broker has declared, sorted.
	Queues() []string

	// Forget removes a queue from Queues, until this Broker declares it again. The queue itself stays, and receives
	// messages.
	Forget(queue string)

	// QueueHealth inspects queues and returns the issues of each, by name. Examples are a full queue
	// that drops its oldest messages, and dead letters. The result does not contain queues without
	// issues. QueueHealth returns an error if it could not inspect all queues. It stops waiting when
	// ctx ends.
	QueueHealth(ctx context.Context, queues []string) (map[string][]health.Issue, error)

	// QueueStates returns the states of queues, by name. The result does not contain queues that do not
	// exist. QueueStates returns an error if it could not inspect all queues.
	QueueStates(ctx context.Context, queues []string) (map[string]QueueState, error)

	// Close closes the connections. Calls in progress fail.
	Close() error
}

// A QueueState is the state of a queue. It does not count messages that are being handled.
type QueueState struct {
	Messages    int // messages in the queue
	Subscribers int // in all processes
	Retries     int // failed messages that wait for their next attempt
	Dead        int // dead letters
}
