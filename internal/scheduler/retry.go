package scheduler

import (
	"log/slog"
	"math/rand/v2"
	"time"
)

// A retry determines the pauses between attempts at an operation that fails. It logs the first
// failure, later failures at most once a minute, and the next success.
type retry struct {
	fails, again string        // log messages for a failure and for the next success
	least, most  time.Duration // shortest and longest pause between two attempts; the pause doubles at each failure

	attempts      int       // number of consecutive failures
	since, logged time.Time // times of the first of these failures and of the latest logged failure
}

const logFailureEvery = time.Minute // shortest interval between two logged failures

// failed records a failure and returns the time until the next attempt. This time is random,
// between half of the current pause and the whole pause.
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
