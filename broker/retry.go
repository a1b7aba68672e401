package broker

import (
	"errors"
	"strings"
	"time"
)

// Pauses is how long a message waits after each failed attempt. When all are
// used up it is dead-lettered, so a message is tried len(Pauses)+1 times.
func Pauses() []time.Duration {
	return []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute}
}

// maxReason bounds the reason that goes with a dead letter, in bytes.
const maxReason = 4 << 10

// Reason is an error's text as it goes with a message: bounded, and UTF-8.
func Reason(err error) string {
	s := err.Error()
	if len(s) > maxReason {
		s = s[:maxReason] + "…"
	}
	return strings.ToValidUTF8(s, "")
}

// A Verdict is what becomes of a message after an attempt.
type Disposition int

// Ack: it is done. Retry: again, after a pause. Bury: to the dead letters.
const (
	Ack Disposition = iota
	Retry
	Dead
)

// outagePause bounds how long a message waits while a server is away: soon
// after its return all go on.
const outagePause = 30 * time.Second

// Judge says what becomes of a message whose handler returned err on that
// attempt (from 1), and how long it waits for the next. outages is how many
// more times it came to nothing because of an outage.
func Decide(err error, attempt, outages int, pauses []time.Duration) (Disposition, time.Duration) {
	var postponed *PostponedError
	switch {
	case err == nil:
		return Ack, 0
	case errors.As(err, &postponed) && len(pauses) > 0:
		// In as few pauses as lead there, the last of which may be too long.
		pause := pauses[0]
		for _, p := range pauses {
			if p <= time.Until(postponed.Until) {
				pause = max(pause, p)
			}
		}
		return Retry, pause
	case errors.Is(err, ErrPermanent):
		return Dead, 0
	case errors.Is(err, ErrUnavailable) && len(pauses) > 0:
		short := 0
		for i, p := range pauses[:min(outages+1, len(pauses))] {
			if p <= outagePause {
				short = i
			}
		}
		return Retry, pauses[short]
	case attempt > len(pauses):
		return Dead, 0
	}
	return Retry, pauses[attempt-1]
}
