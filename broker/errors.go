package broker

import (
	"errors"
	"time"
)

// ErrUnavailable marks an error that the message did not cause: a server that every message needs
// is unavailable.
var ErrUnavailable = errors.New("unavailable")

// Unavailable returns an error that has the text of err and wraps both err and [ErrUnavailable].
func Unavailable(err error) error { return marked{err, ErrUnavailable} }

// Postpone returns an error. A handler that returns this error postpones the message: the attempt
// does not count, and the message is redelivered at about the time in until, or earlier. After an
// early redelivery, the handler must postpone the message again. reason appears in the trace.
func Postpone(until time.Time, reason string) error { return &PostponedError{until, reason} }

// A PostponedError is the error that [Postpone] returns. It wraps [ErrUnavailable].
type PostponedError struct {
	Until  time.Time // when to redeliver the message
	reason string
}

// Error returns the time and the reason.
func (p *PostponedError) Error() string {
	return "postponed until " + p.Until.UTC().Format(time.RFC3339) + ": " + p.reason
}

// Unwrap returns [ErrUnavailable].
func (p *PostponedError) Unwrap() error { return ErrUnavailable }

// ErrPermanent marks an error that retrying cannot fix.
var ErrPermanent = errors.New("permanent")

// Permanent returns an error that has the text of err and wraps both err and [ErrPermanent].
func Permanent(err error) error { return marked{err, ErrPermanent} }

// A marked error has the text of the embedded error. It wraps the embedded error and mark.
type marked struct {
	error
	mark error
}

func (m marked) Unwrap() []error { return []error{m.error, m.mark} }
