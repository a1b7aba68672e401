package broker

import (
	"context"
	"errors"
	"time"
)

// A DeadLetter is a message that its consumer could not handle.
type DeadLetter struct {
	Message             // Attempt counts the deliveries
	Reason    string    // the text of the last error
	FirstSeen time.Time // when it was first delivered
}

// A Fate is what becomes of a dead letter that was looked at.
type DeadAction int

// Keep leaves it where it is, Revive puts it back into its queue as if it had
// never been tried, Discard removes it.
const (
	Keep DeadAction = iota
	Requeue
	Discard
)

// DeadLetters are the messages that queues gave up on.
type DeadLetters interface {
	// CountDead returns how many dead letters a queue has. A queue that nobody
	// ever declared is an error that wraps [ErrNoQueue].
	CountDead(ctx context.Context, queue string) (int, error)

	// WalkDead shows h the dead letters of a queue, oldest first, and does with
	// each what h says. It ends after those that stood there when it began, or
	// when h returns an error, which it returns; what h was shown before that
	// is done. A letter is gone only when its copy is safe in the queue, so one
	// may be handled twice, but none is lost. Who walks at the same time does
	// not see the same letters.
	WalkDead(ctx context.Context, queue string, h func(DeadLetter) (DeadAction, error)) error
}

// ErrNoQueue says that there is no queue of a name.
var ErrNoQueue = errors.New("no such queue")

// OldestDead shows h the oldest dead letters of a queue, at most limit, and
// takes nothing away. An error of h ends it.
func OldestDead(ctx context.Context, d DeadLetters, queue string, limit int, h func(DeadLetter) error) error {
	enough := errors.New("enough")
	shown := 0
	err := d.WalkDead(ctx, queue, func(l DeadLetter) (DeadAction, error) {
		if shown == limit {
			return Keep, enough
		}
		shown++
		return Keep, h(l)
	})
	if errors.Is(err, enough) {
		return nil
	}
	return err
}
