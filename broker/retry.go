package broker

import (
	"errors"
	"strings"
	"time"
)

// Pauses returns the default pauses before the second and each later attempt to handle a message. A
// message gets len(Pauses())+1 attempts. If the last attempt fails, the message is dead-lettered.
func Pauses() []time.Duration {
	return []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute}
}

// maxReason is the maximum length of a stored reason, in bytes, without the ellipsis.
const maxReason = 4 << 10

// Reason returns the text of err to store with a message. The text is valid UTF-8. If it is longer
// than 4 KiB, Reason cuts it and adds an ellipsis.
func Reason(err error) string {
	s := err.Error()
	if len(s) > maxReason {
		s = s[:maxReason] + "…"
	}
	return strings.ToValidUTF8(s, "")
}

// A Disposition is what the broker does with a message after an attempt.
type Disposition int

// The dispositions. With Retry, Postponed or Outage, the message is redelivered after a pause.
const (
	Ack       Disposition = iota // acknowledge the message
	Retry                        // the attempt failed
	Postponed                    // the error is from [Postpone]; the attempt does not count
	Outage                       // the error wraps [ErrUnavailable]; the attempt does not count
	Dead                         // dead-letter the message
)

// Classify returns the disposition of a message whose handler returned err. last is [Message.Last].
func Classify(err error, last bool) Disposition {
	switch {
	case err == nil:
		return Ack
	case errors.As(err, new(*PostponedError)):
		return Postponed
	case errors.Is(err, ErrPermanent):
		return Dead
	case errors.Is(err, ErrUnavailable):
		return Outage
	case last:
		return Dead
	}
	return Retry
}

// outagePause is the maximum pause during an outage, so that messages are redelivered soon after
// the outage. If all pauses are longer, the first pause is used.
const outagePause = 30 * time.Second

// Decide returns the disposition of a message whose handler returned err, and the pause before the
// message is redelivered. attempt counts from 1. outages is the number of earlier attempts that
// failed in an outage or were postponed. If pauses is empty, a message gets one attempt.
func Decide(err error, attempt, outages int, pauses []time.Duration) (Disposition, time.Duration) {
	d := Classify(err, attempt > len(pauses))
	switch {
	case d == Ack || d == Dead:
		return d, 0
	case len(pauses) == 0:
		return Dead, 0
	case d == Postponed:
		return d, postponedPause(err, pauses)
	case d == Outage:
		longest := 0
		for i, p := range pauses[:min(outages+1, len(pauses))] {
			if p <= outagePause {
				longest = i
			}
		}
		return d, pauses[longest]
	}
	return d, pauses[attempt-1]
}

// postponedPause returns the longest of pauses that ends before the time of the [PostponedError].
// If all pauses are too long, it returns the first pause. After the pause, the handler may postpone
// the message again.
func postponedPause(err error, pauses []time.Duration) time.Duration {
	var postponed *PostponedError
	errors.As(err, &postponed)
	pause := pauses[0]
	for _, p := range pauses {
		if p <= time.Until(postponed.Until) {
			pause = max(pause, p)
		}
	}
	return pause
}
