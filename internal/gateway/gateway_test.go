package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/internal/gateway"
	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/testenv"
)

// A cluster is a gateway with test instances. Tests change the list of instances.
type cluster struct {
	*testing.T
	gateway *gateway.Gateway
	front   *httptest.Server

	listed chan struct{} // receives a value when the gateway calls List

	mu   sync.Mutex
	list []instances.Instance
	fail error
}

func newCluster(t *testing.T) *cluster { return newClusterWith(t, gateway.Options{}, nil) }

// newClusterWith returns a cluster whose gateway has the options o. It calls configure before the
// gateway starts, unless configure is nil.
func newClusterWith(t *testing.T, o gateway.Options, configure func(*gateway.Gateway)) *cluster {
	c := &cluster{T: t, listed: make(chan struct{})}
	o.Log = slog.New(slog.DiscardHandler)
	o.List = func(context.Context) ([]instances.Instance, error) {
		select {
		case c.listed <- struct{}{}:
		default: // the test is not waiting
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		return append([]instances.Instance(nil), c.list...), c.fail
	}
	c.gateway = gateway.New(o)
	if configure != nil {
		configure(c.gateway)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.gateway.Run(ctx) }()
	c.front = httptest.NewServer(c.gateway)
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = c.gateway.Shutdown(ended) // a test can have called it already
		c.front.CloseClientConnections()
		c.front.Close()
	})
	return c
}

// instance starts an instance and adds it to the list. The instance responds with its
// name, and echoes messages on /ws.
func (c *cluster) instance(name string, roles ...string) *httptest.Server {
	up := websocket.Upgrader{}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ws":
			conn, err := up.Upgrade(rw, r, nil)
			if err != nil {
				return
			}
			defer conn.Close()
			_ = conn.WriteMessage(websocket.TextMessage, []byte(name))
			for {
				_, b, err := conn.ReadMessage()
				if err != nil {
					return
				}
				_ = conn.WriteMessage(websocket.TextMessage, b)
			}
		case "/sse":
			rw.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprintf(rw, "data: %s\n\n", name)
			rw.(http.Flusher).Flush()
			<-r.Context().Done()
		default:
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(rw, "%s %s %s %s %s", name, r.Method, r.URL, r.Header.Get("X-Transaction-Id"), body)
		}
	}))
	c.Cleanup(s.Close)
	c.change(func(list []instances.Instance) []instances.Instance {
		return append(list, instances.Instance{Name: name, Roles: roles, Address: s.Listener.Addr().String(), Status: "pass"})
	})
	return s
}

func (c *cluster) change(edit func([]instances.Instance) []instances.Instance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = edit(c.list)
}

func (c *cluster) get(path string) (int, string) {
	resp, err := http.Get(c.front.URL + path)
	if err != nil {
		c.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

func (c *cluster) until(what string, ok func() bool) {
	c.Helper()
	testenv.Eventually(c, ok, "%s", what)
}

// awaitRefresh waits until the gateway uses a new list.
func (c *cluster) awaitRefresh() {
	for range 2 { // at the second call of List, the result of the first call is in use
		<-c.listed
	}
}

// socket opens a WebSocket through the gateway. It returns the WebSocket and the name of the
// instance.
func (c *cluster) socket() (*websocket.Conn, string) {
	c.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(c.front.URL, "http")+"/ws", nil)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { conn.Close() })
	_, name, err := conn.ReadMessage()
	if err != nil {
		c.Fatal(err)
	}
	return conn, string(name)
}

