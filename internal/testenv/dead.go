package testenv

import (
	"context"

	"github.com/matchwire/matchwire/broker"
)

// Dead returns the oldest dead letters of a queue, at most 10.
func Dead(ctx context.Context, d broker.DeadLetters, queue string) (letters []broker.DeadLetter, err error) {
	err = broker.OldestDead(ctx, d, queue, 10, func(l broker.DeadLetter) error {
		letters = append(letters, l)
		return nil
	})
	return letters, err
}
