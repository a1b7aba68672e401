package broker

import (
	"errors"
	"time"
)

// ErrUnavailable marks an error that is not the message's fault: a server that every message needs
// does not answer.
var ErrUnavailable = errors.New("unavailable")

// Unavailable returns an error with the text of err that wraps err and [ErrUnavailable].
func Unavailable(err error) error { return marked{err, ErrUnavailable} }

// Postpone returns the error that a handler returns for a message whose time has not come. The
// message is delivered again at about until, at most some seconds late, and no attempt is counted.
// why appears in the trace.
func Postpone(until time.Time, why string) error { return &PostponedError{until, why} }

// A PostponedError is what [Postpone] returns. It wraps [ErrUnavailable].
type PostponedError struct {
	Until time.Time
	why   string
}

func (p *PostponedError) Error() string {
	return "postponed until " + p.Until.UTC().Format(time.RFC3339) + ": " + p.why
}

func (p *PostponedError) Unwrap() error { return ErrUnavailable }

// ErrPermanent marks an error that trying again cannot fix.
var ErrPermanent = errors.New("permanent")

// Permanent returns an error with the text of err that wraps err and [ErrPermanent].
func Permanent(err error) error { return marked{err, ErrPermanent} }

type marked struct {
	error
	mark error
}

func (m marked) Unwrap() []error { return []error{m.error, m.mark} }
