package httpserver

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// start starts a server with the given limits and returns its address.
func start(t *testing.T, l limits, secure *tls.Config, h http.HandlerFunc) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	group, ctx := errgroup.WithContext(ctx)
	s := &Server{Address: "127.0.0.1:0", TLS: secure, Handler: h, Log: slog.New(slog.DiscardHandler), limits: l,
		Exempt: func(r *http.Request) bool { return r.URL.Path == "/livez" }}
	at, err := s.Listen(ctx, group)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
	})
	return at.String()
}

// open opens a connection and writes text.
func open(t *testing.T, address, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

// answer returns the status line of the response on c.
func answer(c net.Conn) (string, error) {
	return bufio.NewReader(c).ReadString('\n')
}

const far = time.Hour // a limit that a test does not reach

func ok(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }

// If there are too many connections, the server closes the oldest connections that have received
// no complete header. It still serves a client that sends a complete header.
func TestSlowHeaders(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %v", secure), func(t *testing.T) {
			var config *tls.Config
			if secure {
				s := httptest.NewTLSServer(nil)
				defer s.Close()
				config = s.TLS
			}
			address := start(t, limits{connections: 4, requests: 3, header: far, body: far, write: far}, config, ok)
			var slow []net.Conn
			for range 20 {
				slow = append(slow, open(t, address, "G"))
			}
			for i, c := range slow[:16] {
				if line, err := answer(c); err == nil {
					t.Errorf("slow connection %d got %q, want it closed", i, line)
				}
			}
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
			url := "http://" + address
			if secure {
				url = "https://" + address
			}
			resp, err := client.Get(url)
			if err != nil {
				t.Fatalf("a client that sends a complete header got the error %v, want a response", err)
			}
			resp.Body.Close()
		})
	}
}

// The server disconnects a client that does not send a complete header in time.
func TestHeaderDeadline(t *testing.T) {
	address := start(t, limits{connections: 4, requests: 3, header: 50 * time.Millisecond, body: far, write: far}, nil, ok)
	if line, err := answer(open(t, address, "GET / HT")); err == nil && !strings.HasPrefix(line, "HTTP/1.1 4") {
		t.Errorf("the status line is %q, want status 4xx or a closed connection", line)
	}
}

// If requests with slow bodies use up the limit, the server still answers health checks. Other requests
// get 503. Reading the slow bodies fails at their deadline.
func TestSlowBodies(t *testing.T) {
	reading := make(chan error, 3)
	address := start(t, limits{connections: 10, requests: 3, header: far, body: 500 * time.Millisecond, write: far}, nil,
		func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				reading <- nil
				_, err := io.ReadAll(r.Body)
				reading <- err
			}
			ok(w, r)
		})
	for range 3 {
		open(t, address, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
	}
	for range 3 {
		if err := <-reading; err != nil { // the handler has begun
			t.Fatal(err)
		}
	}
	get := func(path string) int {
		resp, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if code := get("/livez"); code != http.StatusOK {
		t.Errorf("/livez: status %d, want 200", code)
	}
	if code := get("/"); code != http.StatusServiceUnavailable {
		t.Errorf("another request: status %d, want 503", code)
	}
	for range 3 {
		if err := <-reading; err == nil {
			t.Error("reading the slow body returned no error, want one at the deadline")
		}
	}
	for get("/") != http.StatusOK { // the handlers end now
		time.Sleep(time.Millisecond)
	}
}

// A client that reads no response loses its connection at the deadline of a write, even if each response
// is short.
func TestClientsThatReadNothing(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"a long response": func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		},
		"short responses":          ok,
		"responses without a body": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	} {
		t.Run(name, func(t *testing.T) {
			l := limits{connections: 4, requests: 3, header: far, body: far, write: 100 * time.Millisecond}
			c := open(t, start(t, l, nil, handler), "")
			if err := c.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			var err error
			for err == nil {
				_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection is still open after a minute")
			}
		})
	}
}

// A hijacked connection counts neither as a connection nor as a request in progress.
func TestHijackedConnectionsDoNotCount(t *testing.T) {
	address := start(t, limits{connections: 2, requests: 1, header: far, body: far, write: far}, nil,
		func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/ws" {
				ok(w, r)
				return
			}
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { conn.Close() })
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		})
	var sockets []net.Conn
	for range 5 {
		c := open(t, address, "GET /ws HTTP/1.1\r\nHost: x\r\n\r\n")
		if line, err := answer(c); err != nil || !strings.Contains(line, "101") {
			t.Fatalf("the status line is %q, error %v; want 101", line, err)
		}
		sockets = append(sockets, c)
	}
	resp, err := http.Get("http://" + address)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("a request with %d open sockets: response %v, error %v; want status 200", len(sockets), resp, err)
	}
	resp.Body.Close()
}
