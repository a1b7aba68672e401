package netguard

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	dialTimeout = 20 * time.Second // for resolving a name and connecting
	// attemptDelay is the time after which the next address of a name is tried too, as RFC 8305 recommends.
	attemptDelay = 250 * time.Millisecond
)

// A Network resolves names and connects to IP addresses. The zero Network uses the network of this
// machine. Tests replace its functions.
type Network struct {
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
}

// lookup returns the addresses of a name, or the address if host is an IP address.
func (n Network) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	if n.Lookup != nil {
		return n.Lookup(ctx, host)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// dial connects to an IP address.
func (n Network) dial(ctx context.Context, network string, address netip.AddrPort) (net.Conn, error) {
	if n.Dial != nil {
		return n.Dial(ctx, network, address.String())
	}
	return (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext(ctx, network, address.String())
}

// Dial returns a function for [http.Transport.DialContext] that connects only to addresses that p allows. The
// function does not check the port. Its errors are [net.OpError]s.
func (p Policy) Dial(n Network) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return n.connect(ctx, network, address, p.refuses)
	}
}

// connect resolves the host of an address and connects to one of the IP addresses of the host. It skips
// an address if refuses returns a reason.
func (n Network) connect(
	ctx context.Context, network, address string, refuses func(netip.Addr) Reason,
) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	failed := func(err error) (net.Conn, error) { return nil, &net.OpError{Op: "dial", Net: network, Err: err} }
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return failed(err)
	}
	port, err := net.DefaultResolver.LookupPort(ctx, network, portText)
	if err != nil {
		return failed(err)
	}
	ips, err := n.lookup(ctx, host)
	if err != nil {
		return failed(err)
	}
	var allowed []netip.AddrPort
	refused := &RefusedError{Host: host, Reason: Private}
	for _, ip := range ips {
		if reason := refuses(ip); reason != 0 {
			refused.Reason = reason
			continue
		}
		allowed = append(allowed, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
	}
	if len(allowed) == 0 {
		return failed(refused)
	}
	return n.race(ctx, network, allowed)
}

// race connects to the first address that answers. It tries the addresses in order. It starts the next
// attempt when an attempt fails, or attemptDelay after the start of the previous attempt. If all attempts
// fail, race returns the first error.
func (n Network) race(ctx context.Context, network string, addresses []netip.AddrPort) (net.Conn, error) {
	type attempt struct {
		conn net.Conn
		err  error
	}
	attempts := make(chan attempt)
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	start := func() {
		to := addresses[0]
		addresses = addresses[1:]
		running.Go(func() {
			conn, err := n.dial(ctx, network, to)
			select {
			case attempts <- attempt{conn, err}:
			case <-ctx.Done(): // another attempt has succeeded, or race has ended
				if err == nil {
					conn.Close()
				}
			}
		})
	}
	delay := time.NewTimer(attemptDelay)
	defer delay.Stop()
	var first error
	for pending := 0; ; {
		if len(addresses) > 0 {
			start()
			pending++
			delay.Reset(attemptDelay)
		}
		select {
		case a := <-attempts:
			if a.err == nil {
				return a.conn, nil
			}
			if first == nil {
				first = a.err
			}
			if pending--; pending == 0 && len(addresses) == 0 {
				return nil, first
			}
		case <-delay.C:
		case <-ctx.Done():
			return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
		}
	}
}
