package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
)

// connect follows the stream of a server until the connection ends. It returns the error of follow.
func connect(t *testing.T, serve http.HandlerFunc) error {
	t.Helper()
	server := httptest.NewServer(serve)
	defer server.Close()
	u, err := url.Parse(strings.Replace(server.URL, "http", "ws", 1))
	if err != nil {
		t.Fatal(err)
	}
	return stream{url: u}.follow(t.Context(), "", func(context.Context, frame) error { return nil })
}

// upgrade accepts a WebSocket connection, and calls serve with it.
func upgrade(t *testing.T, serve func(*websocket.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		serve(conn)
	}
}

// A refused or closed connection is final, or has a minimum pause, or neither.
func TestEndOfConnection(t *testing.T) {
	refuse := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, `{"detail":"why"}`, status) }
	}
	end := func(code int) http.HandlerFunc {
		return upgrade(t, func(conn *websocket.Conn) {
			_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, "why"), time.Now().Add(time.Minute))
		})
	}
	for name, tc := range map[string]struct {
		serve http.HandlerFunc
		final bool
		least time.Duration
	}{
		"401":  {refuse(401), true, 5 * time.Second},
		"404":  {refuse(404), true, 5 * time.Second},
		"429":  {refuse(429), false, 5 * time.Second},
		"503":  {refuse(503), false, 5 * time.Second},
		"1001": {end(1001), false, 0},
		"1009": {end(1009), true, 0},
		"1013": {end(1013), false, 5 * time.Second},
		"4002": {end(4002), true, 0},
		"4003": {end(4003), false, 0},
		"4008": {end(4008), false, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			var got closedError
			err := connect(t, tc.serve)
			if !errors.As(err, &got) || got.final != tc.final || got.least != tc.least {
				t.Fatalf("got the error %+v, want final %v and least %v", err, tc.final, tc.least)
			}
			if text := err.Error(); !strings.Contains(text, name) || !strings.Contains(text, "why") {
				t.Errorf("the error is %q, want the code and the reason of the server", text)
			}
		})
	}
}

// A connection without frames and pings for a minute is dead. Pings keep it alive, and are answered.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer func(d *websocket.Dialer) { websocket.DefaultDialer = d }(websocket.DefaultDialer)
		websocket.DefaultDialer = &websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) {
			return client, nil
		}}
		const pings = 10
		pongs := 0
		ping := func(conn *websocket.Conn) error {
			time.Sleep(25 * time.Second)
			return conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Minute))
		}
		node := http.Server{Handler: upgrade(t, func(conn *websocket.Conn) {
			conn.SetPongHandler(func(string) error {
				if pongs++; pongs == pings {
					return nil // and send nothing more
				}
				return ping(conn)
			})
			_ = ping(conn)
			_, _, _ = conn.ReadMessage() // until the client closes the connection
		})}
		l := &listener{conn: server, closed: make(chan struct{})}
		go func() { _ = node.Serve(l) }()
		defer node.Close()

		start := time.Now()
		err := stream{url: &url.URL{Scheme: "ws", Host: "node"}}.follow(t.Context(), "", nil)
		synctest.Wait()
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("a silent connection ends with the error %v, want a timeout", err)
		}
		if got, want := time.Since(start), pings*25*time.Second+time.Minute; pongs != pings || got != want {
			t.Errorf("the connection ends after %d pongs and %v, want %d and %v", pongs, got, pings, want)
		}
	})
}

// A listener has one connection.
type listener struct {
	conn   net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *listener) Accept() (conn net.Conn, err error) {
	l.once.Do(func() { conn = l.conn })
	if conn == nil {
		<-l.closed
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l *listener) Close() error   { close(l.closed); return nil }
func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: "node", Net: "pipe"} }

// The pauses become longer, up to a limit.
func TestPause(t *testing.T) {
	for failures, most := range map[int]time.Duration{
		0: time.Second, 1: 2 * time.Second, 5: 32 * time.Second, 99: 32 * time.Second,
	} {
		if got := pause(failures); got < most/2 || got > most {
			t.Errorf("the pause after %d failures is %v, want %v to %v", failures, got, most/2, most)
		}
	}
}
