package broker

import (
	"errors"
	"time"
)

// ErrUnavailable marks an error that the message did not cause: a server that every message needs
// is unavailable.
var ErrUnavailable = errors.New("unavailable")

// Unavailable returns an error with the text of err that wraps err and [ErrUnavailable].
func Unavailable(err error) error { return marked{err, ErrUnavailable} }

// Postpone returns the error with which a handler postpones a message. The attempt does not count.
// The message is redelivered at about until, or earlier. If it is too early, the handler must
// postpone the message again. reason appears in the trace.
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

// Permanent returns an error with the text of err that wraps err and [ErrPermanent].
func Permanent(err error) error { return marked{err, ErrPermanent} }

// A marked error has the text of one error and also wraps another.
type marked struct {
	error
	mark error
}

func (m marked) Unwrap() []error { return []error{m.error, m.mark} }
