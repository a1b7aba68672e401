package httpserver

import (
	"bufio"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/matchwire/matchwire/internal/problem"
)

// connKey is the context key of the connection of a request.
type connKey struct{}

// bounded returns a handler that calls h within the limits of s.
func (s *Server) bounded(p *pool, h http.Handler) http.Handler {
	slots := make(chan struct{}, s.limits.requests)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn := r.Context().Value(connKey{}).(net.Conn)
		p.serving(conn)
		defer p.served(conn)
		control := http.NewResponseController(w)
		_ = control.SetWriteDeadline(time.Time{}) // the deadline of the previous response may have passed
		release := func() {}
		if s.Exempt == nil || !s.Exempt(r) {
			select {
			case slots <- struct{}{}:
				release = sync.OnceFunc(func() { <-slots })
				defer release()
			default:
				w.Header().Set("Retry-After", "2")
				w.Header().Set("Connection", "close")
				problem.Write(w, http.StatusServiceUnavailable, "too many requests are in progress", "")
				return
			}
		}
		if r.ContentLength != 0 {
			_ = control.SetReadDeadline(time.Now().Add(s.limits.body))
		}
		h.ServeHTTP(&writer{ResponseWriter: w, control: control, hijacked: release}, r)
	})
}

// A writer bounds the time of each write. A connection that a handler hijacks has no deadlines and
// does not count as a request in progress.
type writer struct {
	http.ResponseWriter
	control  *http.ResponseController
	hijacked func()
}

// Write writes to the client for at most writeTimeout.
func (w *writer) Write(b []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	return w.ResponseWriter.Write(b)
}

// Flush flushes to the client for at most writeTimeout.
func (w *writer) Flush() {
	_ = w.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	_ = w.control.Flush()
}

// Hijack implements [http.Hijacker], which the WebSocket library requires.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := w.control.Hijack()
	if err == nil {
		w.hijacked()
	}
	return conn, buffered, err
}

// Unwrap returns the original writer, for [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
