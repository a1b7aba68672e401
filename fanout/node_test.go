package fanout_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/fanout/eventlog"
)

// A node is a hub with an HTTP server.
type node struct {
	URL  string
	hub  *fanout.Hub
	stop func()
	dial func() (net.Conn, error)
}

// newNode returns a node that listens on TCP and has its own checkpoints.
func newNode(t *testing.T, log broker.Log) *node { return newNodeWith(t, log, checkpoints(t)) }

// newNodeWith returns a node that listens on TCP and uses the given checkpoints.
func newNodeWith(t *testing.T, log broker.Log, c *eventlog.Checkpoints) *node {
	return newNodeOf(t, log, fanout.Options{Checkpoints: c})
}

// newNodeOf returns a node that listens on TCP and has the given options.
func newNodeOf(t *testing.T, log broker.Log, o fanout.Options) *node {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	return serveNode(t, log, o, l, "http://"+addr, func() (net.Conn, error) { return net.Dial("tcp", addr) })
}

// newPipeNode returns a node without a network, for tests with testing/synctest.
func newPipeNode(t *testing.T, log broker.Log, o fanout.Options) *node {
	t.Helper()
	l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	return serveNode(t, log, o, l, "http://node.example", l.dial)
}

// serveNode starts a node on a listener. The node stops at the end of the test.
func serveNode(t *testing.T, log broker.Log, o fanout.Options, l net.Listener, url string,
	dial func() (net.Conn, error)) *node {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	n := &node{URL: url, hub: fanout.NewHub(o), dial: dial}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.hub.Run(ctx, log) }()
	s := &http.Server{Handler: n.hub.Handler(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		s.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

// connect opens a WebSocket. If the node refuses the request, connect returns the response with the
// error.
func (n *node) connect(query string, header http.Header) (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{
		NetDialContext: func(context.Context, string, string) (net.Conn, error) { return n.dial() },
	}
	return d.Dial(strings.Replace(n.URL, "http", "ws", 1)+"/ws?"+query, header)
}

// follow opens a WebSocket and fails the test if the node refuses it.
func (n *node) follow(t *testing.T, query string) *client {
	t.Helper()
	conn, resp, err := n.connect(query, nil)
	if err != nil {
		t.Fatalf("connecting with query %q: %v, response %v", query, err, resp)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{t: t, conn: conn}
}

// from returns the headers of a request that a proxy on this machine forwards for a client with the given address.
func from(address string) http.Header { return http.Header{"X-Forwarded-For": {address}} }

// followFrom is like follow, for a client with the given address.
func (n *node) followFrom(t *testing.T, address, query string) *client {
	t.Helper()
	status, detail, c := n.try(t, query, from(address))
	if c == nil {
		t.Fatalf("connecting from %s with query %q: status %d, %s", address, query, status, detail)
	}
	return c
}

// pipes is a listener for in-memory connections.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) dial() (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "node", Net: "pipe"} }
