package page

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// ErrUnchanged means that the page has not changed since the fetcher last fetched it.
var ErrUnchanged = errors.New("page unchanged")

// A RefusedError means that the site answered with a status other than 200, that its robots.txt
// forbids the page, or that requests to the host are paused.
type RefusedError struct {
	Status int           // status of the HTTP response; 0 if robots.txt forbids the page; 429 during a pause
	Wait   time.Duration // how long to wait: the Retry-After, or the rest of the pause; 0 if unknown
}

func (e *RefusedError) Error() string {
	if e.Status == 0 {
		return "the site's robots.txt forbids the page"
	}
	return fmt.Sprintf("the site answered %d %s", e.Status, http.StatusText(e.Status))
}

// Forbidden reports whether the site forbids the page. If so, do not request the page again.
func (e *RefusedError) Forbidden() bool {
	switch e.Status {
	case 0, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnavailableForLegalReasons:
		return true
	}
	return false
}

// A BusyError means that too many requests are waiting for a host. Wait is the time until the next
// slot. If too many requests to the host have not ended within [Options.MaxWait], Wait is MaxWait.
type BusyError struct{ Wait time.Duration }

func (e *BusyError) Error() string {
	return fmt.Sprintf("too many requests wait for the host: the next slot is in %v", e.Wait.Round(time.Millisecond))
}

// A PrivateError means that the host of a URL is, or resolves to, a private address. These addresses are private:
// addresses of this machine, addresses on a private network, link-local addresses, and addresses of cloud metadata.
// Clients of the API must not reach them through matchwire.
type PrivateError struct {
	Host     string
	Metadata bool // whether the address is link-local or an address of cloud metadata
}

func (e *PrivateError) Error() string {
	if e.Metadata {
		return fmt.Sprintf("%s is a link-local address or an address of cloud metadata: "+
			"to allow it, list the address in fetch.private_addresses in matchwire.yaml", e.Host)
	}
	value := "true"
	if ip, err := netip.ParseAddr(strings.Trim(e.Host, "[]")); err == nil {
		value = fmt.Sprintf("[%q], or to true for all such addresses", ip)
	}
	return fmt.Sprintf("%s is an address on this machine or on a private network: "+
		"to allow it, set fetch.private_addresses in matchwire.yaml to %s", e.Host, value)
}

// A PortError means that the port of a URL is not allowed. The URL comes from a client of the API or from a
// redirect.
type PortError struct{ Address string } // host:port

func (e *PortError) Error() string {
	return fmt.Sprintf("%s: API calls and redirects can use only ports 80 and 443: "+
		"to allow another port, list it in fetch.ports in matchwire.yaml", e.Address)
}

// PublicReason returns why a page could not be fetched, for events and the API. The reason does not
// contain the text of network errors, which may name hosts of the operator.
func PublicReason(err error) string {
	var refused *RefusedError
	var private *PrivateError
	var port *PortError
	switch {
	case errors.As(err, &refused):
		return refused.Error()
	case errors.As(err, &private) && private.Metadata:
		return "the address of the page is link-local or an address of cloud metadata"
	case errors.As(err, &private):
		return "the address of the page is on this machine or on a private network"
	case errors.As(err, &port):
		return "the site redirects the page to a port that is not allowed"
	case errors.Is(err, context.DeadlineExceeded):
		return "the site did not answer in time"
	}
	return "the site cannot be reached, or its response cannot be read"
}
