package gateway_test

import (
	"bufio"
	"fmt"
	"io"
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
	s := &http.Server{Handler: h}
	go func() { _ = s.Serve(l) }()
	c.Cleanup(func() { s.Close() })
	c.change(func(list []instances.Instance) []instances.Instance {
		return append(list, instances.Instance{Name: "handler", Roles: []string{"fanout", "api"},
			Address: l.Addr().String(), Status: "pass"})
	})
	c.awaitRefresh()
	c.awaitRefresh()
}

// connect connects to the gateway.
func (c *cluster) connect() *raw {
	c.Helper()
	conn, err := net.Dial("tcp", c.front.Listener.Addr().String())
	if err != nil {
		c.Fatal(err)
	}
	return newRaw(c.T, conn)
}

// A client that does not read a response loses its connection, and the request ends at the instance.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"application/json", "text/event-stream"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := newClusterWith(t, gateway.Options{}, func(g *gateway.Gateway) {
				g.SetLimits(100*time.Millisecond, patience, patience, patience)
			})
			ended := make(chan struct{})
			c.handler(func(w http.ResponseWriter, r *http.Request) {
				defer close(ended)
				w.Header().Set("Content-Type", kind)
				for {
					if _, err := io.WriteString(w, strings.Repeat("x", 10_000)+"\n\n"); err != nil {
						return
					}
				}
			})
			client := c.connect()
			fmt.Fprint(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			select {
			case <-ended:
			case <-time.After(patience):
				t.Error("the request has not ended after a minute, although the client reads nothing")
			}
			client.rest()
		})
	}
}

// A client that does not send its whole request body loses its connection. If it sends the body, the
// connection stays usable.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	c := newClusterWith(t, gateway.Options{}, func(g *gateway.Gateway) {
		g.SetLimits(500*time.Millisecond, patience, patience, patience)
	})
	slow := make(chan struct{})
	c.handler(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			close(slow)
			return
		}
		fmt.Fprintf(w, "%d bytes", len(b))
	})
	client := c.connect()
	for range 2 { // on one connection
		fmt.Fprint(client, "POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789")
		resp, err := http.ReadResponse(client.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(resp.Body); string(b) != "10 bytes" || err != nil {
			t.Fatalf("response %q, error %v; want 10 bytes", b, err)
		}
	}
	fmt.Fprint(client, "POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234")
	if rest := client.rest(); !strings.HasPrefix(rest, "HTTP/1.1 408 ") {
		t.Errorf("response %q, want 408 and the end", rest)
	}
	<-slow
	if n := c.metric("requests_total", "role=api", "class=4xx"); n != 1 {
		t.Errorf("%v requests of class 4xx, want 1", n)
	}
}

// If the gateway responds before it reads the body, it does not wait for the body forever.
func TestSlowBodyOfRefusedRequest(t *testing.T) {
	t.Parallel()
	c := newClusterWith(t, gateway.Options{}, func(g *gateway.Gateway) {
		g.SetLimits(100*time.Millisecond, patience, patience, patience)
	})
	client := c.connect()
	fmt.Fprint(client, "POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
	if rest := client.rest(); !strings.HasPrefix(rest, "HTTP/1.1 503 ") {
		t.Errorf("response %q, want 503 and the end", rest)
	}
}

// A stopping gateway ends an event stream with an event that says so. In the middle of an event, it
// only ends the response.
func TestShutdownEndsEventStreams(t *testing.T) {
	t.Parallel()
	const event, end = "id: 1\ndata: {}\n\n",
		"event: close\ndata: {\"code\":1012,\"reason\":\"the gateway is stopping; reconnect with your cursor\"}\n\n"
	for _, tc := range []struct{ sent, want string }{
		{event, event + end},
		{event + "id: 2\ndata: ", event + "id: 2\ndata: "},
		{event + "id: 2\n", event + "id: 2\n"},
	} {
		c := newCluster(t)
		c.handler(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			_, _ = io.WriteString(w, tc.sent)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		})
		resp, err := http.Get(c.front.URL + "/sse")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		r := bufio.NewReader(resp.Body)
		if got, err := r.Peek(len(tc.sent)); err != nil {
			t.Fatalf("received %q, error %v", got, err)
		}
		if err := c.gateway.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if got, err := io.ReadAll(r); string(got) != tc.want || err != nil {
			t.Errorf("received %q, error %v; want %q", got, err, tc.want)
		}
		c.ended("sse", "stopped")
		if code, body := c.get("/sse"); code != 503 || !strings.Contains(body, "stopping") {
			t.Errorf("another event stream: status %d, body %s; want 503", code, body)
		}
	}
}

// An event stream ends for the reason that the metrics show.
func TestEndOfEventStream(t *testing.T) {
	t.Parallel()
	for _, why := range []string{"left", "instance", "idle"} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			leave := make(chan struct{})
			c.handler(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, "data: 1\n\n")
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
				case <-leave:
				}
			})
			resp, err := http.Get(c.front.URL + "/sse")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			r := bufio.NewReader(resp.Body)
			if _, err := r.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			switch why {
			case "left":
				resp.Body.Close()
			case "instance":
				close(leave)
				if rest, err := io.ReadAll(r); string(rest) != "\n" || err != nil {
					t.Errorf("the rest is %q, error %v; want a clean end", rest, err)
				}
			case "idle":
				c.gateway.CloseIdle(time.Now())
			}
			c.ended("sse", why)
			if n := c.metric("connections"); n != 0 {
				t.Errorf("%v connections, want 0", n)
			}
		})
	}
}

// Requests are counted by role and class of the status, and timed.
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
	for _, path := range []string{"/", "/", "/missing", "/api/x"} {
		c.get(path)
	}
	for _, tc := range []struct {
		name string
		want []string
		n    float64
	}{
		{"requests_total", []string{"role=fanout", "class=2xx"}, 2},
		{"requests_total", []string{"role=fanout", "class=4xx"}, 1},
		{"requests_total", []string{"role=api", "class=2xx"}, 1},
		{"requests_total", nil, 4},
		{"first_byte_seconds", []string{"role=fanout"}, 3},
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
		t.Errorf("%v requests of class 1xx, want the WebSocket", n)
	}
	if n := c.metric("connections", "kind=websocket"); n != 1 {
		t.Errorf("%v WebSockets, want 1", n)
	}
}
