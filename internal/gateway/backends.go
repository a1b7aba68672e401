package gateway

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/matchwire/matchwire/internal/instances"
)

const (
	refreshInterval   = time.Second
	refreshTimeout    = 3 * time.Second
	dialTimeout       = 3 * time.Second // including the TLS handshake
	unreachablePeriod = 5 * time.Second // time during which acquire prefers other healthy instances
)

// A backend is an instance that the gateway forwards to. The gateway's mutex
// guards all fields but address, which does not change.
type backend struct {
	address string
	instances.Instance
	inProgress       int       // number of requests in progress
	unreachableUntil time.Time // until then, acquire prefers other healthy instances
	untrusted        error     // why the certificate was last refused; nil after a success
}

// serves reports whether the instance runs a role, and whether it is also healthy.
func (b *backend) serves(role string) (runs, healthy bool) {
	runs = !b.Gone() && slices.Contains(b.Roles, role)
	return runs, runs && b.Status != "fail"
}

// Run refreshes the list of instances, and closes idle tunnels, until ctx ends. If a refresh fails,
// the previous list stays in use.
func (g *Gateway) Run(ctx context.Context) error {
	tick := time.NewTicker(refreshInterval)
	defer tick.Stop()
	for {
		if err := g.refresh(ctx); err != nil && ctx.Err() == nil {
			g.log.Warn("cannot list instances, using the previous list", "error", err)
		}
		g.streams.closeIdle(time.Now().Add(-g.limits.idle))
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// refresh replaces the list of instances. An instance that left the registry stays in the list
// while it has requests in progress.
func (g *Gateway) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	all, err := g.options.List(ctx)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	all = g.trusted(all)
	now := map[string]*backend{}
	for _, i := range all {
		if other := now[i.Address]; other != nil && other.SilentSeconds <= i.SilentSeconds {
			continue // a killed instance, and its successor at the same address
		}
		b := g.backends[i.Address]
		if b == nil {
			b = &backend{address: i.Address}
			g.log.Info("instance found", "instance", i.Name, "address", i.Address, "roles", i.Roles, "tls", i.TLS)
		}
		b.Instance = i
		now[i.Address] = b
	}
	for address, b := range g.backends {
		if now[address] != nil {
			continue
		}
		if b.Roles != nil {
			g.log.Info("instance gone", "instance", b.Name, "address", address, "requests", b.inProgress)
		}
		if b.Roles = nil; b.inProgress > 0 { // keep the count: the instance can come back
			now[address] = b
		}
	}
	g.backends = now
	return nil
}

// trusted returns the instances that serve a role of the gateway and that the gateway trusts with the
// tokens of its clients. It logs each other instance once, and saves them in g.ignored.
func (g *Gateway) trusted(all []instances.Instance) (trusted []instances.Instance) {
	ignored := map[string]string{}
	for _, i := range all {
		switch reason := distrust(i); {
		case i.Address == "" || !slices.ContainsFunc(i.Roles, isServed):
		case reason == nil:
			trusted = append(trusted, i)
		case !i.Gone():
			name := i.Name + " at " + i.Address
			ignored[name] = reason.Error()
			if g.ignored[name] != ignored[name] {
				g.log.Warn("instance ignored", "instance", i.Name, "address", i.Address, "reason", reason)
			}
		}
	}
	g.ignored = ignored
	return trusted
}

// distrust returns the reason why the gateway must not forward requests to an instance, or nil. Without a
// key, everyone who can write to Redis can announce an instance. The gateway then trusts only processes on
// its own machine.
func distrust(i instances.Instance) error {
	if !errors.Is(i.Untrusted, instances.ErrNoKey) {
		return i.Untrusted
	}
	host, _, err := net.SplitHostPort(i.Address)
	if ip := net.ParseIP(host); err == nil && (host == "localhost" || ip != nil && ip.IsLoopback()) {
		return nil
	}
	return errNoKey
}

// isServed reports whether the gateway forwards requests to a role.
func isServed(role string) bool { return role == "api" || role == "fanout" }

// Health returns an issue for each role that no healthy instance runs. down is true if there is no
// healthy instance of any role. Health also returns an issue for each instance whose certificate is not
// trusted, an issue if the gateway ignores instances, and an issue if it has its maximum number of
// connections.
func (g *Gateway) Health() (issues []string, down bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, role := range []string{"api", "fanout"} {
		found := false
		for _, b := range g.backends {
			_, healthy := b.serves(role)
			found = found || healthy
		}
		if !found {
			issues = append(issues, "no healthy instance of role "+role)
		}
	}
	down = len(issues) == 2
	for _, b := range g.backends {
		if b.untrusted != nil && !b.Gone() {
			issues = append(issues, fmt.Sprintf("instance %s: %v", b.Name, b.untrusted))
		}
	}
	if n := len(g.ignored); n > 0 {
		name := slices.Min(slices.Collect(maps.Keys(g.ignored)))
		issues = append(issues, fmt.Sprintf("the gateway ignores %d of the announced instances, such as %s: %s",
			n, name, g.ignored[name]))
	}
	if g.streams.full() {
		issues = append(issues, fmt.Sprintf("the gateway has its maximum of %d connections", g.options.Connections))
	}
	return issues, down
}

// acquire chooses the backend for a request and counts the request. It returns nil if every
// instance with the role was tried. It prefers healthy instances that were not recently unreachable,
// then other healthy instances. Unhealthy instances come last. They may be the only choice if RabbitMQ
// or Redis is down. Among instances of the same rank, it chooses the instance with the fewest requests
// in progress. encrypted reports whether the instance serves TLS.
func (g *Gateway) acquire(role string, tried []*backend) (best *backend, encrypted bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	rank := func(b *backend) int {
		_, healthy := b.serves(role)
		switch {
		case !healthy:
			return 2
		case now.Before(b.unreachableUntil):
			return 1
		}
		return 0
	}
	for _, b := range g.backends {
		if runs, _ := b.serves(role); !runs || slices.Contains(tried, b) {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(rank(b), rank(best)), cmp.Compare(b.inProgress, best.inProgress)) < 0 {
			best = b
		}
	}
	if best == nil {
		return nil, false
	}
	best.inProgress++
	return best, best.TLS
}

// release records that a request to b has ended.
func (g *Gateway) release(b *backend) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b.inProgress--
}

