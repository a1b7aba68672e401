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

// A DeadAction is what a walk does with a dead letter.
type DeadAction int

// The actions.
const (
	Keep    DeadAction = iota // leave it where it is
	Requeue                   // move it back to its queue, as if it had never been tried
	Discard                   // remove it
)

// DeadLetters are the messages that queues gave up on.
type DeadLetters interface {
	// CountDead returns how many dead letters a queue has. If the queue was never declared, the
	// error wraps [ErrNoQueue].
	CountDead(ctx context.Context, queue string) (int, error)

	// WalkDead calls h for each dead letter of a queue, oldest first, and does what h returns. It
	// ends after the letters that were there when it began. It also ends when h returns an error,
	// which WalkDead then returns; the actions for the earlier letters are carried out. A letter is
	// removed only when its copy is safe in the queue, so one may be handled twice, but none is
	// lost. Concurrent walks do not see the same letters.
	WalkDead(ctx context.Context, queue string, h func(DeadLetter) (DeadAction, error)) error
}

// ErrNoQueue reports that no queue has the name.
var ErrNoQueue = errors.New("no such queue")

// OldestDead calls h for the oldest dead letters of a queue, at most limit, and keeps them all. If h
// returns an error, OldestDead ends and returns it.
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
