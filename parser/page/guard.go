package page

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/matchwire/matchwire/internal/netguard"
)

// A Policy says which addresses and ports pages may have. The zero Policy allows public addresses and ports
// 80 and 443. A fetcher can always use the port of its own URL.
type Policy = netguard.Policy

// A guardedTransport checks the URL and the addresses of every request. It allows what the policy of the client
// or the policy of the request allows. It has a transport for each policy, so that a request cannot use a
// connection that only another policy allows.
type guardedTransport struct {
	base    *http.Transport
	network netguard.Network
	policy  Policy

	mu         sync.Mutex
	transports map[string]http.RoundTripper // by policy
}

func newGuardedTransport(base *http.Transport, n netguard.Network, p Policy) *guardedTransport {
	fromEnvironment := base.Proxy
	base.Proxy = func(r *http.Request) (*url.URL, error) {
		if own := requestOf(r.Context()).Proxy; own != nil || fromEnvironment == nil {
			return own, nil
		}
		return fromEnvironment(r)
	}
	return &guardedTransport{base: base, network: n, policy: p, transports: map[string]http.RoundTripper{}}
}

// RoundTrip implements [http.RoundTripper]. The error is a [PrivateError] or a [PortError] if the policy
// refuses the request.
func (g *guardedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := g.transport(g.policy.Or(requestOf(r.Context()).Allow)).RoundTrip(r)
	return resp, guardError(err)
}

// transport returns the transport for a policy.
func (g *guardedTransport) transport(p Policy) http.RoundTripper {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := fmt.Sprint(p)
	if g.transports[key] == nil {
		g.transports[key] = netguard.NewTransport(p, g.base, g.network)
	}
	return g.transports[key]
}

// guardError returns a [PrivateError] or a [PortError] if a policy caused err. It returns other errors unchanged.
func guardError(err error) error {
	var refused *netguard.RefusedError
	switch {
	case !errors.As(err, &refused):
		return err
	case refused.Reason == netguard.Port:
		return &PortError{refused.Host}
	}
	return &PrivateError{Host: refused.Host, Metadata: refused.Reason == netguard.Metadata}
}

// isRefused reports whether a policy caused err. Such an error must not be stored for a host, because the policy of
// another page of the same host can differ.
func isRefused(err error) bool {
	var private *PrivateError
	var port *PortError
	return errors.As(err, &private) || errors.As(err, &port)
}

// CheckAddress returns a [PrivateError] or a [PortError] if a policy refuses a URL. It does not resolve names:
// Fetch checks the addresses of the host.
func CheckAddress(u *url.URL, p Policy) error { return guardError(p.CheckURL(u)) }

// ResolveAddress is like CheckAddress, but also checks the addresses that the host has now. It returns nil if the
// name cannot be resolved. Fetch checks the addresses again.
func ResolveAddress(ctx context.Context, u *url.URL, p Policy) error {
	return guardError(p.Check(ctx, netguard.Network{}, u))
}
