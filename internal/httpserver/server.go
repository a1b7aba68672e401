// Package httpserver serves HTTP within bounds: no client can hold a connection, a goroutine or
// the whole server for long.
//
//	headers        10 s, 32 KB
//	request body   10 s
//	each write     30 s
//	idle           2 minutes
//	connections    1,024, not counting connections that a handler has hijacked
//	requests       896 in progress, not counting the exempt ones
//
// A new connection beyond the limit replaces the connection that has waited longest for a request.
package httpserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	headerTimeout  = 10 * time.Second
	maxHeader      = 32 << 10
	bodyTimeout    = 10 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	maxConnections = 1024
	maxRequests    = 896 // the other connections are a reserve for exempt requests

	shutdownTimeout = 10 * time.Second // maximum wait, after the context ends, before the server closes connections
	requestGrace    = 3 * time.Second  // wait, after the context ends, before the server cancels requests in progress
)

// A Server serves one address. Set its fields before Listen.
type Server struct {
	Address string      // host:port
	TLS     *tls.Config // nil for plain HTTP
	Handler http.Handler
	// Exempt reports whether a request is served although the maximum number of requests is in
	// progress. It is for health checks. It can be nil.
	Exempt func(*http.Request) bool
	Log    *slog.Logger

	limits limits // the zero value means the constants above
}

// limits holds the limits that tests lower.
type limits struct {
	connections, requests int
	header, body, write   time.Duration
}

// Listen starts to listen, and returns the address of the listener without waiting for requests. The
// server runs in group until ctx ends.
func (s *Server) Listen(ctx context.Context, group *errgroup.Group) (net.Addr, error) {
	if s.limits == (limits{}) {
		s.limits = limits{maxConnections, maxRequests, headerTimeout, bodyTimeout, writeTimeout}
	}
	listener, err := net.Listen("tcp", s.Address)
	if err != nil {
		return nil, err
	}
	address := listener.Addr()
	if s.TLS != nil {
		listener = tls.NewListener(listener, s.TLS)
	}
	requests, cancelRequests := context.WithCancel(context.WithoutCancel(ctx))
	pool := newPool(s.limits.connections)
	server := &http.Server{
		Handler:           s.bounded(pool, s.Handler),
		BaseContext:       func(net.Listener) context.Context { return requests },
		ReadHeaderTimeout: s.limits.header, MaxHeaderBytes: maxHeader, IdleTimeout: idleTimeout,
		ConnState:   pool.changed,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		ErrorLog:    slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug), // such as failed TLS handshakes
	}
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving on %s: %w", s.Address, err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		defer cancelRequests()
		grace := time.AfterFunc(requestGrace, cancelRequests) // streams end only when cancelled
		defer grace.Stop()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			return server.Close()
		}
		return nil
	})
	return address, nil
}
