// Package clientaddr finds the address of an HTTP client, for limits per client.
package clientaddr

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Of returns the IPv4 address of the client that sent a request, or the /64 network of its IPv6
// address, because one client can use all addresses of such a network. It returns "" if the address
// is unknown.
//
// If the request comes from this machine or from a private network, a proxy may have forwarded it.
// In that case, Of uses the last public address in X-Forwarded-For, which is the address that the
// proxy saw. Of ignores all addresses before text that is not an address. If no public address is
// left, Of uses a private address.
func Of(r *http.Request) string {
	address, proxied := peer(r)
	if !address.IsValid() {
		return ""
	}
	if proxied {
		seen := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for _, text := range slices.Backward(seen) {
			other, err := netip.ParseAddr(strings.TrimSpace(text))
			if err != nil {
				break // the client may have invented the addresses before this text
			}
			if address = other.Unmap(); public(address) {
				break
			}
		}
	}
	if address.Is4() {
		return address.String()
	}
	network, err := address.Prefix(64)
	if err != nil {
		return ""
	}
	return network.String()
}

// Proxied reports whether a request comes from this machine or from a private network, so that a proxy may
// have forwarded it, with X-Forwarded-For.
func Proxied(r *http.Request) bool {
	_, proxied := peer(r)
	return proxied
}

// peer returns the address at the other end of the connection, and whether it can be a proxy. The address
// is invalid if it is unknown.
func peer(r *http.Request) (address netip.Addr, proxied bool) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	address = at.Addr().Unmap()
	return address, !public(address)
}

// public reports whether an address belongs neither to this machine nor to a private network.
func public(a netip.Addr) bool { return !a.IsLoopback() && !a.IsPrivate() && !a.IsLinkLocalUnicast() }
