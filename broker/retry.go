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

// Judge says what becomes of a message whose handler returned err on that
// attempt (from 1), with so many pauses to give.
func Judge(err error, attempt, pauses int) Verdict {
	switch {
	case err == nil:
		return Ack
	case errors.Is(err, event.ErrPermanent) || attempt > pauses:
		return Bury
	default:
		return Retry
	}
}
