package page

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ErrUnchanged says that the site has nothing newer than the last page.
var ErrUnchanged = errors.New("page unchanged")

// A RefusedError is an answer other than a page.
type RefusedError struct {
	Status int           // of HTTP; 0 where robots.txt forbids the page
	Wait   time.Duration // what the site asked for by Retry-After; 0 if nothing
}

func (e *RefusedError) Error() string {
	if e.Status == 0 {
		return "the site's robots.txt forbids it"
	}
	return fmt.Sprintf("the site answered %d %s", e.Status, http.StatusText(e.Status))
}

// Forbidden reports whether the site does not want the page fetched at all,
// which nobody should try to get around.
func (e *RefusedError) Forbidden() bool {
	switch e.Status {
	case 0, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnavailableForLegalReasons:
		return true
	}
	return false
}

// A BusyError reports that the next free slot at a host is too far away to wait for it.
type BusyError struct{ Wait time.Duration }

func (e *BusyError) Error() string {
	return fmt.Sprintf("too many pages of one host: the next slot is in %v", e.Wait.Round(time.Millisecond))
}

// A PrivateError says that a page stands where only this machine or its network
// can see it. Whoever may say what is polled shall not look around there.
type PrivateError struct{ Host string }

func (e *PrivateError) Error() string {
	return fmt.Sprintf("%s is an address of this machine or of a private network: fetch.private_addresses in matchwire.yaml allows those", e.Host)
}

// PublicReason returns why a page could not be fetched, in words that everybody may read. The text
// of a network error is left out: it may name hosts of the operator.
func PublicReason(err error) string {
	var refused *RefusedError
	var private *PrivateError
	switch {
	case errors.As(err, &refused):
		return refused.Error()
	case errors.As(err, &private):
		return "its address is one of this machine or of a private network"
	case errors.Is(err, context.DeadlineExceeded):
		return "the site does not answer in time"
	}
	return "the site cannot be reached, or what it sends cannot be read"
}
