package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"sync"
	"time"
)

// A handshake is the response of an instance to a request for a stream.
type handshake struct {
	backend  *backend
	conn     net.Conn
	reader   *bufio.Reader // reads from conn; taken from the pool readers
	response *http.Response
	opened   bool // a tunnel has taken over conn
}

// readers is the pool of the readers of handshakes.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4<<10) }}

// serveStream forwards a request for another protocol, such as WebSocket. If protocol is "", the request
// is for an event stream. If the instance opens a stream, serveStream starts a tunnel and returns.
// Otherwise it forwards the response.
func (g *Gateway) serveStream(w http.ResponseWriter, r *http.Request, protocol string) {
	if err := g.streams.reserve(); err != nil {
		g.writeError(w, r, err)
		return
	}
	began := time.Now()
	h, err := g.handshake(r, protocol)
	if err != nil {
		g.streams.free()
		g.writeError(w, r, err)
		return
	}
	g.metrics.responded(roleOf(r.URL.Path), h.response.StatusCode, began)
	defer func() {
		if !h.opened {
			h.conn.Close()
			g.release(h.backend)
			g.streams.free()
		}
		h.reader.Reset(nil)
		readers.Put(h.reader)
	}()
	if t := g.newTunnel(h, protocol); t == nil {
		err = h.copyResponse(w, r)
	} else {
		err = t.open(w, h)
	}
	if err != nil {
		g.log.Debug("cannot forward stream", "request", r.Method+" "+r.URL.Path, "error", err)
	}
}

// handshake sends r to an instance, and returns its response.
func (g *Gateway) handshake(r *http.Request, protocol string) (*handshake, error) {
	out := outgoing(r, protocol)
	h := &handshake{reader: readers.Get().(*bufio.Reader)}
	b, err := g.try(r, func(b *backend, encrypted bool) (err error) {
		if h.conn, err = g.dial(r.Context(), b.address, encrypted); err != nil {
			return err
		}
		out.URL.Host = b.address
		if err = h.exchange(r.Context(), out); err != nil {
			h.conn.Close()
		}
		return err
	})
	if err == nil && h.response.StatusCode == http.StatusSwitchingProtocols &&
		(protocol == "" || !strings.EqualFold(upgrade(h.response.Header), protocol)) {
		err = fmt.Errorf("the instance switched to protocol %q, want %q", h.response.Header.Get("Upgrade"), protocol)
		h.conn.Close()
		g.release(b)
	}
	if err != nil {
		h.reader.Reset(nil)
		readers.Put(h.reader)
		return nil, err
	}
	h.backend = b
	return h, nil
}

// exchange sends a request and reads the header of the response. It ends early if ctx ends.
func (h *handshake) exchange(ctx context.Context, out *http.Request) (err error) {
	_ = h.conn.SetDeadline(time.Now().Add(headerTimeout))
	stop := context.AfterFunc(ctx, func() { h.conn.Close() })
	defer func() {
		if !stop() {
			err = errors.Join(context.Cause(ctx), err)
		}
	}()
	if err := out.Write(h.conn); err != nil {
		return err
	}
	h.reader.Reset(h.conn)
	if h.response, err = http.ReadResponse(h.reader, out); err != nil { //nolint:bodyclose // the tunnel reads the body
		return err
	}
	return h.conn.SetDeadline(time.Time{})
}

// kinds are the kinds of tunnels in the metrics.
var kinds = []string{"websocket", "sse", "other"}

// newTunnel returns a tunnel without a client, or nil if the instance has not opened a stream. For an
// event stream, newTunnel also adapts the headers of the response.
func (g *Gateway) newTunnel(h *handshake, protocol string) *tunnel {
	t := &tunnel{gateway: g, backend: h.backend}
	switch r := h.response; {
	case r.StatusCode == http.StatusSwitchingProtocols && strings.EqualFold(protocol, "websocket"):
		t.kind, t.frames = "websocket", &webSocket{}
	case r.StatusCode == http.StatusSwitchingProtocols:
		t.kind, t.frames = "other", unknown{}
	case protocol == "" && isEventStream(r) && r.ContentLength < 0 && len(r.TransferEncoding) == 0:
		t.kind, t.frames = "sse", &events{} // the body is not encoded, and ends with the connection
		removeHopByHop(r.Header)
		r.Header.Set("Connection", "close")
	default:
		return nil
	}
	return t
}

