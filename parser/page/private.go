package page

import (
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

// reserved are ranges that are not public, though [netip.Addr] takes them for public.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"),
}

func public(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	for _, r := range reserved {
		if r.Contains(ip) {
			return false
		}
	}
	return ip.IsGlobalUnicast() && !ip.IsPrivate()
}

// IsPrivate reports whether a URL names a private address, without resolving its host.
func IsPrivate(u *url.URL) bool {
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		return !public(ip)
	}
	name := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// ResolvesToPrivate reports whether the host of a URL resolves to a private address now. The address is
// checked again when the page is fetched.
func ResolvesToPrivate(ctx context.Context, u *url.URL) bool {
	if IsPrivate(u) {
		return true
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	return err == nil && slices.ContainsFunc(ips, func(ip netip.Addr) bool { return !public(ip) })
}

// guard lets a transport connect to public addresses only, and to the proxies of the environment.
// The address is checked when it is dialed, so a name that resolves differently later gains nothing.
// A proxy resolves names itself; addresses in URLs are checked for it too.
func guard(t *http.Transport) {
	open := &net.Dialer{Timeout: fetchTimeout, KeepAlive: 30 * time.Second}
	closed := &net.Dialer{Timeout: open.Timeout, KeepAlive: open.KeepAlive, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !public(at.Addr()) {
			return &PrivateError{address}
		}
		return nil
	}}
	proxies := map[string]bool{}
	env := httpproxy.FromEnvironment()
	for _, p := range []string{env.HTTPProxy, env.HTTPSProxy} {
		if !strings.Contains(p, "://") {
			p = "http://" + p
		}
		if u, err := url.Parse(p); err == nil && u.Host != "" {
			port := u.Port()
			if port == "" {
				port = map[string]string{"https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
			}
			if port == "" {
				port = "80"
			}
			proxies[net.JoinHostPort(u.Hostname(), port)] = true
		}
	}
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if proxies[address] {
			return open.DialContext(ctx, network, address)
		}
		return closed.DialContext(ctx, network, address)
	}
	if through := t.Proxy; through != nil {
		t.Proxy = func(r *http.Request) (*url.URL, error) {
			proxy, err := through(r)
			if proxy != nil && err == nil {
				if ip, perr := netip.ParseAddr(r.URL.Hostname()); perr == nil && !public(ip) {
					return nil, &PrivateError{r.URL.Hostname()}
				}
			}
			return proxy, err
		}
	}
}
