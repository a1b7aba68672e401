package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/internal/clientaddr"
	"github.com/matchwire/matchwire/internal/gateway"
	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/nonblock"
)

// lastFrame is the close frame of a stopping gateway.
var lastFrame = string(frame(0x88, "\x03\xf4the gateway is stopping; reconnect with your cursor"))

// A tunnel forwards any number of bytes in both directions, and does not change them.
func TestTunnelCopies(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	client, instance := c.tunnel(c.rawInstance())
	big := strings.Repeat("0123456789", 500_000)
	for _, d := range []struct {
		name     string
		from, to *raw
	}{{"to the instance", client, instance}, {"to the client", instance, client}} {
		d.from.send('x')
		if got := d.to.receive(1); got != "x" {
			t.Errorf("%s: received %q, want x", d.name, got)
		}
		sent := make(chan error)
		go func() {
			_, err := io.WriteString(d.from, big)
			sent <- err
		}()
		if got := d.to.receive(len(big)); got != big {
			t.Errorf("%s: the %d bytes differ from those that were sent", d.name, len(got))
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
	}
	client.Close()
	instance.rest()
	c.ended("websocket", "left")
}

// A stopping gateway sends a close frame to a client after the current frame. It sends none if the
// instance has sent a close frame, or if the rest of the current frame is missing.
func TestShutdownAfterWholeFrame(t *testing.T) {
	t.Parallel()
	big := string(frame(0x81, strings.Repeat("x", 40_000)))
	second := string(frame(0x81, "second"))
	for _, tc := range []struct {
		name          string
		before, after string // sent by the instance before and after the call of Shutdown
		want          string // received by the client after before
	}{
		{"between frames", second, "", lastFrame},
		{"in a frame", big[:20_000], big[20_000:], big[20_000:] + lastFrame},
		{"in the length", big[:2], big[2:], big[2:] + lastFrame},
		{"in a frame, then a part of the next", big[:10], big[10:] + second + big[:20_000], big[10:] + second + lastFrame},
		{"in a frame, then a close frame", second[:1],
			second[1:] + string(frame(0x88, "")), second[1:] + string(frame(0x88, ""))},
		{"after a close frame", string(frame(0x88, "\x03\xe9")), "", ""},
		{"in a frame whose rest is missing", second[:4], "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := newClusterWith(t, gateway.Options{}, func(g *gateway.Gateway) {
				stall := patience
				if tc.name == "in a frame whose rest is missing" {
					stall = 100 * time.Millisecond
				}
				g.SetLimits(stall, patience, patience, patience)
			})
			client, instance := c.tunnel(c.rawInstance())
			instance.send([]byte(tc.before)...)
			client.receive(len(tc.before))
			done := make(chan error)
			go func() { done <- c.gateway.Shutdown(t.Context()) }()
			c.until("the gateway to stop", c.gateway.Stopping)
			instance.send([]byte(tc.after)...)
			if got := client.receive(len(tc.want)); got != tc.want {
				t.Errorf("the client received %q, want %q", short(got), short(tc.want))
			}
			client.send('x') // still forwarded
			if tc.want != "" {
				instance.receive(1)
			}
			if got := client.rest(); got != "" {
				t.Errorf("the client received %q more, want a closed connection", short(got))
			}
			client.Close()
			if err := <-done; err != nil {
				t.Error(err)
			}
			c.ended("websocket", "stopped")
		})
	}
}

// short returns s, without its middle if s is long.
func short(s string) string {
	if len(s) > 200 {
		return fmt.Sprintf("%.80s … %s (%d bytes)", s, s[len(s)-100:], len(s))
	}
	return s
}

// Shutdown cuts the connections that are still open when its context ends. A stopping gateway refuses
// new streams.
func TestShutdownIsBounded(t *testing.T) {
	t.Parallel()
	c := newClusterWith(t, gateway.Options{}, func(g *gateway.Gateway) {
		g.SetLimits(patience, patience, patience, patience)
	})
	i := c.rawInstance()
	client, _ := c.tunnel(i)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.gateway.Shutdown(ctx) }()
	if got := client.receive(len(lastFrame)); got != lastFrame {
		t.Errorf("received %q, want %q", got, lastFrame)
	}
	c.refused("the gateway is stopping")
	select {
	case err := <-done:
		t.Errorf("Shutdown returned %v while a client was connected, want it to wait for the client", err)
	default:
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("Shutdown returned no error after it cut a connection, want the error of its context")
	}
	client.rest()
	c.ended("websocket", "stopped")
}

