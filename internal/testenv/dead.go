package testenv

import (
	"context"

	"github.com/matchwire/matchwire/event"
)

// Dead returns the oldest dead letters of a queue, at most 10.
func Dead(ctx context.Context, d event.DeadLetters, queue string) (letters []event.DeadLetter, err error) {
	err = event.OldestDead(ctx, d, queue, 10, func(l event.DeadLetter) error {
		letters = append(letters, l)
		return nil
	})
	return letters, err
}
