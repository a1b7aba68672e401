package scheduler

import (
	"log/slog"
	"math/rand/v2"
	"time"
)

// A retry spaces the attempts at an operation that fails. It logs the first failure, then at most
// one a minute, and the next success.
type retry struct {
	fails, again string        // constant log messages
	least, most  time.Duration // between two attempts; it doubles from least to most

	attempts      int // consecutive failures
	since, logged time.Time
}

const logFailureEvery = time.Minute

// failed records a failure and returns how long to wait before the next attempt: a random time
// between half of the present pause and all of it.
func (r *retry) failed(log *slog.Logger, err error) time.Duration {
	now := time.Now()
	if r.attempts == 0 {
		r.since = now
	}
	r.attempts++
	if now.Sub(r.logged) >= logFailureEvery {
		r.logged = now
		log.Warn(r.fails, "error", err, "attempts", r.attempts, "since", r.since)
	}
	pause := min(r.least<<min(r.attempts-1, 16), r.most)
	return pause/2 + rand.N(pause/2)
}

// succeeded records a success.
func (r *retry) succeeded(log *slog.Logger) {
	if r.attempts > 0 {
		log.Info(r.again, "attempts", r.attempts, "failing_since", r.since)
	}
	r.attempts, r.logged = 0, time.Time{}
}