// releaseUnreachable is like release for a request that could not be sent because of err. It marks b
// as unreachable.
func (g *Gateway) releaseUnreachable(b *backend, err error) {
	g.metrics.dialFailures.Inc()
	g.mu.Lock()
	defer g.mu.Unlock()
	b.inProgress--
	b.unreachableUntil = time.Now().Add(unreachablePeriod)
	var refused *tls.CertificateVerificationError
	if errors.As(err, &refused) {
		b.untrusted = err
	}
}

// reached records that b accepted a request.
func (g *Gateway) reached(b *backend) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b.untrusted = nil
}

// try calls send with an instance that serves the path of r. If send fails with a [dialError], try
// calls send with another instance, unless the context of r has ended. If send succeeds, try returns
// the instance, and the caller must release it.
func (g *Gateway) try(r *http.Request, send func(b *backend, encrypted bool) error) (*backend, error) {
	var tried []*backend
	var last error
	for {
		b, encrypted := g.acquire(roleOf(r.URL.Path), tried)
		if b == nil {
			return nil, errors.Join(errNoInstance, last)
		}
		err := send(b, encrypted)
		if err == nil {
			g.reached(b)
			return b, nil
		}
		var failed *dialError
		if !errors.As(err, &failed) || r.Context().Err() != nil {
			g.release(b)
			return nil, err // the instance may have acted on the request
		}
		g.releaseUnreachable(b, err)
		tried, last = append(tried, b), err
	}
}

// A dialError is the error of a request that was not sent, because the gateway could not connect.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// dial connects to an instance. If encrypted is true, dial uses TLS and verifies the certificate of the
// instance. All errors are of type [dialError].
func (g *Gateway) dial(ctx context.Context, address string, encrypted bool) (conn net.Conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dialer := &net.Dialer{KeepAlive: 30 * time.Second}
	if encrypted {
		conn, err = (&tls.Dialer{NetDialer: dialer, Config: g.tls}).DialContext(ctx, "tcp", address)
	} else {
		conn, err = dialer.DialContext(ctx, "tcp", address)
	}
	if err == nil {
		return conn, nil
	}
	var refused *tls.CertificateVerificationError
	if errors.As(err, &refused) {
		err = fmt.Errorf("the certificate at %s is not trusted: add its authority to SSL_CERT_FILE of the gateway, "+
			"or start the instance with an --advertise HOST:PORT that the certificate names: %w", address, err)
	}
	return nil, &dialError{err}
}
