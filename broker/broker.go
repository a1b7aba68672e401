package broker

import (
	"context"
	"time"

	"github.com/matchwire/matchwire/health"
)

// A Publisher publishes messages on the exchanges. Its methods may be called concurrently.
type Publisher interface {
	// Publish publishes msgs in order. It returns when the broker has confirmed them all: they are
	// in every queue that is bound to them. A task's queue is declared if it does not exist.
	// Messages that a lost connection leaves unconfirmed are sent again, so a message may arrive
	// twice, with the same ID. Publish returns how many of the first messages are confirmed. If ctx
	// ends before all are, the error says what Publish was waiting for.
	Publish(ctx context.Context, msgs ...Message) (int, error)
}

// A Subscription names a durable queue and what the queue receives.
type Subscription struct {
	Queue    string          // all subscribers with this name share it, round-robin
	Exchange Exchange        // that the queue is bound to
	Patterns []string        // topic patterns, or keys of tasks; they add to the earlier bindings of the queue
	Limit    int             // the most handlers at a time; 1 if less
	Timeout  time.Duration   // of one call of the handler; 30 s if 0
	Ready    chan<- struct{} // if not nil, closed once: messages that are published later arrive
}

// A Handler acts on one message. A message can be delivered more than once, so handling the same ID
// twice must be as harmless as handling it once. The error decides what becomes of the message:
//
//   - nil acknowledges it.
//   - An error that wraps [ErrPermanent] dead-letters it, with the error's text as the reason.
//   - An error of [Postpone] has it delivered again at its time. No attempt is counted.
//   - An error that wraps [ErrUnavailable] has it delivered again after a pause. No attempt is
//     counted, so the message is not dead-lettered however long the outage lasts.
//   - Any other error has it delivered again after a pause that grows with each attempt. After the
//     last attempt it is dead-lettered.
//
// A panic counts as any other error.
//
// ctx does not end with the subscription, which waits for the handler. It ends when the timeout has
// passed. A handler that does not return then is abandoned, which counts as an error. It may still
// be running during the next attempt.
type Handler func(ctx context.Context, m Message) error

// A Subscriber delivers messages.
type Subscriber interface {
	// Declare declares the queue and binds it, without consuming: messages that are published after
	// it returns wait there. It tries until ctx ends.
	Declare(ctx context.Context, s Subscription) error

	// Subscribe declares the queue, binds it and calls h for its messages until ctx ends. Then it
	// waits until every call of h has returned or is abandoned. Messages that are not acknowledged
	// return to the queue. Subscribe connects again after a connection is lost. An error means that
	// trying again cannot help.
	Subscribe(ctx context.Context, s Subscription, h Handler) error
}

// A Broker is all that matchwire needs of a message broker.
type Broker interface {
	Publisher
	Subscriber
	Log
	DeadLetters
	// Health returns the broker's problems, such as a server that cannot be reached or accepts no
	// messages, or a queue so full that its oldest messages are dropped. It returns when ctx ends at
	// the latest.
	Health(ctx context.Context) []health.Issue
	Close() error
}
