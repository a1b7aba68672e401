// Package gateway is a reverse proxy: one address in front of all instances. Among the
// instances that serve the path of a request, it prefers healthy instances, then the
// instance with the fewest requests in progress. An instance that leaves the registry gets
// no new requests.
//
// Most requests pass through an [httputil.ReverseProxy] (proxy.go). WebSockets and event streams are
// open for hours, so they pass through tunnels, which need no buffers while they are idle (handshake.go,
// tunnel.go). The number of tunnels is limited, and [Gateway.Shutdown] ends them one after the other
// (streams.go).
//
// The caller must serve the gateway with deadlines for headers, bodies and writes.
package gateway

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/nonblock"
	"github.com/matchwire/matchwire/internal/problem"
)

// Options holds the settings of a [Gateway]. List and Log are required.
type Options struct {
	// List returns all instances, healthy or not.
	List func(context.Context) ([]instances.Instance, error)
	Log  *slog.Logger
	// Connections is the maximum number of WebSockets and event streams together. Each of them needs
	// two file descriptors. If Connections is 0, the maximum is half of what the limit on open files
	// allows.
	Connections int
	// Drain is the maximum time over which Shutdown ends the WebSockets and event streams, one after
	// the other. The pause between two of them is at most 1 ms.
	Drain time.Duration
	// RootCAs are the certificate authorities that the gateway trusts for the certificates of instances.
	// If RootCAs is nil, the gateway trusts the authorities of the system or of SSL_CERT_FILE.
	RootCAs *x509.CertPool
}

// A Gateway forwards HTTP requests, including WebSockets and event streams. Create it with [New].
type Gateway struct {
	options   Options
	log       *slog.Logger
	limits    limits
	tls       *tls.Config // for connections to instances
	proxy     *httputil.ReverseProxy
	transport http.RoundTripper
	metrics   metrics
	streams   streams

	mu       sync.Mutex
	backends map[string]*backend // by address
	ignored  map[string]string   // reasons why instances are not trusted, by name and address
}

// limits holds time limits. Tests change them.
type limits struct {
	stall time.Duration // time within which a peer must accept some bytes
	chunk time.Duration // time within which a peer must accept a whole buffer
	half  time.Duration // time within which a peer must close its side of a tunnel when the other side is closed
	idle  time.Duration // time after which a WebSocket or event stream without any bytes is closed
}

// defaultLimits are the limits of a new Gateway. Fanout sends something on every stream every 25
// seconds, so only a broken stream exceeds idle.
var defaultLimits = limits{stall: 10 * time.Second, chunk: time.Minute, half: 5 * time.Second, idle: 2 * time.Minute}

// New returns a Gateway. The Gateway forwards requests once [Gateway.Run] has listed the instances.
func New(o Options) *Gateway {
	if o.Connections == 0 {
		o.Connections = nonblock.MaxConnections() / 2
	}
	g := &Gateway{
		options: o, log: o.Log, limits: defaultLimits, backends: map[string]*backend{},
		tls:     &tls.Config{RootCAs: o.RootCAs, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12},
		streams: streams{max: o.Connections, open: map[*tunnel]struct{}{}, empty: make(chan struct{})},
	}
	g.metrics = newMetrics(g)
	g.newProxy()
	return g
}

// via is the value of the header Via in forwarded requests.
const via = "1.1 matchwire-gateway"

// ServeHTTP forwards a request. It refuses a request that a gateway has already forwarded, to prevent
// a loop. Requests would loop if an instance advertised the address of a gateway.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	protocol := upgrade(r.Header)
	switch {
	case slices.Contains(r.Header.Values("Via"), via):
		g.writeError(w, r, errLoop)
	case r.ProtoMajor == 1 && (protocol != "" || wantsEvents(r)):
		g.serveStream(w, r, protocol) //nolint:contextcheck // a tunnel outlives the request
	default:
		g.proxy.ServeHTTP(w, watchBody(r))
	}
}

// wantsEvents reports whether a request is for an event stream.
func wantsEvents(r *http.Request) bool {
	return r.Method == http.MethodGet && roleOf(r.URL.Path) == "fanout" &&
		(r.URL.Path == "/sse" || strings.Contains(r.Header.Get("Accept"), "text/event-stream"))
}

// roleOf returns the role that serves a path.
func roleOf(path string) string {
	if path == "/api" || strings.HasPrefix(path, "/api/") {
		return "api"
	}
	return "fanout"
}

// Reasons why the gateway does not forward a request, or ignores an instance.
var (
	errNoInstance = errors.New("no instance serves this path now")
	errLoop       = errors.New("an instance advertises the address of a gateway: " +
		"start the instance with --advertise HOST:PORT")
	errNoKey = errors.New("without a key, the gateway forwards requests only to loopback addresses: " +
		"set MATCHWIRE_INSTANCE_KEY of the gateway and of the instance")
	errFull     = errors.New("the gateway has too many connections")
	errStopping = errors.New("the gateway is stopping")
	errSlowBody = errors.New("the request body took too long")
)

// writeError responds to a request that could not be forwarded.
func (g *Gateway) writeError(w http.ResponseWriter, r *http.Request, err error) {
	status, detail, level := http.StatusBadGateway, "the connection to the instance failed", slog.LevelWarn
	class := ""
	switch {
	case isSlow(r): // the server has also canceled the request
		status, detail, level = http.StatusRequestTimeout, errSlowBody.Error(), slog.LevelDebug
	case errors.Is(err, context.Canceled): // the client has disconnected, or the server is stopping
		status, detail, level, class = http.StatusServiceUnavailable, errStopping.Error(), slog.LevelDebug, "canceled"
	case errors.Is(err, errLoop):
		status, detail = http.StatusLoopDetected, errLoop.Error()
	case errors.Is(err, errNoInstance):
		status, detail = http.StatusServiceUnavailable, errNoInstance.Error()
		w.Header().Set("Retry-After", "2")
	case errors.Is(err, errFull), errors.Is(err, errStopping):
		status, detail, level = http.StatusServiceUnavailable, err.Error(), slog.LevelDebug // there can be many
		w.Header().Set("Retry-After", "5")
	}
	g.log.Log(r.Context(), level, "cannot forward request", "request", r.Method+" "+r.URL.Path, "error", err)
	g.metrics.requests.WithLabelValues(roleOf(r.URL.Path), cmp.Or(class, classOf(status))).Inc()
	problem.Write(w, status, detail, "")
}
