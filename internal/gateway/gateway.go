// Package gateway is the one address that callers and clients need to know. It
// forwards them to instances that are well, each to the one with the fewest
// calls under way, and gives no more to one that stops.
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
	lookEvery     = time.Second
	lookTimeout   = 3 * time.Second
	dialTimeout   = 3 * time.Second
	answerTimeout = 15 * time.Second // the API bounds its calls, and streams answer at once
	idleMost      = 256              // connections kept open to an instance
	restFor       = 5 * time.Second
)

// A Gateway forwards HTTP, WebSockets and event streams included.
type Gateway struct {
	// List says which instances there are, well or not.
	List func(context.Context) ([]instances.Instance, error)
	Log  *slog.Logger

	once    sync.Once
	proxy   *httputil.ReverseProxy
	forward http.RoundTripper

	mu       sync.Mutex
	backends map[string]*backend // by address
}

// A backend is an instance as the gateway knows it. All but its address is under
// the gateway's lock.
type backend struct {
	address string // its key, and the same as long as it is known
	instances.Instance
	calls int       // under way
	rests time.Time // it could not be reached: not before this, if another can
}

// serves reports whether the instance runs a role, and whether it is well.
func (b *backend) serves(role string) (runs, well bool) {
	runs = !b.Gone() && slices.Contains(b.Roles, role)
	return runs, runs && b.Status != "fail"
}

// Run keeps the list of instances until ctx ends. While it cannot be had the
// last one is good.
func (g *Gateway) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := g.look(ctx); err != nil && ctx.Err() == nil {
			g.Log.Warn("instances not listed: the last list is good", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (g *Gateway) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
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
			g.Log.Info("instance gone", "instance", b.Name, "address", address, "calls", b.calls)
		}
		if b.Roles = nil; b.calls > 0 { // it keeps those it has, and may come back
			now[address] = b
		}
	}
	g.backends = now
	return nil
}

// Health reports whether anybody can be forwarded to each role.
func (g *Gateway) Health() (missing []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, role := range []string{"api", "fanout"} {
		found := false
		for _, b := range g.backends {
			_, well := b.serves(role)
			found = found || well
		}
		if !found {
			missing = append(missing, "no instance of role "+role+" is well")
		}
	}
	return missing
}

// roleOf says who serves a path.
func roleOf(path string) string {
	if path == "/api" || strings.HasPrefix(path, "/api/") {
		return "api"
	}
	return "fanout"
}

// take is the backend for the next call: the one with the fewest, of those that
// were not tried yet. Those that could not be reached lately come after the
// others, and last those that are not well: what they need may be away for all.
func (g *Gateway) take(role string, tried []*backend) *backend {
	g.mu.Lock()
	defer g.mu.Unlock()
	var best *backend
	now := time.Now()
	rank := func(b *backend) int {
		_, well := b.serves(role)
		switch {
		case !well:
			return 2
		case now.Before(b.rests):
			return 1
		}
		return 0
	}
	for _, b := range g.backends {
		if runs, _ := b.serves(role); !runs || slices.Contains(tried, b) {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(rank(b), rank(best)), cmp.Compare(b.calls, best.calls)) < 0 {
			best = b
		}
	}
	if best != nil {
		best.calls++
	}
	return best
}

func (g *Gateway) leave(b *backend) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b.calls--
}

func (g *Gateway) unreached(b *backend) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b.calls--
	b.rests = time.Now().Add(restFor)
}

func (g *Gateway) start() {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	g.forward = &http.Transport{DialContext: dialer.DialContext, ResponseHeaderTimeout: answerTimeout, MaxIdleConnsPerHost: idleMost, IdleConnTimeout: 90 * time.Second, DisableCompression: true}
	g.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme = "http"
			r.Out.URL.Host = r.In.Host // until an instance is chosen
			r.SetXForwarded()
			r.Out.Header.Add("Via", via)
			r.Out.Host = r.In.Host // pages and sockets check where they come from by it
		},
		Transport:     (*balancer)(g),
		FlushInterval: -1, // an event stream is to flow
		ErrorLog:      slog.NewLogLogger(g.Log.Handler(), slog.LevelDebug),
		ErrorHandler:  g.fail,
	}
}

// via marks what a gateway has forwarded.
const via = "1.1 matchwire-gateway"

// ServeHTTP forwards a call, unless one of its kind has: an instance that names
// an address of this machine as its own would be this gateway.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.once.Do(g.start)
	if slices.Contains(r.Header.Values("Via"), via) {
		g.fail(w, r, errLoop)
		return
	}
	g.proxy.ServeHTTP(w, r)
}

// errNobody says that no instance can take the call.
var errNobody = errors.New("no instance that serves this runs")

// errLoop says that a call came back.
var errLoop = errors.New("an instance names as its own the address of a gateway: give it --advertise HOST:PORT")

func (g *Gateway) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		return // the caller has gone
	}
	status, detail := http.StatusBadGateway, "the instance that was asked broke off"
	if errors.Is(err, errLoop) {
		status, detail = http.StatusLoopDetected, errLoop.Error()
	}
	if errors.Is(err, errNobody) {
		status, detail = http.StatusServiceUnavailable, errNobody.Error()
		w.Header().Set("Retry-After", "2")
	}
	g.Log.Warn("call not forwarded", "call", r.Method+" "+r.URL.Path, "error", err)
	problem.Write(w, status, detail, "")
}

// A balancer is a gateway that chooses where a call goes. One that could not be
// delivered at all goes to another instance.
type balancer Gateway

func (l *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	g := (*Gateway)(l)
	role := roleOf(r.URL.Path)
	var tried []*backend
	var last error
	for {
		b := g.take(role, tried)
		if b == nil {
			return nil, errors.Join(errNobody, last)
		}
		out := r.Clone(r.Context())
		out.URL.Host = b.address
		if r.Body != nil && r.Body != http.NoBody {
			out.Body = io.NopCloser(r.Body) // a dial that fails would close it
		}
		resp, err := g.forward.RoundTrip(out)
		if err == nil {
			resp.Body = counted(resp.Body, sync.OnceFunc(func() { g.leave(b) }))
			return resp, nil
		}
		var dial *net.OpError
		if !errors.As(err, &dial) || dial.Op != "dial" || r.Context().Err() != nil {
			g.leave(b)
			return nil, err // it may have been acted on
		}
		g.unreached(b)
		tried, last = append(tried, b), err
	}
}

// counted is a body that says when the call is over. That of an upgraded
// connection is written to as well.
func counted(body io.ReadCloser, over func()) io.ReadCloser {
	if both, ok := body.(io.ReadWriteCloser); ok {
		return &countedConn{both, over}
	}
	return &countedBody{body, over}
}

type countedBody struct {
	io.ReadCloser
	over func()
}

func (c *countedBody) Close() error {
	defer c.over()
	return c.ReadCloser.Close()
}

type countedConn struct {
	io.ReadWriteCloser
	over func()
}

func (c *countedConn) Close() error {
	defer c.over()
	return c.ReadWriteCloser.Close()
}
