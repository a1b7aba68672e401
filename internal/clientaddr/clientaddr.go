// Package clientaddr finds the address of an HTTP client, for limits on each client.
package clientaddr

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Of returns the network of the client that sent a request: its IPv4 address, or the first 64 bits of
// its IPv6 address, because one client can have all addresses of such a network. If a proxy on this
// machine or in a private network has forwarded the request, Of returns the address that this proxy
// saw: the last public address in X-Forwarded-For. It returns "" if the address is unknown.
func Of(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	address := peer.Addr().Unmap()
	if !public(address) {
		seen := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for _, text := range slices.Backward(seen) {
			other, err := netip.ParseAddr(strings.TrimSpace(text))
			if err != nil {
				break // what comes before it may be invented
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

// public reports whether an address is neither of this machine nor of a private network.
func public(a netip.Addr) bool { return !a.IsLoopback() && !a.IsPrivate() && !a.IsLinkLocalUnicast() }
