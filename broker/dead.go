package broker

import (
	"context"
	"errors"
	"time"
)

// A DeadLetter is a message that its consumer failed to handle.
type DeadLetter struct {
	Message             // Attempt is the number of failed attempts, excluding outages and postponements
	Reason    string    // text of the last error
	FirstSeen time.Time // when the message was first delivered
}

// A DeadAction is what [DeadLetters.WalkDead] does with a dead letter.
type DeadAction int

// The actions of a walk.
const (
	Keep    DeadAction = iota // leave the dead letter where it is
	Requeue                   // move it back to its queue; its attempts start from 1 again
	Discard                   // delete it
)

// DeadLetters gives access to the dead letters of all queues.
type DeadLetters interface {
	// CountDead returns the number of dead letters of a queue. If the queue does not exist, the
	// error wraps [ErrNoQueue].
	CountDead(ctx context.Context, queue string) (int, error)

	// WalkDead calls h for each dead letter of a queue, oldest first, and performs the action that
	// h returns. It visits only the dead letters that existed when it began. If h returns an error,
	// WalkDead performs the actions of the earlier calls and returns the error. WalkDead deletes a
	// requeued dead letter only after the queue has stored a copy of it. So a message may be
	// handled twice, but none is lost. Concurrent walks visit different dead letters.
	WalkDead(ctx context.Context, queue string, h func(DeadLetter) (DeadAction, error)) error
}

// ErrNoQueue reports that a queue does not exist.
var ErrNoQueue = errors.New("no such queue")

// OldestDead calls h for at most limit dead letters of a queue, oldest first. All of them stay in
// the queue. If h returns an error, OldestDead returns that error.
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