// isEventStream reports whether the body of a response is a stream of server-sent events.
func isEventStream(r *http.Response) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return r.StatusCode == http.StatusOK && strings.EqualFold(strings.TrimSpace(kind), "text/event-stream")
}

// open sends the header of the response to the client, and starts the tunnel. It takes over the
// connections of the client and of h.
func (t *tunnel) open(w http.ResponseWriter, h *handshake) error {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	t.client, t.instance = newSide(conn, clientBytes), newSide(h.conn, instanceBytes)
	var head strings.Builder
	fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\n", h.response.StatusCode, http.StatusText(h.response.StatusCode))
	_ = h.response.Header.Write(&head) // a Builder returns no error
	head.WriteString("\r\n")
	err = t.client.write([]byte(head.String()), &t.gateway.limits)
	if err == nil {
		err = t.start(newBuffer(rw.Reader), newBuffer(h.reader))
	}
	if err != nil {
		conn.Close()
		return err
	}
	h.opened = true
	return nil
}

// copyResponse sends the response of an instance that has not opened a stream, such as an error. If the
// response of the instance is incomplete, copyResponse panics with [http.ErrAbortHandler].
func (h *handshake) copyResponse(w http.ResponseWriter, r *http.Request) error {
	defer h.response.Body.Close()
	stop := context.AfterFunc(r.Context(), func() { h.conn.Close() })
	defer stop()
	removeHopByHop(h.response.Header)
	maps.Copy(w.Header(), h.response.Header)
	w.WriteHeader(h.response.StatusCode)
	control := http.NewResponseController(w)
	var b [4 << 10]byte
	for {
		_ = h.conn.SetReadDeadline(time.Now().Add(defaultLimits.idle))
		n, err := h.response.Body.Read(b[:])
		if n > 0 {
			if _, err := w.Write(b[:n]); err != nil {
				return err
			}
			if err := control.Flush(); err != nil { // the response can be a stream
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			panic(http.ErrAbortHandler) // so that the client detects the incomplete response
		}
	}
}

// outgoing returns the request that the gateway sends to an instance to open a stream. The request has
// the headers that [httputil.ReverseProxy] would send.
func outgoing(r *http.Request, protocol string) *http.Request {
	out := r.Clone(r.Context())
	out.Body, out.ContentLength, out.TransferEncoding = nil, 0, nil // a request for a stream has no body
	removeHopByHop(out.Header)
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		out.Header.Del(name)
	}
	if out.Close = protocol == ""; !out.Close {
		out.Header.Set("Connection", "Upgrade")
		out.Header.Set("Upgrade", protocol)
	}
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header.Set("User-Agent", "") // omits the default of net/http
	}
	rewrite(&httputil.ProxyRequest{In: r, Out: out})
	return out
}

// upgrade returns the protocol that a request or response switches to, or "".
func upgrade(h http.Header) string {
	isUpgrade := func(option string) bool { return strings.EqualFold(option, "Upgrade") }
	if !slices.ContainsFunc(options(h), isUpgrade) {
		return ""
	}
	return h.Get("Upgrade")
}

// options returns the connection options in a header.
func options(h http.Header) (all []string) {
	for _, line := range h["Connection"] {
		for option := range strings.SplitSeq(line, ",") {
			if option = strings.TrimSpace(option); option != "" {
				all = append(all, option)
			}
		}
	}
	return all
}

// removeHopByHop removes the headers that concern only one connection: RFC 9110 section 7.6.1.
func removeHopByHop(h http.Header) {
	names := []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te",
		"Trailer", "Transfer-Encoding", "Upgrade"}
	for _, name := range append(options(h), names...) {
		h.Del(name)
	}
}