// refused requests a WebSocket and an event stream. The gateway must refuse them with detail.
func (c *cluster) refused(detail string) {
	c.Helper()
	_, resp, _ := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(c.front.URL, "http")+"/ws", nil)
	if resp == nil || resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		c.Errorf("WebSocket: response %v, want 503 with Retry-After", resp)
		return
	}
	if b, _ := io.ReadAll(resp.Body); !strings.Contains(string(b), detail) {
		c.Errorf("WebSocket: body %s, want %q", b, detail)
	}
	if code, body := c.get("/sse"); code != 503 || !strings.Contains(body, detail) {
		c.Errorf("event stream: status %d, body %s; want 503 with %q", code, body, detail)
	}
}

// If the gateway does not know the frames of a protocol, it cuts the connections when it stops.
func TestShutdownOfOtherProtocol(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	i := c.rawInstance()
	client := c.connect()
	client.open("other")
	client.receive(7)
	newRaw(t, <-i.streams)
	done := make(chan error)
	go func() { done <- c.gateway.Shutdown(t.Context()) }()
	if rest := client.rest(); rest != "" {
		t.Errorf("received %q, want a closed connection", rest)
	}
	client.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	c.ended("other", "stopped")
}

// A stopping gateway sends the event "close" to the client of an event stream, after the current event.
func TestShutdownEndsEventStreams(t *testing.T) {
	t.Parallel()
	const event, end = "id: 1\ndata: {}\n\n",
		"event: close\ndata: {\"code\":1012,\"reason\":\"the gateway is stopping; reconnect with your cursor\"}\n\n"
	for _, tc := range []struct {
		name          string
		before, after string // sent by the instance before and after the call of Shutdown
		want          string // received by the client after before
	}{
		{"between events", event, "", end},
		{"in an event", event[:9], event[9:] + event[:5], event[9:] + end},
		{"in the end of an event", event[:len(event)-1], "\n", "\n" + end},
		{"in an event whose rest is missing", event[:9], "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := newClusterWith(t, gateway.Options{}, func(g *gateway.Gateway) {
				stall := patience
				if tc.want == "" {
					stall = 100 * time.Millisecond
				}
				g.SetLimits(stall, patience, patience, patience)
			})
			client, instance := c.eventStream(c.rawInstance())
			instance.send([]byte(tc.before)...)
			client.receive(len(tc.before))
			done := make(chan error)
			go func() { done <- c.gateway.Shutdown(t.Context()) }()
			c.until("the gateway to stop", c.gateway.Stopping)
			instance.send([]byte(tc.after)...)
			if got := client.rest(); got != tc.want {
				t.Errorf("the client received %q, want %q", got, tc.want)
			}
			client.Close()
			if err := <-done; err != nil {
				t.Error(err)
			}
			c.ended("sse", "stopped")
		})
	}
}

// If a peer accepts no bytes, the gateway closes the connections to both peers.
func TestStalledPeer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ kind, why string }{
		{"websocket", "slow"}, {"websocket", "instance"}, {"sse", "slow"},
	} {
		t.Run(tc.kind+" "+tc.why, func(t *testing.T) {
			t.Parallel()
			c := newClusterWith(t, gateway.Options{}, func(g *gateway.Gateway) {
				g.SetLimits(100*time.Millisecond, patience, patience, patience)
			})
			open := c.tunnel
			if tc.kind == "sse" {
				open = c.eventStream
			}
			from, to := open(c.rawInstance())
			if tc.why == "slow" {
				from, to = to, from
			}
			from.flood()
			c.ended(tc.kind, tc.why)
			to.rest()
		})
	}
}

// flood sends bytes until the connection fails. It fails the test after a minute.
func (r *raw) flood() {
	r.Helper()
	b := make([]byte, 64<<10)
	for {
		_, err := r.Write(b)
		if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
			r.Fatal("the connection is still open after a minute, want it closed because the peer is too slow")
		}
		if err != nil {
			return
		}
	}
}

// A peer that accepts bytes slowly must accept a whole buffer within a time limit.
func TestTricklingPeer(t *testing.T) {
	t.Parallel()
	c := newClusterWith(t, gateway.Options{}, func(g *gateway.Gateway) {
		g.SetLimits(patience, time.Millisecond, patience, patience)
	})
	client, instance := c.tunnel(c.rawInstance())
	go func() {
		var b [1]byte
		for {
			if _, err := client.Read(b[:]); err != nil {
				return
			}
		}
	}()
	instance.flood()
	c.ended("websocket", "slow")
}

// When one peer has closed its side, the other peer must close its side within a time limit.
func TestHalfClosed(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"client", "instance"} {
		t.Run(first+" first", func(t *testing.T) {
			t.Parallel()
			c := newClusterWith(t, gateway.Options{}, func(g *gateway.Gateway) {
				g.SetLimits(patience, patience, 100*time.Millisecond, patience)
			})
			closing, other := c.tunnel(c.rawInstance())
			why := "left"
			if first == "instance" {
				closing, other, why = other, closing, "instance"
			}
			other.send([]byte("last")...)
			closing.receive(4)
			if err := closing.Conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if rest := other.rest(); rest != "" {
				t.Errorf("received %q, want a closed connection", rest)
			}
			closing.rest() // ends although other is still open
			c.ended("websocket", why)
		})
	}
}

