package gateway

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// Bound returns a handler that calls h, and closes the connections of clients that accept or send
// nothing: a client must accept some bytes of a response within 10 seconds, and send some bytes of a
// request body within 10 seconds. All handlers of a listener need the same bounds, because the
// deadlines of a connection stay in force after a response.
func (g *Gateway) Bound(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := &boundedWriter{ResponseWriter: w, control: http.NewResponseController(w), stall: g.limits.stall}
		b.extend(b.stall)
		defer func() { b.extend(2 * b.stall) }() // the server first reads the rest of the body, and then sends the last bytes
		if r.Body != nil && r.Body != http.NoBody {
			b.body = &boundedBody{ReadCloser: r.Body, control: b.control, stall: g.limits.stall}
			b.body.extend()
			r.Body = b.body
		}
		h.ServeHTTP(b, r)
	})
}

// A boundedWriter sets a deadline for each write.
type boundedWriter struct {
	http.ResponseWriter
	control  *http.ResponseController
	stall    time.Duration
	hijacked bool
	body     *boundedBody // of the request; nil if it has none
}

// slowBody reports whether the client of a request sent no bytes of the request body for too long. Then
// the server has also canceled the context of the request.
func slowBody(w http.ResponseWriter) bool {
	b, ok := w.(*boundedWriter)
	return ok && b.body != nil && b.body.slow.Load()
}

func (b *boundedWriter) extend(d time.Duration) {
	if !b.hijacked {
		_ = b.control.SetWriteDeadline(time.Now().Add(d))
	}
}

func (b *boundedWriter) Write(p []byte) (int, error) {
	b.extend(b.stall)
	return b.ResponseWriter.Write(p)
}

// FlushError sends the bytes that were written.
func (b *boundedWriter) FlushError() error {
	b.extend(b.stall)
	return b.control.Flush()
}

// Hijack hands the connection over to the caller, without deadlines.
func (b *boundedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	b.hijacked = true
	return b.control.Hijack()
}

// Unwrap returns the writer of the server, for [http.ResponseController].
func (b *boundedWriter) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// A boundedBody sets a deadline for each read.
type boundedBody struct {
	io.ReadCloser
	control *http.ResponseController
	stall   time.Duration
	slow    atomic.Bool // the deadline has passed
}

func (b *boundedBody) extend() { _ = b.control.SetReadDeadline(time.Now().Add(b.stall)) }

func (b *boundedBody) Read(p []byte) (int, error) {
	b.extend()
	n, err := b.ReadCloser.Read(p)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded): // the deadline also ends what the server would still read
		b.slow.Store(true)
	case err != nil: // the server now waits for the next request, or for the client to disconnect
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
