package rabbit

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// maxPause bounds the pause between two attempts, give or take half.
const maxPause = 4 * time.Second

// persist calls try, with growing pauses, until it succeeds, ctx ends, or
// trying again cannot help: the broker was closed, it refuses a declaration for
// good, or final says so. It logs text before each further attempt.
func persist(ctx context.Context, log *slog.Logger, text string, final func(error) bool, try func() error) error {
	pause := newBackoff()
	for {
		began := time.Now()
		err := try()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case final(err) || errors.Is(err, errRefused) || errors.Is(err, errClosed):
			return err
		}
		if time.Since(began) > maxPause {
			pause.Reset()
		}
		wait := pause.NextBackOff()
		log.Warn(text, "error", err, "pause", wait.Round(time.Millisecond))
		sleep(ctx, wait)
	}
}

// never is the final of a persist that has no final errors of its own.
func never(error) bool { return false }

func newBackoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff() // from half a second, each 1.5 times the last, give or take half
	b.MaxInterval = maxPause
	b.Reset()
	return b
}

// sleep waits for d, or reports false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