// The gateway chooses an instance with the role that serves the path of a request. The
// query, headers and body arrive unchanged.
func TestForwardsByPath(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.until("503 without instances", func() bool {
		code, body := c.get("/api/matches")
		return code == 503 && strings.Contains(body, "no instance")
	})
	c.instance("api-1", "api", "scheduler")
	c.instance("fan-1", "fanout")
	c.until("both instances", func() bool {
		_, a := c.get("/api/matches?match=1")
		_, b := c.get("/matches.js")
		return strings.HasPrefix(a, "api-1 GET /api/matches?match=1") && strings.HasPrefix(b, "fan-1 GET /matches.js")
	})
	req, _ := http.NewRequest("POST", c.front.URL+"/api/matches", strings.NewReader("body"))
	req.Header.Set("X-Transaction-Id", "tid")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); string(b) != "api-1 POST /api/matches tid body" {
		t.Errorf("POST was forwarded as %q, want it unchanged at api-1", b)
	}
	conn, name := c.socket()
	_ = conn.WriteMessage(websocket.TextMessage, []byte("hello"))
	if _, b, err := conn.ReadMessage(); name != "fan-1" || string(b) != "hello" || err != nil {
		t.Errorf("WebSocket of %s: message %q, error %v; want hello from fan-1", name, b, err)
	}
	stream, err := http.Get(c.front.URL + "/sse")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	if line, err := bufio.NewReader(stream.Body).ReadString('\n'); line != "data: fan-1\n" || err != nil {
		t.Errorf("event stream: line %q, error %v; want data: fan-1", line, err)
	}
}

// A new socket goes to the instance with the fewest sockets. An instance that leaves the
// registry or is gone gets no new sockets and keeps its open sockets. An unhealthy
// instance is used if no other instance is left.
func TestBalancesSockets(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for i := range 3 {
		c.instance(fmt.Sprint("fan-", i), "fanout")
	}
	c.until("an instance", func() bool { code, _ := c.get("/"); return code == 200 })
	c.until("all three instances", func() bool {
		seen := map[string]bool{}
		for range 3 {
			conn, name := c.socket()
			seen[name] = true
			defer conn.Close()
		}
		return len(seen) == 3
	})
	has := map[string]int{}
	var fan0 *websocket.Conn
	for range 9 {
		conn, name := c.socket()
		if has[name]++; name == "fan-0" && fan0 == nil {
			fan0 = conn
		}
	}
	if has["fan-0"] < 2 || has["fan-1"] < 2 || has["fan-2"] < 2 {
		t.Errorf("9 sockets were distributed as %v, want at least 2 for each instance", has)
	}
	c.change(func(list []instances.Instance) []instances.Instance {
		list[1].Status = "fail"
		list[2].SilentSeconds = instances.GoneAfter.Seconds()
		return list[1:]
	})
	c.until("the unhealthy instance", func() bool { _, body := c.get("/"); return strings.HasPrefix(body, "fan-1") })
	_ = fan0.WriteMessage(websocket.TextMessage, []byte("still here"))
	if _, b, err := fan0.ReadMessage(); string(b) != "still here" || err != nil {
		t.Errorf("socket of an instance that left: message %q, error %v; want an echo", b, err)
	}
	c.change(func(list []instances.Instance) []instances.Instance {
		list[0].SilentSeconds = instances.GoneAfter.Seconds()
		return list
	})
	c.until("503 when all are gone", func() bool { code, _ := c.get("/"); return code == 503 })
	c.change(func(list []instances.Instance) []instances.Instance {
		list[0].SilentSeconds, list[0].Status = 0, "warn"
		return list
	})
	c.until("the instance with a warning", func() bool { _, body := c.get("/"); return strings.HasPrefix(body, "fan-1") })
	// If List fails, the previous list stays in use.
	c.mu.Lock()
	c.list, c.fail = nil, errors.New("redis is down")
	c.mu.Unlock()
	c.awaitRefresh()
	if _, body := c.get("/"); !strings.HasPrefix(body, "fan-1") {
		t.Errorf("after List failed: response %q, want one from fan-1", body)
	}
}

// A refresh keeps the requests in progress and their count: new sockets go to the
// instance with fewer sockets.
func TestRefreshKeepsRequestsInProgress(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.instance("a", "fanout")
	c.until("instance a", func() bool { status, _ := c.get("/"); return status == http.StatusOK })
	var old *websocket.Conn
	for range 3 {
		var name string
		if old, name = c.socket(); name != "a" {
			t.Fatalf("the socket went to %q, want a", name)
		}
	}
	c.instance("b", "fanout")
	c.awaitRefresh()
	c.awaitRefresh()
	for range 3 {
		if _, name := c.socket(); name != "b" {
			t.Errorf("the socket went to %q, want b, which has fewer sockets", name)
		}
	}
	_ = old.WriteMessage(websocket.TextMessage, []byte("still here"))
	if _, b, err := old.ReadMessage(); string(b) != "still here" || err != nil {
		t.Errorf("socket from before the refresh: message %q, error %v; want an echo", b, err)
	}
}

