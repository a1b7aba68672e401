package page

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// reserved contains the ranges that are not public, but that the methods of [netip.Addr] do not
// report as private.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"),
}

// isPublic reports whether ip is an address of the public Internet.
func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	for _, r := range reserved {
		if r.Contains(ip) {
			return false
		}
	}
	return ip.IsGlobalUnicast() && !ip.IsPrivate()
}

// IsPrivate reports whether the host of a URL is a private address or localhost. It does not
// resolve names.
func IsPrivate(u *url.URL) bool {
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		return !isPublic(ip)
	}
	name := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// ResolvesToPrivate reports whether the host of a URL now resolves to a private address. It returns
// false if the name cannot be resolved. [Fetcher.Fetch] checks the address again when it connects.
func ResolvesToPrivate(ctx context.Context, u *url.URL) bool {
	if IsPrivate(u) {
		return true
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	return err == nil && slices.ContainsFunc(ips, func(ip netip.Addr) bool { return !isPublic(ip) })
}

// restrictToPublic makes a transport connect only to public addresses, and to the proxies in the
// environment and in the settings of a request. The transport checks an address when dialing, so a
// name cannot resolve to another address after the check. A proxy resolves names itself. So with a
// proxy, the check covers only URLs that contain an IP address or localhost.
func restrictToPublic(t *http.Transport) {
	anyDialer := &net.Dialer{Timeout: fetchTimeout, KeepAlive: 30 * time.Second}
	publicDialer := &net.Dialer{
		Timeout: anyDialer.Timeout, KeepAlive: anyDialer.KeepAlive,
		Control: func(_, address string, _ syscall.RawConn) error {
			addrPort, err := netip.ParseAddrPort(address)
			if err != nil || !isPublic(addrPort.Addr()) {
				return &PrivateError{address}
			}
			return nil
		},
	}
	proxies := proxyAddresses()
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		own := requestOf(ctx).Proxy
		if proxies[address] || own != nil && address == proxyAddress(own) {
			return anyDialer.DialContext(ctx, network, address)
		}
		return publicDialer.DialContext(ctx, network, address)
	}
	if proxyFor := t.Proxy; proxyFor != nil {
		t.Proxy = func(r *http.Request) (*url.URL, error) {
			proxy, err := proxyFor(r)
			if proxy != nil && err == nil {
				if IsPrivate(r.URL) {
					return nil, &PrivateError{r.URL.Hostname()}
				}
			}
			return proxy, err
		}
	}
}

// proxyAddresses returns the addresses, as host:port, of the proxies in the environment.
func proxyAddresses() map[string]bool {
	addresses := map[string]bool{}
	env := httpproxy.FromEnvironment()
	for _, p := range []string{env.HTTPProxy, env.HTTPSProxy} {
		if !strings.Contains(p, "://") {
			p = "http://" + p
		}
		if u, err := url.Parse(p); err == nil && u.Host != "" {
			addresses[proxyAddress(u)] = true
		}
	}
	return addresses
}

// proxyAddress returns the address of a proxy as host:port.
func proxyAddress(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), cmp.Or(port, "80"))
}

// useProxyOfRequest makes a transport use the proxy in the settings of a request.
func useProxyOfRequest(t *http.Transport) {
	fromEnvironment := t.Proxy
	t.Proxy = func(r *http.Request) (*url.URL, error) {
		if own := requestOf(r.Context()).Proxy; own != nil {
			return own, nil
		}
		return fromEnvironment(r)
	}
}
