package netguard

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
)

// A transport sends requests only to URLs and addresses that its policy allows.
type transport struct {
	policy Policy
	proxy  func(*http.Request) (*url.URL, error) // can be nil
	next   *http.Transport
}

// NewTransport returns a transport that sends only requests that p allows, including requests after redirects.
// Other requests fail with a [RefusedError]. The transport has the settings of base, except for the dial
// functions of base. base.Proxy chooses the proxies. A proxy resolves names itself. So for a request through a
// proxy, the transport checks the URL, but not the addresses of a name. It does not check the address of a
// proxy.
//
// Requests that have different policies need different transports, because a transport reuses connections.
func NewTransport(p Policy, base *http.Transport, n Network) http.RoundTripper {
	next := base.Clone()
	next.Proxy = func(r *http.Request) (*url.URL, error) { return proxyOf(r.Context()), nil }
	guarded := p.Dial(n)
	next.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if proxyOf(ctx) != nil { // address is the address of the proxy
			return n.connect(ctx, network, address, func(netip.Addr) Reason { return 0 })
		}
		return guarded(ctx, network, address)
	}
	next.DialTLSContext = nil
	return &transport{policy: p, proxy: base.Proxy, next: next}
}

type proxyKey struct{}

// proxyOf returns the proxy for a request, or nil.
func proxyOf(ctx context.Context) *url.URL {
	proxy, _ := ctx.Value(proxyKey{}).(*url.URL)
	return proxy
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	var proxy *url.URL
	var err error
	if t.proxy != nil {
		proxy, err = t.proxy(r)
	}
	if err == nil {
		err = t.policy.check(r.URL, proxy != nil, approvedPort(r.Context()))
	}
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	return t.next.RoundTrip(r.WithContext(context.WithValue(r.Context(), proxyKey{}, proxy)))
}

// CloseIdleConnections lets [http.Client.CloseIdleConnections] close the idle connections of t.
func (t *transport) CloseIdleConnections() { t.next.CloseIdleConnections() }