// If an instance advertises the gateway's own address, the gateway breaks the loop
// and names the cause in the response.
func TestRefusesLoop(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.change(func(list []instances.Instance) []instances.Instance {
		return append(list, instances.Instance{
			Name: "lost", Roles: []string{"api"}, Address: c.front.Listener.Addr().String(), Status: "pass",
		})
	})
	c.until("508 for the loop", func() bool {
		code, body := c.get("/api/x")
		return code == 508 && strings.Contains(body, "--advertise")
	})
}

// If an instance is unreachable, the gateway sends the request and its body to another instance.
func TestRetriesUnreachableInstance(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	l.Close()
	c.change(func(list []instances.Instance) []instances.Instance {
		return append(list, instances.Instance{Name: "gone", Roles: []string{"api"}, Address: gone, Status: "pass"})
	})
	c.instance("api-1", "api")
	reached := 0
	c.until("20 responses from the reachable instance", func() bool {
		resp, err := http.Post(c.front.URL+"/api/matches", "text/plain", strings.NewReader("once"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		if resp.StatusCode == http.StatusServiceUnavailable {
			return false // no list yet
		}
		if reached++; string(b) != "api-1 POST /api/matches  once" {
			t.Errorf("status %d, body %q; want the request at api-1", resp.StatusCode, b)
		}
		return reached == 20
	})
}

// A killed instance stays in the list as gone. It does not hide a new instance at the same address, whichever
// name is first.
func TestGoneInstanceAtSameAddress(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.instance("m", "fanout")
	c.change(func(list []instances.Instance) []instances.Instance {
		first, last := list[0], list[0]
		first.Name, first.SilentSeconds = "a", instances.GoneAfter.Seconds()
		last.Name, last.SilentSeconds = "z", instances.GoneAfter.Seconds()
		return []instances.Instance{first, list[0], last}
	})
	c.awaitRefresh()
	c.awaitRefresh()
	if status, body := c.get("/"); status != http.StatusOK {
		t.Errorf("status %d, body %q; want a response of the running instance", status, body)
	}
}

// Without a key, the gateway forwards requests only to its own machine. It does not even connect to another
// address. It ignores such instances in silence if they are gone or do not serve its clients.
func TestWithoutKey(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.instance("near", "fanout")
	c.change(func(list []instances.Instance) []instances.Instance {
		list[0].Untrusted = instances.ErrNoKey
		far := instances.Instance{
			Name: "far", Roles: []string{"api"}, Address: "192.0.2.1:80", Status: "pass", Untrusted: instances.ErrNoKey,
		}
		gone, other, named := far, far, far
		gone.Address, gone.SilentSeconds = "192.0.2.2:80", instances.GoneAfter.Seconds()
		other.Address, other.Roles = "192.0.2.3:80", []string{"parser"}
		named.Name, named.Address = "named", "127.0.0.1.example:80"
		return append(list, far, gone, other, named)
	})
	c.awaitRefresh()
	c.awaitRefresh()
	if status, body := c.get("/"); status != http.StatusOK {
		t.Errorf("instance on the same machine: status %d, body %q; want its response", status, body)
	}
	if status, body := c.get("/api/matches"); status != http.StatusServiceUnavailable {
		t.Errorf("instance on another machine: status %d, body %q; want 503", status, body)
	}
	issues, down := c.gateway.Health()
	const want = "the gateway ignores 2 of the announced instances, such as far at 192.0.2.1:80: without a key, "
	if down || len(issues) != 2 || !strings.HasPrefix(issues[1], want) ||
		!strings.Contains(issues[1], "MATCHWIRE_INSTANCE_KEY") {
		t.Errorf("health is %q, down %t; want an issue that begins with %q and names the key", issues, down, want)
	}
}
