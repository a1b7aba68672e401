package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"sync"
	"time"
)

// A handshake is the response of an instance to a request for another protocol.
type handshake struct {
	backend  *backend
	conn     net.Conn
	reader   *bufio.Reader // of conn; from readers
	response *http.Response
}

// readers is the pool of the readers of handshakes.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4<<10) }}

// serveTunnel forwards a request for another protocol, such as WebSocket. If the instance accepts it,
// serveTunnel starts a tunnel and returns.
func (g *Gateway) serveTunnel(w http.ResponseWriter, r *http.Request, protocol string) {
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
	if err := g.openTunnel(w, h, protocol); err != nil {
		h.conn.Close()
		g.release(h.backend)
		g.streams.free()
		g.log.Debug("cannot switch protocol", "request", r.Method+" "+r.URL.Path, "error", err)
	}
	h.reader.Reset(nil)
	readers.Put(h.reader)
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
		!strings.EqualFold(upgrade(h.response.Header), protocol) {
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

// exchange sends out, and reads the header of the response. It ends early when ctx ends.
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
	if h.response, err = http.ReadResponse(h.reader, out); err != nil {
		return err
	}
	return h.conn.SetDeadline(time.Time{})
}

// openTunnel sends the response to the client. If the instance has accepted the request, openTunnel
// starts a tunnel. If it returns an error, no tunnel was started.
func (g *Gateway) openTunnel(w http.ResponseWriter, h *handshake, protocol string) error {
	if h.response.StatusCode != http.StatusSwitchingProtocols {
		defer h.response.Body.Close()
		return h.refuse(w)
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	t := &tunnel{
		gateway: g, backend: h.backend, client: newSide(conn, clientBytes), instance: newSide(h.conn, instanceBytes),
		opaque: !strings.EqualFold(protocol, "websocket"),
	}
	var head strings.Builder
	head.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = h.response.Header.Write(&head) // a Builder returns no error
	head.WriteString("\r\n")
	if err := t.client.write([]byte(head.String()), &g.limits); err != nil {
		conn.Close()
		return err
	}
	err = t.start(newBuffer(rw.Reader), newBuffer(h.reader))
	if err != nil {
		conn.Close()
	}
	return err
}

// refuse sends the response of an instance that does not switch the protocol. It returns an error,
// because there is no tunnel.
func (h *handshake) refuse(w http.ResponseWriter) error {
	removeHopByHop(h.response.Header)
	for name, values := range h.response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(h.response.StatusCode)
	_ = h.conn.SetReadDeadline(time.Now().Add(headerTimeout))
	_, err := io.Copy(w, h.response.Body)
	return errors.Join(fmt.Errorf("the instance responded with %s", h.response.Status), err)
}

// outgoing returns the request for another protocol that the gateway sends to an instance. It has the
// headers that [httputil.ReverseProxy] would send.
func outgoing(r *http.Request, protocol string) *http.Request {
	out := r.Clone(r.Context())
	out.Body, out.ContentLength, out.TransferEncoding = nil, 0, nil // a WebSocket handshake has no body
	removeHopByHop(out.Header)
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		out.Header.Del(name)
	}
	out.Header.Set("Connection", "Upgrade")
	out.Header.Set("Upgrade", protocol)
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header.Set("User-Agent", "") // not that of Go
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
