package gateway

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"time"
)

const (
	headerTimeout = 15 * time.Second // longer than the time limit of an API call; streams send headers immediately
	maxIdle       = 256              // maximum number of idle connections to an instance
)

// newProxy creates the proxy and its transport.
func (g *Gateway) newProxy() {
	g.transport = &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) { return g.dial(ctx, address, false) },
		DialTLSContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return g.dial(ctx, address, true)
		},
		ResponseHeaderTimeout: headerTimeout, MaxIdleConnsPerHost: maxIdle,
		IdleConnTimeout: 90 * time.Second, DisableCompression: true,
	}
	g.proxy = &httputil.ReverseProxy{
		Rewrite:       rewrite,
		Transport:     (*balancer)(g),
		FlushInterval: -1, // send each event of a stream immediately
		ErrorLog:      slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
		ErrorHandler:  g.writeError,
		BufferPool:    proxyBuffers{},
	}
}

// rewrite adds the headers of the gateway to a request.
func rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme = "http"    // the balancer replaces it
	r.Out.URL.Host = r.In.Host   // the balancer replaces it with the address of an instance
	r.SetXForwarded()            // replaces the values of the client
	r.Out.Header.Add("Via", via) // for the check of loops
	r.Out.Host = r.In.Host       // fanout compares it with the Origin header
}

// A balancer is a Gateway as an [http.RoundTripper]. It chooses an instance for each request. If it
// cannot connect to the instance, it tries another instance.
type balancer Gateway

func (l *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	g := (*Gateway)(l)
	began := time.Now()
	ctx, cancel := context.WithCancel(r.Context())
	var response *http.Response
	b, err := g.try(r, func(b *backend, encrypted bool) (err error) {
		out := r.Clone(ctx)
		out.URL.Host = b.address
		if encrypted {
			out.URL.Scheme = "https"
		}
		if r.Body != nil && r.Body != http.NoBody {
			out.Body = io.NopCloser(r.Body) // a failed dial would close r.Body
		}
		response, err = g.transport.RoundTrip(out)
		return err
	})
	if err != nil {
		cancel()
		return nil, err
	}
	release := sync.OnceFunc(func() { cancel(); g.release(b) })
	response.Body = &closeBody{response.Body, release}
	if isEventStream(response.Header) {
		if response.Body, err = g.newEventStream(response.Body, cancel); err != nil {
			return nil, err
		}
	}
	g.metrics.responded(roleOf(r.URL.Path), response.StatusCode, began)
	return response, nil
}

// isEventStream reports whether the body of a response is a stream of server-sent events.
func isEventStream(h http.Header) bool {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "text/event-stream")
}

// A closeBody is a body that calls closed after it is closed.
type closeBody struct {
	io.ReadCloser
	closed func()
}

func (c *closeBody) Close() error {
	defer c.closed()
	return c.ReadCloser.Close()
}

// proxyBufferBytes is the size of the buffer for the body of a response. An event stream has one all
// the time.
const proxyBufferBytes = 8 << 10

var proxyBufferPool = sync.Pool{New: func() any { return new([proxyBufferBytes]byte) }}

// proxyBuffers is the [httputil.BufferPool] of the proxy.
type proxyBuffers struct{}

func (proxyBuffers) Get() []byte  { return proxyBufferPool.Get().(*[proxyBufferBytes]byte)[:] }
func (proxyBuffers) Put(b []byte) { proxyBufferPool.Put((*[proxyBufferBytes]byte)(b)) }
