package gateway

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/matchwire/matchwire/internal/clientaddr"
)

const (
	headerTimeout = 15 * time.Second // longer than the time limit for an API call; streams send headers immediately
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
		FlushInterval: -1, // the body can be a stream
		ErrorLog:      slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
		ErrorHandler:  g.writeError,
	}
}

// rewrite adds the headers of the gateway to a request. It also sets a preliminary URL, which the balancer
// completes. If a proxy may have forwarded the request to the gateway, the instance also gets the addresses
// that this proxy saw, so that the limits for one address apply to the clients of the proxy.
func rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme = "http"  // the balancer sets https for an instance that serves TLS
	r.Out.URL.Host = r.In.Host // the balancer replaces it with the address of an instance
	const seen = "X-Forwarded-For"
	r.Out.Header.Del(seen)
	if clientaddr.Proxied(r.In) && len(r.In.Header[seen]) > 0 {
		r.Out.Header[seen] = slices.Clone(r.In.Header[seen]) // SetXForwarded appends to it
	}
	r.SetXForwarded()            // replaces the other values from the client
	r.Out.Header.Add("Via", via) // to detect loops
	r.Out.Host = r.In.Host       // fanout compares it with the Origin header
}

// A balancer is a Gateway that implements [http.RoundTripper]. It chooses an instance for each
// request. If it cannot connect to the instance, it tries another instance.
type balancer Gateway

func (l *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	g := (*Gateway)(l)
	began := time.Now()
	var response *http.Response
	b, err := g.try(r, func(b *backend, encrypted bool) (err error) {
		out := r.Clone(r.Context())
		out.URL.Host = b.address
		if encrypted {
			out.URL.Scheme = "https"
		}
		if r.Body != nil && r.Body != http.NoBody {
			out.Body = io.NopCloser(r.Body) // a failed dial would close r.Body
		}
		response, err = g.transport.RoundTrip(out) //nolint:bodyclose // the caller closes the body
		return err
	})
	if err != nil {
		return nil, err
	}
	response.Body = &closeBody{response.Body, sync.OnceFunc(func() { g.release(b) })}
	g.metrics.responded(roleOf(r.URL.Path), response.StatusCode, began)
	return response, nil
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

// slowKey is the context key of a flag, a *[atomic.Bool]. If the flag is set, the client has not
// sent the request body in time.
type slowKey struct{}

// watchBody returns r with a body that sets the flag slowKey when a read of the body exceeds its
// deadline. The server of the gateway sets the deadline.
func watchBody(r *http.Request) *http.Request {
	if r.Body == nil || r.Body == http.NoBody {
		return r
	}
	slow := new(atomic.Bool)
	r = r.WithContext(context.WithValue(r.Context(), slowKey{}, slow))
	r.Body = &watchedBody{r.Body, slow}
	return r
}

// isSlow reports whether the flag slowKey of r is set.
func isSlow(r *http.Request) bool {
	slow, ok := r.Context().Value(slowKey{}).(*atomic.Bool)
	return ok && slow.Load()
}

type watchedBody struct {
	io.ReadCloser
	slow *atomic.Bool
}

func (w *watchedBody) Read(b []byte) (int, error) {
	n, err := w.ReadCloser.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		w.slow.Store(true)
	}
	return n, err
}