// The gateway closes a tunnel that has forwarded no bytes since a given time. Bytes in either direction
// keep a tunnel open.
func TestIdleTunnel(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	i := c.rawInstance()
	idle, _ := c.tunnel(i)
	listening, pinging := c.tunnel(i)
	sending, reading := c.tunnel(i)
	since := time.Now()
	pinging.send('x')
	listening.receive(1)
	sending.send('y')
	reading.receive(1)
	c.gateway.CloseIdle(since)
	idle.rest()
	c.ended("websocket", "idle")
	pinging.send('x')
	listening.receive(1)
	sending.send('y')
	reading.receive(1)
}

// Run closes idle tunnels.
func TestRunClosesIdle(t *testing.T) {
	t.Parallel()
	c := newClusterWith(t, gateway.Options{}, func(g *gateway.Gateway) {
		g.SetLimits(patience, patience, patience, time.Nanosecond)
	})
	client, _ := c.tunnel(c.rawInstance())
	client.rest()
	c.ended("websocket", "idle")
}

// The gateway limits the number of WebSockets and event streams, but not other requests.
func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	c := newClusterWith(t, gateway.Options{Connections: 2}, nil)
	i := c.rawInstance()
	client, _ := c.tunnel(i)
	c.eventStream(i)
	c.refused("too many connections")
	if code, _ := c.get("/"); code != 400 { // from the instance
		t.Errorf("other request: status %d, want 400", code)
	}
	full := func() bool {
		issues, _ := c.gateway.Health()
		return strings.Contains(strings.Join(issues, "\n"), "the gateway has its maximum of 2 connections")
	}
	if !full() {
		t.Error("Health reports no issue about the maximum of 2 connections, want one")
	}
	for _, kind := range []string{"websocket", "sse"} {
		if n := c.metric("connections", "kind="+kind); n != 1 {
			t.Errorf("%v connections of kind %s, want 1", n, kind)
		}
	}
	client.Close()
	c.until("the gateway to have room for a connection", func() bool { return !full() })
	c.tunnel(i)
}

// The limit on open files determines the default limit on connections. Each WebSocket or event stream
// needs two files.
func TestDefaultConnectionLimit(t *testing.T) {
	t.Parallel()
	got := gateway.New(gateway.Options{Log: slog.New(slog.DiscardHandler)}).MaxConnections()
	if want := nonblock.MaxConnections() / 2; got != want || got == 0 {
		t.Errorf("the maximum is %d connections, want %d, and at least 1", got, want)
	}
}

