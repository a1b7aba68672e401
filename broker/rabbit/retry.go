package rabbit

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// maxPause is the maximum pause between two attempts, before jitter changes it by up to half.
const maxPause = 4 * time.Second

// retry calls try, with growing pauses, until try succeeds or ctx ends. It also returns if the
// Broker is closed, the broker refuses a declaration, or permanent reports true for the error. It
// logs text before each further attempt. An attempt that lasts longer than maxPause resets the pause.
func retry(ctx context.Context, log *slog.Logger, text string, permanent func(error) bool, try func() error) error {
	pause := newBackoff()
	for {
		began := time.Now()
		err := try()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case permanent(err) || errors.Is(err, errRefused) || errors.Is(err, errClosed):
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

// never reports false. Use it as the permanent argument of retry if all errors may be temporary.
func never(error) bool { return false }

func newBackoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff() // from 0.5 s, growing by a factor of 1.5, with a jitter of up to half
	b.MaxInterval = maxPause
	b.Reset()
	return b
}

// sleep waits for d. It reports false if ctx ends first.
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
