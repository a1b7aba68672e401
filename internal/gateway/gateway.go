// Package gateway is a reverse proxy: one address in front of all instances. It
// forwards each request to a healthy instance, the one with the fewest requests in
// progress. An instance that leaves the registry gets no new requests.
package gateway

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/problem"
)

const (
	refreshInterval   = time.Second
	refreshTimeout    = 3 * time.Second
	dialTimeout       = 3 * time.Second
	headerTimeout     = 15 * time.Second // the API bounds its calls, and streams send headers at once
	maxIdle           = 256              // idle connections to one instance
	unreachablePeriod = 5 * time.Second  // during which other instances go first
)

// A Gateway forwards HTTP requests, including WebSockets and event streams. Set
// List and Log before the first use.
type Gateway struct {
	// List returns all instances, healthy or not.
	List func(context.Context) ([]instances.Instance, error)
	Log  *slog.Logger

	once      sync.Once
	proxy     *httputil.ReverseProxy
	transport http.RoundTripper

	mu       sync.Mutex
	backends map[string]*backend // by address
}

// A backend is an instance that the gateway forwards to. The gateway's mutex
// guards all fields but address, which does not change.
type backend struct {
	address string
	instances.Instance
	inProgress       int       // requests
	unreachableUntil time.Time // until then, other instances go first
}

// serves reports whether the instance runs a role, and whether it is healthy too.
func (b *backend) serves(role string) (runs, healthy bool) {
	runs = !b.Gone() && slices.Contains(b.Roles, role)
	return runs, runs && b.Status != "fail"
}

// Run refreshes the list of instances until ctx ends. If a refresh fails, the
// previous list stays in use.
func (g *Gateway) Run(ctx context.Context) error {
	tick := time.NewTicker(refreshInterval)
	defer tick.Stop()
	for {
		if err := g.refresh(ctx); err != nil && ctx.Err() == nil {
			g.Log.Warn("cannot list instances, using the previous list", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (g *Gateway) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	all, err := g.List(ctx)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := map[string]*backend{}
	for _, i := range all {
		if i.Address == "" {
			continue
		}
		b := g.backends[i.Address]
		if b == nil {
			b = &backend{address: i.Address}
			g.Log.Info("instance found", "instance", i.Name, "address", i.Address, "roles", i.Roles)
		}
		b.Instance = i
		now[i.Address] = b
	}
	for address, b := range g.backends {
		if now[address] != nil {
			continue
		}
		if b.Roles != nil {
			g.Log.Info("instance gone", "instance", b.Name, "address", address, "calls", b.inProgress)
		}
		if b.Roles = nil; b.inProgress > 0 { // keep the count: the instance can come back
			now[address] = b
		}
	}
	g.backends = now
	return nil
}

// Health returns an issue for each role that no healthy instance runs.
func (g *Gateway) Health() (issues []string) {
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
	return issues
}

// roleOf returns the role that serves a path.
func roleOf(path string) string {
	if path == "/api" || strings.HasPrefix(path, "/api/") {
		return "api"
	}
	return "fanout"
}

// acquire returns the backend for a request and counts the request. It returns nil
// if every instance of the role was tried. Healthy instances come first, then those
// that were unreachable lately, then unhealthy ones: what they lack may be down for
// all. Among equals it chooses the one with the fewest requests in progress.
func (g *Gateway) acquire(role string, tried []*backend) *backend {
	g.mu.Lock()
	defer g.mu.Unlock()
	var best *backend
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
	if best != nil {
		best.inProgress++
	}
	return best
}

// release ends a request that acquire counted.
func (g *Gateway) release(b *backend) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b.inProgress--
}

// releaseUnreachable ends a request that could not be sent.
func (g *Gateway) releaseUnreachable(b *backend) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b.inProgress--
	b.unreachableUntil = time.Now().Add(unreachablePeriod)
}

func (g *Gateway) start() {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	g.transport = &http.Transport{
		DialContext: dialer.DialContext, ResponseHeaderTimeout: headerTimeout, MaxIdleConnsPerHost: maxIdle,
		IdleConnTimeout: 90 * time.Second, DisableCompression: true,
	}
	g.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme = "http"
			r.Out.URL.Host = r.In.Host // the balancer sets the instance
			r.SetXForwarded()
			r.Out.Header.Add("Via", via)
			r.Out.Host = r.In.Host // fanout compares it with the Origin header
		},
		Transport:     (*balancer)(g),
		FlushInterval: -1, // send each event of a stream at once
		ErrorLog:      slog.NewLogLogger(g.Log.Handler(), slog.LevelDebug),
		ErrorHandler:  g.writeError,
	}
}

// via marks forwarded requests.
const via = "1.1 matchwire-gateway"

// ServeHTTP forwards a request. It refuses one that a gateway has forwarded
// already: then an instance advertises the address of a gateway as its own.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.once.Do(g.start)
	if slices.Contains(r.Header.Values("Via"), via) {
		g.writeError(w, r, errLoop)
		return
	}
	g.proxy.ServeHTTP(w, r)
}

var (
	errNoInstance = errors.New("no instance serves this path now")
	errLoop       = errors.New("an instance advertises the address of a gateway: start it with --advertise HOST:PORT")
)

func (g *Gateway) writeError(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		return // the client has disconnected
	}
	status, detail := http.StatusBadGateway, "the connection to the instance failed"
	switch {
	case errors.Is(err, errLoop):
		status, detail = http.StatusLoopDetected, errLoop.Error()
	case errors.Is(err, errNoInstance):
		status, detail = http.StatusServiceUnavailable, errNoInstance.Error()
		w.Header().Set("Retry-After", "2")
	}
	g.Log.Warn("cannot forward call", "call", r.Method+" "+r.URL.Path, "error", err)
	problem.Write(w, status, detail, "")
}

// A balancer is a Gateway as a RoundTripper. It chooses the instance, and tries
// another one if it cannot connect.
type balancer Gateway

func (l *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	g := (*Gateway)(l)
	role := roleOf(r.URL.Path)
	var tried []*backend
	var last error
	for {
		b := g.acquire(role, tried)
		if b == nil {
			return nil, errors.Join(errNoInstance, last)
		}
		out := r.Clone(r.Context())
		out.URL.Host = b.address
		if r.Body != nil && r.Body != http.NoBody {
			out.Body = io.NopCloser(r.Body) // a failed dial would close it
		}
		resp, err := g.transport.RoundTrip(out)
		if err == nil {
			resp.Body = onClose(resp.Body, sync.OnceFunc(func() { g.release(b) }))
			return resp, nil
		}
		var dial *net.OpError
		if !errors.As(err, &dial) || dial.Op != "dial" || r.Context().Err() != nil {
			g.release(b)
			return nil, err // the instance may have acted on the request
		}
		g.releaseUnreachable(b)
		tried, last = append(tried, b), err
	}
}

// onClose returns a body that calls closed after it is closed. For an upgraded
// connection, the body also is an [io.Writer].
func onClose(body io.ReadCloser, closed func()) io.ReadCloser {
	if conn, ok := body.(io.ReadWriteCloser); ok {
		return &closeConn{conn, closed}
	}
	return &closeBody{body, closed}
}

type closeBody struct {
	io.ReadCloser
	closed func()
}

func (c *closeBody) Close() error {
	defer c.closed()
	return c.ReadCloser.Close()
}

type closeConn struct {
	io.ReadWriteCloser
	closed func()
}

func (c *closeConn) Close() error {
	defer c.closed()
	return c.ReadWriteCloser.Close()
}
