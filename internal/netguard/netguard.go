// Package netguard decides which addresses this process may connect to for an untrusted URL. A URL is
// untrusted if it comes from an API call, a browser or a redirect, or if others control the DNS server for its
// host name. Without a guard, an untrusted URL could reach services on private networks, or the metadata
// service of a cloud, which issues credentials (server-side request forgery, SSRF).
//
// A [Policy] checks a URL before the request, and each IP address when connecting. So it also refuses a name
// that resolves to a refused address only after the first check.
package netguard

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
)

// A Policy says which addresses and ports a process may connect to. The zero Policy allows public addresses
// and the ports 80 and 443.
type Policy struct {
	// Private allows addresses on this machine and on private networks, but not link-local addresses or
	// addresses of cloud metadata.
	Private bool
	// Networks are private networks that are allowed. A network allows link-local addresses and addresses of
	// cloud metadata only if it contains nothing else: 169.254.169.254/32 allows one such address, 0.0.0.0/0
	// allows none.
	Networks []netip.Prefix
	// AnyPort allows all ports.
	AnyPort bool
	// Ports are the ports that are allowed in addition to 80 and 443.
	Ports []uint16
}

// IsZero reports whether p is the zero Policy.
func (p Policy) IsZero() bool {
	return !p.Private && len(p.Networks) == 0 && !p.AnyPort && len(p.Ports) == 0
}

// Or returns a policy that allows what p or q allows.
func (p Policy) Or(q Policy) Policy {
	return Policy{
		Private: p.Private || q.Private, Networks: slices.Concat(p.Networks, q.Networks),
		AnyPort: p.AnyPort || q.AnyPort, Ports: slices.Concat(p.Ports, q.Ports),
	}
}

// A Reason says why a policy refuses a URL or an address.
type Reason int

// The reasons.
const (
	Private  Reason = iota + 1 // the address is on this machine or on a private network
	Metadata                   // the address is link-local, or belongs to the metadata service of a cloud
	Port                       // the port is not allowed
)

// A RefusedError means that a policy refuses a URL or an address.
type RefusedError struct {
	Host   string // the host of the URL, the IP address, or host:port if the port is refused
	Reason Reason
}

func (e *RefusedError) Error() string {
	switch e.Reason {
	case Metadata:
		return e.Host + " is a link-local address or an address of cloud metadata"
	case Port:
		return e.Host + ": the port is not allowed"
	}
	return e.Host + " is an address on this machine or on a private network"
}

// CheckURL returns a [RefusedError] if p refuses an http or https URL. It does not resolve names: it refuses a
// name only if the name always means a refused address, such as localhost.
func (p Policy) CheckURL(u *url.URL) error {
	return p.check(u, false, 80)
}

// Check is like CheckURL, but also resolves the name in the URL. It refuses the URL if p refuses one of the
// addresses. If the name cannot be resolved, Check returns nil: the address is checked again when
// connecting.
func (p Policy) Check(ctx context.Context, n Network, u *url.URL) error {
	if err := p.CheckURL(u); err != nil {
		return err
	}
	ips, err := n.lookup(ctx, u.Hostname())
	if err != nil {
		return nil
	}
	for _, ip := range ips {
		if reason := p.refuses(ip); reason != 0 {
			return &RefusedError{u.Hostname(), reason}
		}
	}
	return nil
}

// check implements CheckURL. It also allows the port approved. If byProxy is true, a proxy resolves the name,
// so that nothing checks the addresses of the name. Therefore, check then also refuses names that usually
// exist only on private networks.
func (p Policy) check(u *url.URL, byProxy bool, approved uint16) error {
	if reason := p.refusesHost(u.Hostname(), byProxy); reason != 0 {
		return &RefusedError{u.Hostname(), reason}
	}
	if port := PortOf(u); !p.allowsPort(port) && port != approved {
		return &RefusedError{fmt.Sprintf("%s:%d", u.Hostname(), port), Port}
	}
	return nil
}

func (p Policy) allowsPort(port uint16) bool {
	return p.AnyPort || port == 80 || port == 443 || slices.Contains(p.Ports, port)
}

// refuses returns why p refuses an address, or 0 if it allows the address.
func (p Policy) refuses(ip netip.Addr) Reason {
	ip = plain(ip)
	reason, within := classify(ip)
	switch {
	case reason == 0, reason == Private && p.Private:
		return 0
	case slices.ContainsFunc(p.Networks, func(n netip.Prefix) bool { return n.Contains(ip) && n.Bits() >= within }):
		return 0
	}
	return reason
}

// PortOf returns the port of an http or https URL. It returns 0 if the port is invalid.
func PortOf(u *url.URL) uint16 {
	switch {
	case u.Port() == "" && u.Scheme == "https":
		return 443
	case u.Port() == "":
		return 80
	}
	port, _ := strconv.ParseUint(u.Port(), 10, 16)
	return uint16(port)
}

type portKey struct{}

// WithPort returns a context whose requests may use a port in addition to those of the policy. Use it with the
// port of a URL that was checked before, so that redirects to the same port are possible.
func WithPort(ctx context.Context, port uint16) context.Context {
	return context.WithValue(ctx, portKey{}, port)
}

// approvedPort returns the port from WithPort, or 80, which is always allowed.
func approvedPort(ctx context.Context) uint16 {
	if port, ok := ctx.Value(portKey{}).(uint16); ok {
		return port
	}
	return 80
}
