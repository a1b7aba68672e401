package broker

import (
	"errors"
	"strings"
	"time"
)

// Pauses returns how long a message waits after each failed attempt. After the last pause and one
// more attempt the message is dead-lettered, so it is tried len(Pauses())+1 times.
func Pauses() []time.Duration {
	return []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute}
}

// maxReason bounds the reason that is stored with a dead letter, in bytes.
const maxReason = 4 << 10

// Reason returns the text of err as it is stored with a message: bounded, and valid UTF-8.
func Reason(err error) string {
	s := err.Error()
	if len(s) > maxReason {
		s = s[:maxReason] + "…"
	}
	return strings.ToValidUTF8(s, "")
}

// A Disposition is what becomes of a message after an attempt.
type Disposition int

// The dispositions. All but Ack and Dead mean that the message is delivered again after a pause.
const (
	Ack       Disposition = iota // it is handled
	Retry                        // the attempt failed
	Postponed                    // the handler returned [Postpone]; no attempt is counted
	Outage                       // the error wraps [ErrUnavailable]; no attempt is counted
	Dead                         // it goes to the dead letters
)

// Classify returns what becomes of a message whose handler returned err. last says that no other
// attempt follows, as [Message] has it.
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

// outagePause bounds how long a message waits during an outage, so that all messages are soon
// delivered again when it ends.
const outagePause = 30 * time.Second

// Decide returns what becomes of a message whose handler returned err, and how long the message
// waits if it is delivered again. attempt counts from 1. outages counts the earlier attempts that
// an outage made fail. Without pauses, a message is tried once.
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
		short := 0
		for i, p := range pauses[:min(outages+1, len(pauses))] {
			if p <= outagePause {
				short = i
			}
		}
		return d, pauses[short]
	}
	return d, pauses[attempt-1]
}

// postponedPause returns the longest pause that ends before the message's time, or else the first
// one. The message is postponed again until its time has come.
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
