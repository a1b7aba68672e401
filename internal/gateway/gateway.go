// Package gateway is a reverse proxy: one address in front of all instances. Among the
// instances that serve the path of a request, it prefers healthy instances, then the
// instance with the fewest requests in progress. An instance that leaves the registry gets
// no new requests.
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
	headerTimeout     = 15 * time.Second // longer than the time limit of an API call; streams send headers immediately
	maxIdle           = 256              // maximum number of idle connections to an instance
	unreachablePeriod = 5 * time.Second  // time after a failed dial in which acquire prefers other instances
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
	inProgress       int       // number of requests
	unreachableUntil time.Time // until then, acquire prefers other healthy instances
}

// serves reports whether the instance runs a role, and whether it is also healthy. An instance that
// is gone runs no role.
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

// refresh replaces the list of instances. An instance that left the registry stays in the list
// while it has requests in progress.
func (g *Gateway) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	all, err := g.List(ctx)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	next := map[string]*backend{}
	for _, i := range all {
		if i.Address == "" {
			continue // the instance does not serve HTTP
		}
		b := g.backends[i.Address]
		if b == nil {
			b = &backend{address: i.Address}
			g.Log.Info("instance found", "instance", i.Name, "address", i.Address, "roles", i.Roles)
		}
		b.Instance = i
		next[i.Address] = b
	}
	for address, b := range g.backends {
		if next[address] != nil {
			continue
		}
		if b.Roles != nil {
			g.Log.Info("instance left the registry", "instance", b.Name, "address", address, "requests", b.inProgress)
		}
		if b.Roles = nil; b.inProgress > 0 { // keep the count: the instance can return
			next[address] = b
		}
	}
	g.backends = next
	return nil
}

// Health returns an issue for each of the roles api and fanout that no healthy instance runs.
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

// acquire chooses the backend for a request and counts the request. It returns nil if no untried
// instance runs the role. It prefers healthy instances, then healthy instances that were
// recently unreachable. Unhealthy instances come last. They may be the only choice if RabbitMQ or
// Redis is down. Among instances of the same rank, it chooses the instance with the fewest requests
// in progress.
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

// release counts a request to b as ended.
func (g *Gateway) release(b *backend) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b.inProgress--
}

// releaseUnreachable counts a request to b that could not be sent as ended. It also marks b as
// unreachable.
func (g *Gateway) releaseUnreachable(b *backend) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b.inProgress--
	b.unreachableUntil = time.Now().Add(unreachablePeriod)
}

// start creates the proxy and its transport.
func (g *Gateway) start() {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	g.transport = &http.Transport{
		DialContext: dialer.DialContext, ResponseHeaderTimeout: headerTimeout, MaxIdleConnsPerHost: maxIdle,
		IdleConnTimeout: 90 * time.Second, DisableCompression: true,
	}
	g.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme = "http"
			r.Out.URL.Host = r.In.Host // the balancer replaces it with the address of an instance
			r.SetXForwarded()
			r.Out.Header.Add("Via", via)
			r.Out.Host = r.In.Host // fanout compares it with the Origin header
		},
		Transport:     (*balancer)(g),
		FlushInterval: -1, // send each event of a stream immediately
		ErrorLog:      slog.NewLogLogger(g.Log.Handler(), slog.LevelDebug),
		ErrorHandler:  g.writeError,
	}
}

// via is the value that the gateway adds to the header Via of each request.
const via = "1.1 matchwire-gateway"

// ServeHTTP forwards a request. It refuses a request that a gateway has already forwarded, because
// the request would be forwarded in a loop. There is a loop if an instance advertises the address
// of a gateway.
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
	errLoop       = errors.New("an instance advertises the address of a gateway: " +
		"start the instance with --advertise HOST:PORT")
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
	g.Log.Warn("cannot forward request", "request", r.Method+" "+r.URL.Path, "error", err)
	problem.Write(w, status, detail, "")
}

// A balancer is a Gateway that implements [http.RoundTripper]. It chooses an instance for each
// request. If it cannot connect to the instance, it tries another instance.
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
			out.Body = io.NopCloser(r.Body) // a failed dial would close r.Body
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

// onClose returns a body that calls closed after body is closed. If body is an upgraded
// connection, the returned body is also an [io.Writer].
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
