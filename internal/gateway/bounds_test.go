package gateway_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/gateway"
	"github.com/matchwire/matchwire/internal/instances"
)

// handler starts an instance with a handler, and waits until the gateway uses it.
func (c *cluster) handler(h http.HandlerFunc) {
	c.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.Fatal(err)
	}
	s := &http.Server{Handler: h, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	go func() { _ = s.Serve(l) }()
	c.Cleanup(func() { s.Close() })
	c.change(func(list []instances.Instance) []instances.Instance {
		return append(list, instances.Instance{Name: "handler", Roles: []string{"fanout", "api"},
			Address: l.Addr().String(), Status: "pass"})
	})
	c.awaitRefresh()
	c.awaitRefresh()
}

// A client that sends its request body too slowly gets status 408. The request to the instance ends
// too.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	slow := make(chan struct{})
	c.handler(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			close(slow)
		}
	})
	front := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(100 * time.Millisecond)) // as httpserver does
		c.gateway.ServeHTTP(w, r)
	})}
	defer front.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = front.Serve(l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client := newRaw(t, conn)
	fmt.Fprint(client, "POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234")
	if rest := client.rest(); !strings.HasPrefix(rest, "HTTP/1.1 408 ") {
		t.Errorf("response %q, want status 408", rest)
	}
	<-slow
	if n := c.metric("requests_total", "role=api", "class=4xx"); n != 1 {
		t.Errorf("%v requests of class 4xx, want 1", n)
	}
}

// If one end of a stream closes its connection, the gateway closes the connection to the other end. The
// metrics show which end closed its connection first.
func TestEndOfStream(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"websocket", "sse"} {
		for _, why := range []string{"left", "instance"} {
			t.Run(kind+" "+why, func(t *testing.T) {
				t.Parallel()
				c := newClusterWith(t, gateway.Options{}, func(g *gateway.Gateway) {
					g.SetLimits(patience, patience, 2*patience, patience)
				})
				open := c.tunnel
				if kind == "sse" {
					open = c.eventStream
				}
				closing, other := open(c.rawInstance())
				if why == "instance" {
					closing, other = other, closing
				}
				closing.send([]byte("last")...)
				closing.Close()
				if rest := other.rest(); rest != "last" {
					t.Errorf("received %q, want last", rest)
				}
				other.Close()
				c.ended(kind, why)
				if n := c.metric("connections"); n != 0 {
					t.Errorf("%v connections, want 0", n)
				}
			})
		}
	}
}

// The metrics count requests by role and class of the status, and measure the time until an instance
// responds.
func TestMetrics(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.handler(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/missing" {
			w.WriteHeader(404)
		}
	})
	c.change(func(list []instances.Instance) []instances.Instance {
		return append(list, instances.Instance{Name: "b", Roles: []string{"api"}, Address: "127.0.0.1:1", Status: "fail"})
	})
	c.awaitRefresh()
	c.awaitRefresh()
	for _, path := range []string{"/", "/", "/missing", "/api/x", "/sse"} {
		c.get(path)
	}
	for _, tc := range []struct {
		name string
		want []string
		n    float64
	}{
		{"requests_total", []string{"role=fanout", "class=2xx"}, 3},
		{"requests_total", []string{"role=fanout", "class=4xx"}, 1},
		{"requests_total", []string{"role=api", "class=2xx"}, 1},
		{"requests_total", nil, 5},
		{"first_byte_seconds", []string{"role=fanout"}, 4},
		{"first_byte_seconds", []string{"role=api"}, 1},
		{"instances", []string{"role=api", "healthy=true"}, 1},
		{"instances", []string{"role=api", "healthy=false"}, 1},
		{"instances", []string{"role=fanout"}, 1},
		{"dial_failures_total", nil, 0},
	} {
		if n := c.metric(tc.name, tc.want...); n != tc.n {
			t.Errorf("%s%v is %v, want %v", tc.name, tc.want, n, tc.n)
		}
	}
	i := c.rawInstance()
	c.change(func(list []instances.Instance) []instances.Instance { return list[len(list)-1:] })
	c.awaitRefresh()
	c.awaitRefresh()
	c.tunnel(i)
	if n := c.metric("requests_total", "role=fanout", "class=1xx"); n != 1 {
		t.Errorf("%v requests of class 1xx, want 1, the WebSocket", n)
	}
	if n := c.metric("connections", "kind=websocket"); n != 1 {
		t.Errorf("%v WebSockets, want 1", n)
	}
}
