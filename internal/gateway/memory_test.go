package gateway_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/gateway"
	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/testenv"
)

// childMode is the environment variable that makes this program a proxy whose memory is measured. Its
// value is "gateway", "TLS" for a gateway that serves TLS, or "ReverseProxy".
const childMode = "MATCHWIRE_TEST_PROXY"

// childInstance is the environment variable with the address of the instance that the proxy forwards to.
const childInstance = "MATCHWIRE_TEST_INSTANCE"

func TestMain(m *testing.M) {
	if mode := os.Getenv(childMode); mode != "" {
		serveChild(mode, os.Getenv(childInstance))
		return
	}
	os.Exit(m.Run())
}

// usage is the memory of a process, or of one of its connections, in bytes.
type usage struct{ Heap, Stacks, RSS int }

// measure returns the memory of this process after garbage collection.
func measure() usage {
	runtime.GC()
	debug.FreeOSMemory() // also collects garbage
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u := usage{Heap: int(m.HeapAlloc), Stacks: int(m.StackInuse)}
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		var size, resident int
		_, _ = fmt.Sscan(string(b), &size, &resident)
		u.RSS = resident * os.Getpagesize()
	}
	return u
}

// serveChild serves a proxy until standard input ends. It prints the address of the proxy.
func serveChild(mode, instance string) {
	var proxy http.Handler
	if mode == "ReverseProxy" {
		proxy = &httputil.ReverseProxy{
			Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: instance}) },
			FlushInterval: -1,
		}
	} else {
		g := gateway.New(gateway.Options{
			Log: slog.New(slog.DiscardHandler), Connections: 10_000,
			List: func(context.Context) ([]instances.Instance, error) {
				return []instances.Instance{{Name: "a", Roles: []string{"fanout"}, Address: instance, Status: "pass"}}, nil
			},
		})
		go func() { _ = g.Run(context.Background()) }()
		proxy = g
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/memory" {
			_ = json.NewEncoder(w).Encode(measure())
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	if mode == "TLS" {
		s.TLS = &tls.Config{NextProtos: []string{"http/1.1"}}
		s.StartTLS()
	} else {
		s.Start()
	}
	fmt.Println(s.Listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// A child is a process that forwards WebSockets and event streams.
type child struct {
	*testing.T
	address string
	tls     *tls.Config // nil without TLS
}

// startChild starts a child that forwards to instance.
func startChild(t *testing.T, mode, instance string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childMode+"="+mode, childInstance+"="+instance)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	c := &child{T: t, address: strings.TrimSpace(line)}
	if mode == "TLS" {
		s := httptest.NewTLSServer(nil) // has the same certificate
		defer s.Close()
		pool := x509.NewCertPool()
		pool.AddCert(s.Certificate())
		c.tls = &tls.Config{RootCAs: pool, NextProtos: []string{"http/1.1"}}
	}
	return c
}

// measure returns the memory of the child.
func (c *child) measure() (u usage) {
	c.Helper()
	scheme := "http"
	if c.tls != nil {
		scheme = "https"
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: c.tls, DisableKeepAlives: true}}
	resp, err := client.Get(scheme + "://" + c.address + "/memory")
	if err != nil {
		c.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&u); err != nil {
		c.Fatal(err)
	}
	return u
}

// open opens a WebSocket or, if kind is "sse", an event stream through the child, and exchanges data.
func (c *child) open(kind string) (client io.Closer) {
	c.Helper()
	conn, err := net.Dial("tcp", c.address)
	if err != nil {
		c.Fatal(err)
	}
	if c.tls != nil {
		conn = tls.Client(conn, &tls.Config{RootCAs: c.tls.RootCAs, ServerName: "127.0.0.1"})
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	r := &raw{c.T, conn, bufio.NewReaderSize(conn, 512)}
	if kind == "sse" {
		fmt.Fprint(r, "GET /sse HTTP/1.1\r\nHost: a\r\n\r\n")
		resp, err := http.ReadResponse(r.r, nil) //nolint:bodyclose // the stream does not end
		if err == nil {
			_, err = io.ReadFull(resp.Body, make([]byte, len("data: hello\n\n")))
		}
		if err != nil {
			c.Fatal(err)
		}
		return conn
	}
	r.open("websocket")
	for range 3 {
		r.send([]byte("0123456789")...)
		r.receive(1000)
	}
	return conn
}

// echoInstance starts an instance and returns its address. For every 10 bytes on a WebSocket, the
// instance sends 1,000 bytes. On an event stream, it sends one event.
func echoInstance(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	serve := func(conn net.Conn) {
		defer conn.Close()
		r := bufio.NewReaderSize(conn, 512)
		request, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if request.URL.Path == "/sse" {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"+
				"Connection: close\r\n\r\ndata: hello\n\n")
			_, _ = r.Discard(1)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		answer := frame(0x81, strings.Repeat("x", 996))
		for {
			if _, err := r.Discard(10); err != nil {
				return
			}
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return l.Addr().String()
}

// idle returns the memory that a child needs for each of n idle sockets or event streams.
func idle(t *testing.T, mode, kind, instance string, n int) usage {
	t.Helper()
	c := startChild(t, mode, instance)
	testenv.Eventually(t, func() bool { // the gateway has listed the instance
		conn, err := net.Dial("tcp", c.address)
		if err != nil {
			return false
		}
		defer conn.Close()
		if c.tls != nil {
			conn = tls.Client(conn, &tls.Config{RootCAs: c.tls.RootCAs, ServerName: "127.0.0.1"})
		}
		fmt.Fprint(conn, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil) //nolint:bodyclose // it has no body
		return err == nil && resp.StatusCode == http.StatusSwitchingProtocols
	}, "the proxy to forward")
	before := c.measure()
	for range n {
		defer c.open(kind).Close()
	}
	after := c.measure()
	return usage{(after.Heap - before.Heap) / n, (after.Stacks - before.Stacks) / n, (after.RSS - before.RSS) / n}
}

// An idle WebSocket or event stream needs at most 12 KB of memory in the gateway. That is at most half
// of what it needs in a ReverseProxy.
func TestIdleMemory(t *testing.T) {
	testenv.NotShort(t)
	if testenv.Race || runtime.GOOS == "windows" {
		t.Skip("with the race detector or on Windows, the memory layout differs")
	}
	const n, most = 3000, 12_000
	instance := echoInstance(t)
	for _, kind := range []string{"websocket", "sse"} {
		tunnel, reverse := idle(t, "gateway", kind, instance, n), idle(t, "ReverseProxy", kind, instance, n)
		encrypted := idle(t, "TLS", kind, instance, n/6)
		report := func(name string, u usage) int {
			t.Logf("%-9s %-12s: %6d bytes of heap, %6d of stacks and %6d of RSS", kind, name, u.Heap, u.Stacks, u.RSS)
			return u.Heap + u.Stacks
		}
		got, other := report("gateway", tunnel), report("ReverseProxy", reverse)
		report("with TLS", encrypted)
		t.Logf("%-9s ReverseProxy needs %.1f times the heap and stacks, and %.1f times the RSS", kind,
			float64(other)/float64(got), float64(reverse.RSS)/float64(max(1, tunnel.RSS)))
		if got > most || tunnel.RSS > most {
			t.Errorf("%s: %d bytes, RSS %d; want at most %d", kind, got, tunnel.RSS, most)
		}
		if 2*got > other || 2*tunnel.RSS > reverse.RSS {
			t.Errorf("%s: %d bytes, RSS %d; with a ReverseProxy %d, RSS %d; want at most half", kind, got, tunnel.RSS, other,
				reverse.RSS)
		}
	}
}
