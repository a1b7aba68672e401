package broker

import (
	"context"
	"time"

	"github.com/matchwire/matchwire/health"
)

// A Publisher puts messages on the exchanges. Its methods may be called at the
// same time by many.
type Publisher interface {
	// Publish sends msgs in order and returns when the broker has confirmed
	// them all: they stand in every queue that wants them. A task's queue is
	// made if there is none yet. What a lost connection leaves unconfirmed it sends again, so
	// a message may arrive twice, under the same ID. It returns how many of
	// the first messages are confirmed: all of them, unless ctx ends before
	// that, and then an error says what it was waiting for.
	Publish(ctx context.Context, msgs ...Message) (int, error)
}

// A Subscription names a durable queue and what it wants.
type Subscription struct {
	Queue    string          // shared, round-robin, by all who subscribe with this name
	Exchange Exchange        // what it is bound to
	Patterns []string        // topic patterns to bind it to, or keys of tasks, besides those it was bound to before
	Limit    int             // at most so many handlers at a time; 1 if less
	Timeout  time.Duration   // of one call of the handler; 30 s if 0
	Ready    chan<- struct{} // if not nil, closed once: what is published later arrives
}

// A Handler acts on one message. Messages may come twice, so acting twice on
// one ID must be as harmless as acting once. A nil error acknowledges the
// message, one that wraps [ErrPermanent] dead-letters it with its text as the
// reason, any other has it redelivered after a pause, which grows with each
// attempt, and dead-lettered when there were too many; but never for one that
// wraps [ErrUnavailable], and at its time for one of [Postpone]. A panic is an error like any other.
//
// ctx does not end when the subscription does: the handler is waited for. It
// ends when the handler took too long; one that does not return then is given
// up, which counts as an error, and may go on beside the next attempt.
type Handler func(ctx context.Context, m Message) error

// A Subscriber delivers messages.
type Subscriber interface {
	// Declare makes the queue and binds it, without consuming: what is
	// published after it returns waits there. It tries until ctx ends.
	Declare(ctx context.Context, s Subscription) error

	// Subscribe declares the queue, binds it and calls h for its messages
	// until ctx ends; then it waits for every h to return, or to be given up.
	// Messages that no handler has acknowledged go back to the queue. A lost connection is
	// made again. An error means that trying again cannot help.
	Subscribe(ctx context.Context, s Subscription, h Handler) error
}

// A Broker is all that a message broker does for matchwire.
type Broker interface {
	Publisher
	Subscriber
	Log
	DeadLetters
	// Health says what is not well: a server that cannot be reached or takes
	// nothing, a queue so full that its oldest messages drop. It looks until
	// ctx ends, and no longer.
	Health(ctx context.Context) []health.Issue
	Close() error
}
