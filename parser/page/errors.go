package page

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ErrUnchanged reports that the page has not changed since it was fetched last.
var ErrUnchanged = errors.New("page unchanged")

// A RefusedError reports that the site answered with something other than a page, or that its
// robots.txt forbids the page.
type RefusedError struct {
	Status int           // of the HTTP answer; 0 if robots.txt forbids the page
	Wait   time.Duration // from Retry-After; 0 if the site gave none
}

func (e *RefusedError) Error() string {
	if e.Status == 0 {
		return "the site's robots.txt forbids it"
	}
	return fmt.Sprintf("the site answered %d %s", e.Status, http.StatusText(e.Status))
}

// Forbidden reports whether the site forbids the page, so that it must not be asked again.
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

// A PrivateError reports that a URL leads to this machine or a private network. Clients of the API
// must not reach those through matchwire.
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
