package broker

import (
	"errors"
	"time"
)

// ErrUnavailable marks an error that is not the message's fault: a server that
// every message needs does not answer.
var ErrUnavailable = errors.New("unavailable")

// Unavailable marks err as one that ends with an outage. Its text stays the same.
func Unavailable(err error) error { return marked{err, ErrUnavailable} }

// Postpone is what a handler returns of a message whose time has not come: it is
// delivered again at about until, some seconds late at most, and no attempt is
// counted. why goes into the trace.
func Postpone(until time.Time, why string) error { return &PostponedError{until, why} }

// A PostponedError is what [Postpone] returns. It is an [ErrUnavailable] too.
type PostponedError struct {
	Until time.Time
	why   string
}

func (p *PostponedError) Error() string {
	return "postponed until " + p.Until.UTC().Format(time.RFC3339) + ": " + p.why
}

func (p *PostponedError) Unwrap() error { return ErrUnavailable }

// ErrPermanent marks an error that no retry can heal.
var ErrPermanent = errors.New("permanent")

// Permanent marks err as one that no retry can heal. Its text stays the same.
func Permanent(err error) error { return marked{err, ErrPermanent} }

type marked struct {
	error
	mark error
}

func (m marked) Unwrap() []error { return []error{m.error, m.mark} }
