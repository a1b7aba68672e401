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
		out := &writer{ResponseWriter: w, control: http.NewResponseController(w), timeout: s.limits.write, release: func() {}}
		defer out.finish()
		if s.Exempt == nil || !s.Exempt(r) {
			select {
			case slots <- struct{}{}:
				out.release = sync.OnceFunc(func() { <-slots })
				defer out.release()
			default:
				out.Header().Set("Retry-After", "2")
				out.Header().Set("Connection", "close")
				problem.Write(out, http.StatusServiceUnavailable, "too many requests are in progress", "")
				return
			}
		}
		if r.ContentLength != 0 {
			_ = out.control.SetReadDeadline(time.Now().Add(s.limits.body))
		}
		h.ServeHTTP(out, r)
	})
}

// A writer bounds the time of each write. A connection that a handler hijacks has no deadlines and
// does not count as a request in progress.
type writer struct {
	http.ResponseWriter
	control  *http.ResponseController
	timeout  time.Duration // of a write
	release  func()        // frees the slot of the request
	hijacked bool
}

// setDeadline sets the deadline of the next write.
func (w *writer) setDeadline() { _ = w.control.SetWriteDeadline(time.Now().Add(w.timeout)) }

// finish sets the deadline for the rest of the response, which net/http writes after the handler returns.
func (w *writer) finish() {
	if !w.hijacked {
		w.setDeadline()
	}
}

// Write writes to the client for at most the timeout.
func (w *writer) Write(b []byte) (int, error) {
	w.setDeadline()
	return w.ResponseWriter.Write(b)
}

// Flush flushes to the client for at most the timeout.
func (w *writer) Flush() {
	w.setDeadline()
	_ = w.control.Flush()
}

// Hijack implements [http.Hijacker], which the WebSocket library requires.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := w.control.Hijack()
	if err == nil {
		w.hijacked = true
		w.release()
	}
	return conn, buffered, err
}

// Unwrap returns the original writer, for [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