// Except for Connection and Upgrade, an instance gets the same headers with a request for a WebSocket as
// with any other request. If the instance refuses a WebSocket, the client receives the response of the
// instance.
func TestHeadersOfHandshake(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	const uri = "/a%2Fb?match=1&match=2"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RequestURI() != uri {
			t.Errorf("the instance got a request for %s, want %s", r.URL.RequestURI(), uri)
		}
		r.Header.Set("Host", r.Host)
		w.Header().Set("X-Answer", "yes")
		w.Header().Set("Keep-Alive", "timeout=5")
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(r.Header)
	}))
	defer s.Close()
	c.change(func([]instances.Instance) []instances.Instance {
		return []instances.Instance{{Name: "a", Roles: []string{"fanout"}, Address: s.Listener.Addr().String()}}
	})
	c.awaitRefresh()
	c.awaitRefresh()
	ask := func(connection, upgrade string) http.Header {
		req, err := http.NewRequest("GET", c.front.URL+uri, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "scores.example"
		req.Header = http.Header{
			"X-Forwarded-For":   {"1.2.3.4"},
			"Forwarded":         {"for=1.2.3.4"},
			"X-Forwarded-Proto": {"gopher"},
			"X-Private": {
				"secret",
			},
			"Origin":              {"https://scores.example"},
			"Connection":          {connection},
			"User-Agent":          {""},
			"Proxy-Authorization": {"x"},
		}
		if upgrade != "" {
			req.Header.Set("Upgrade", upgrade)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var got http.Header
		if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || resp.StatusCode != 403 ||
			resp.Header.Get("X-Answer") != "yes" || resp.Header.Get("Keep-Alive") != "" {
			t.Fatalf(
				"status %d, headers %v, error %v; want the response of the instance",
				resp.StatusCode,
				resp.Header,
				err,
			)
		}
		return got
	}
	plain, socket := ask("X-Private", ""), ask("Upgrade, X-Private", "websocket")
	if socket.Get("Connection") != "Upgrade" || socket.Get("Upgrade") != "websocket" {
		t.Errorf("handshake with headers %v, want Connection: Upgrade and Upgrade: websocket", socket)
	}
	socket.Del("Connection")
	socket.Del("Upgrade")
	plain.Del("Accept-Encoding")
	socket.Del("Accept-Encoding")
	if fmt.Sprint(plain) != fmt.Sprint(socket) {
		t.Errorf("handshake with headers\n%v\nwant those of other requests:\n%v", socket, plain)
	}
	// The client is on this machine, so it can be a proxy that forwards the request of 1.2.3.4.
	if socket.Get("Host") != "scores.example" || socket.Get("X-Forwarded-For") != "1.2.3.4, 127.0.0.1" ||
		socket.Get("X-Forwarded-Proto") != "http" || socket.Get("Via") != "1.1 matchwire-gateway" ||
		socket.Get("X-Private") != "" || socket.Get("Forwarded") != "" {
		t.Errorf("handshake with headers %v, want the forwarding headers of the gateway, and no hop-by-hop headers", socket)
	}
}

// The limits for one address apply to the client that a proxy in front of the gateway saw. A client without
// such a proxy cannot choose its address.
func TestAddressBehindProxyAndGateway(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, clientaddr.Of(r))
	}))
	defer s.Close()
	c.change(func([]instances.Instance) []instances.Instance {
		return []instances.Instance{{Name: "a", Roles: []string{"fanout"}, Address: s.Listener.Addr().String()}}
	})
	c.awaitRefresh()
	c.awaitRefresh()
	for _, tc := range []struct {
		peer, want string
		forwarded  []string
	}{
		{"10.0.0.7:1234", "203.0.113.9", []string{"203.0.113.9"}},
		{"10.0.0.7:1234", "203.0.113.9", []string{"192.0.2.66, 203.0.113.9"}},   // the client has sent an address too
		{"10.0.0.7:1234", "203.0.113.9", []string{"192.0.2.66", "203.0.113.9"}}, // in two headers
		{"10.0.0.7:1234", "10.0.0.7", nil},
		{"198.51.100.7:1234", "198.51.100.7", []string{"203.0.113.9"}}, // no proxy
	} {
		for _, accept := range []string{"*/*", "text/event-stream"} {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = tc.peer
			r.Header["X-Forwarded-For"] = tc.forwarded
			r.Header.Set("Accept", accept)
			w := httptest.NewRecorder()
			c.gateway.ServeHTTP(w, r)
			if got := w.Body.String(); got != tc.want {
				t.Errorf("peer %s, X-Forwarded-For %q, Accept %s: the instance counts the address %q, want %q",
					tc.peer, tc.forwarded, accept, got, tc.want)
			}
		}
	}
}

// If an instance is unreachable, the gateway opens the WebSocket at another instance. If the instance
// accepts the connection but does not respond to the handshake, the client gets an error.
func TestHandshakeFails(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	c.change(func(list []instances.Instance) []instances.Instance {
		return append(
			list,
			instances.Instance{Name: "gone", Roles: []string{"fanout"}, Address: address, Status: "pass"},
		)
	})
	c.instance("fan-1", "fanout")
	c.until("the instance", func() bool { code, _ := c.get("/"); return code == 200 })
	for range 10 {
		if _, name := c.socket(); name != "fan-1" {
			t.Errorf("the socket went to %s, want fan-1", name)
		}
	}
	if c.metric("dial_failures_total") == 0 {
		t.Error("dial_failures_total is 0, want at least 1")
	}
	cut, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer cut.Close()
	go func() {
		for {
			conn, err := cut.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	c.change(func([]instances.Instance) []instances.Instance {
		return []instances.Instance{
			{Name: "cut", Roles: []string{"fanout"}, Address: cut.Addr().String(), Status: "pass"},
		}
	})
	c.awaitRefresh()
	c.awaitRefresh()
	_, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(c.front.URL, "http")+"/ws", nil)
	if err == nil || resp == nil || resp.StatusCode != http.StatusBadGateway {
		t.Errorf("response %v, error %v; want 502", resp, err)
	}
}

// If a gateway has already forwarded a request for a WebSocket, the next gateway refuses it, like other
// requests.
func TestRefusesLoopOfSockets(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.change(func(list []instances.Instance) []instances.Instance {
		return append(list, instances.Instance{
			Name: "lost", Roles: []string{"fanout"}, Address: c.front.Listener.Addr().String(), Status: "pass",
		})
	})
	c.until("508 for the loop", func() bool {
		_, resp, _ := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(c.front.URL, "http")+"/ws", nil)
		return resp != nil && resp.StatusCode == http.StatusLoopDetected
	})
}
