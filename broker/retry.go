// Package broker holds what every broker does alike. The brokers themselves
// are the packages below it; the contract they keep is in package event, and
// brokertest checks it.
package broker

import (
	"errors"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
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
type Verdict int

// Ack: it is done. Retry: again, after a pause. Bury: to the dead letters.
const (
	Ack Verdict = iota
	Retry
	Bury
)

// outagePause bounds how long a message waits while a server is away: soon
// after its return all go on.
const outagePause = 30 * time.Second

// Judge says what becomes of a message whose handler returned err on that
// attempt (from 1), and how long it waits for the next. outages is how many
// more times it came to nothing because of an outage.
func Judge(err error, attempt, outages int, pauses []time.Duration) (Verdict, time.Duration) {
	var postponed *event.PostponedError
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
	case errors.Is(err, event.ErrPermanent):
		return Bury, 0
	case errors.Is(err, event.ErrUnavailable) && len(pauses) > 0:
		short := 0
		for i, p := range pauses[:min(outages+1, len(pauses))] {
			if p <= outagePause {
				short = i
			}
		}
		return Retry, pauses[short]
	case attempt > len(pauses):
		return Bury, 0
	}
	return Retry, pauses[attempt-1]
}
