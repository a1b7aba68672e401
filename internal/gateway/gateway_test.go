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

// A world is a gateway and instances, whose list the test keeps.
type world struct {
	*testing.T
	front *httptest.Server

	looks chan struct{} // receives for each time the gateway asks for the list

	mu   sync.Mutex
	list []instances.Instance
	fail error
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, looks: make(chan struct{})}
	g := &gateway.Gateway{Log: slog.New(slog.DiscardHandler), List: func(context.Context) ([]instances.Instance, error) {
		select {
		case w.looks <- struct{}{}:
		default: // no caller waits for it
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		return append([]instances.Instance(nil), w.list...), w.fail
	}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- g.Run(ctx) }()
	w.front = httptest.NewServer(g)
	t.Cleanup(func() {
		w.front.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

// an instance that answers with its name, and echoes on /ws.
func (w *world) instance(name string, roles ...string) *httptest.Server {
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
	w.Cleanup(s.Close)
	w.change(func(list []instances.Instance) []instances.Instance {
		return append(list, instances.Instance{Name: name, Roles: roles, Address: s.Listener.Addr().String(), Status: "pass"})
	})
	return s
}

func (w *world) change(to func([]instances.Instance) []instances.Instance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = to(w.list)
}

func (w *world) get(path string) (int, string) {
	resp, err := http.Get(w.front.URL + path)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

func (w *world) until(what string, ok func() bool) {
	w.Helper()
	testenv.Eventually(w, ok, "%s", what)
}

// looked waits until the gateway has used a list that was made after the call.
func (w *world) looked() {
	for range 2 { // it asks for the next list when it has used the last
		<-w.looks
	}
}

// socket opens a WebSocket through the gateway and says whose it is.
func (w *world) socket() (*websocket.Conn, string) {
	w.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(w.front.URL, "http")+"/ws", nil)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { conn.Close() })
	_, name, err := conn.ReadMessage()
	if err != nil {
		w.Fatal(err)
	}
	return conn, string(name)
}

// Calls go by their path to who serves it, whole and with their headers.
func TestForwards(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.until("a word that nobody is there", func() bool {
		code, body := w.get("/api/matches")
		return code == 503 && strings.Contains(body, "no instance")
	})
	w.instance("api-1", "api", "scheduler")
	w.instance("fan-1", "fanout")
	w.until("both", func() bool {
		_, a := w.get("/api/matches?match=1")
		_, b := w.get("/matches.js")
		return strings.HasPrefix(a, "api-1 GET /api/matches?match=1") && strings.HasPrefix(b, "fan-1 GET /matches.js")
	})
	req, _ := http.NewRequest("POST", w.front.URL+"/api/matches", strings.NewReader("body"))
	req.Header.Set("X-Transaction-Id", "tid")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); string(b) != "api-1 POST /api/matches tid body" {
		t.Errorf("%s", b)
	}
	conn, name := w.socket()
	_ = conn.WriteMessage(websocket.TextMessage, []byte("hello"))
	if _, b, err := conn.ReadMessage(); name != "fan-1" || string(b) != "hello" || err != nil {
		t.Errorf("%s %s %v", name, b, err)
	}
	stream, err := http.Get(w.front.URL + "/sse")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	if line, err := bufio.NewReader(stream.Body).ReadString('\n'); line != "data: fan-1\n" || err != nil {
		t.Errorf("%q %v", line, err)
	}
}

// Sockets go to the instance with the fewest; one that stops, is not well or
// has not been heard gets none; those it has it keeps.
func TestBalances(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 3 {
		w.instance(fmt.Sprint("fan-", i), "fanout")
	}
	w.until("somebody", func() bool { code, _ := w.get("/"); return code == 200 })
	w.until("all three", func() bool {
		seen := map[string]bool{}
		for range 3 {
			conn, name := w.socket()
			seen[name] = true
			defer conn.Close()
		}
		return len(seen) == 3
	})
	has := map[string]int{}
	var first *websocket.Conn
	for range 9 {
		conn, name := w.socket()
		if has[name]++; name == "fan-0" && first == nil {
			first = conn
		}
	}
	if has["fan-0"] < 2 || has["fan-1"] < 2 || has["fan-2"] < 2 {
		t.Errorf("9 sockets went to %v", has)
	}
	w.change(func(list []instances.Instance) []instances.Instance {
		list[1].Status = "fail"
		list[2].SilentSeconds = instances.SilentAfter.Seconds()
		return list[1:]
	})
	// One that is not well is better than none: what it needs may be away for all.
	w.until("the one that is not well", func() bool { _, body := w.get("/"); return strings.HasPrefix(body, "fan-1") })
	_ = first.WriteMessage(websocket.TextMessage, []byte("still here"))
	if _, b, err := first.ReadMessage(); string(b) != "still here" || err != nil {
		t.Errorf("the socket of one that stops: %q %v", b, err)
	}
	w.change(func(list []instances.Instance) []instances.Instance {
		list[0].SilentSeconds = instances.SilentAfter.Seconds()
		return list
	})
	w.until("nobody to be left", func() bool { code, _ := w.get("/"); return code == 503 })
	w.change(func(list []instances.Instance) []instances.Instance {
		list[0].SilentSeconds, list[0].Status = 0, "warn"
		return list
	})
	w.until("one that warns", func() bool { _, body := w.get("/"); return strings.HasPrefix(body, "fan-1") })
	// While there is no list the last one is good.
	w.mu.Lock()
	w.list, w.fail = nil, errors.New("redis is away")
	w.mu.Unlock()
	w.looked()
	if _, body := w.get("/"); !strings.HasPrefix(body, "fan-1") {
		t.Error(body)
	}
}

// A new list neither ends calls that are under way nor forgets them: the next
// sockets go to the instance that has fewer.
func TestLooksDuringCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.instance("a", "fanout")
	w.until("a found", func() bool { status, _ := w.get("/"); return status == http.StatusOK })
	var old *websocket.Conn
	for range 3 {
		var name string
		if old, name = w.socket(); name != "a" {
			t.Fatalf("a socket is with %q", name)
		}
	}
	w.instance("b", "fanout")
	w.looked()
	w.looked()
	for range 3 {
		if _, name := w.socket(); name != "b" {
			t.Errorf("a socket is with %q, want b, which has fewer than 3", name)
		}
	}
	_ = old.WriteMessage(websocket.TextMessage, []byte("still here"))
	if _, b, err := old.ReadMessage(); string(b) != "still here" || err != nil {
		t.Errorf("the socket from before: %q %v", b, err)
	}
}

// An instance that names the gateway's own address as its own sends calls back;
// that is said, and ends.
func TestLoop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(func(list []instances.Instance) []instances.Instance {
		return append(list, instances.Instance{Name: "lost", Roles: []string{"api"}, Address: w.front.Listener.Addr().String(), Status: "pass"})
	})
	w.until("the loop to be seen", func() bool {
		code, body := w.get("/api/x")
		return code == 508 && strings.Contains(body, "--advertise")
	})
}

// One that is listed and cannot be reached costs nobody a call.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	l.Close()
	w.change(func(list []instances.Instance) []instances.Instance {
		return append(list, instances.Instance{Name: "gone", Roles: []string{"api"}, Address: gone, Status: "pass"})
	})
	w.instance("api-1", "api")
	reached := 0
	w.until("the one that is there", func() bool {
		resp, err := http.Post(w.front.URL+"/api/matches", "text/plain", strings.NewReader("once"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		if resp.StatusCode == http.StatusServiceUnavailable {
			return false // no list yet
		}
		if reached++; string(b) != "api-1 POST /api/matches  once" {
			t.Errorf("%d %s", resp.StatusCode, b)
		}
		return reached == 20
	})
}
