package gateway_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/matchwire/matchwire/internal/instances"
)

// patience is the time limit for operations that must succeed.
const patience = time.Minute

// A raw is the connection at one end of a tunnel. Its methods fail the test if the connection is older
// than a minute.
type raw struct {
	*testing.T
	net.Conn
	r *bufio.Reader
}

func newRaw(t *testing.T, conn net.Conn) *raw {
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &raw{t, conn, bufio.NewReader(conn)}
}

// send writes bytes.
func (r *raw) send(b ...byte) {
	r.Helper()
	if _, err := r.Write(b); err != nil {
		r.Fatalf("sending %d bytes: %v", len(b), err)
	}
}

// receive reads and returns n bytes.
func (r *raw) receive(n int) string {
	r.Helper()
	b := make([]byte, n)
	if got, err := io.ReadFull(r.r, b); err != nil {
		r.Fatalf("received %d bytes, then %v; want %d bytes", got, err, n)
	}
	return string(b)
}

// rest reads until the peer closes the connection, and returns what it has read.
func (r *raw) rest() string {
	r.Helper()
	b, err := io.ReadAll(r.r)
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		r.Fatalf("the connection is still open after a minute and %d bytes, want it closed", len(b))
	}
	return string(b)
}

// A rawInstance accepts WebSockets and event streams. The test sends and receives their bytes.
type rawInstance struct {
	net.Listener
	streams chan net.Conn // connections of the accepted streams
}

// rawInstance starts an instance and waits until the gateway uses it.
func (c *cluster) rawInstance() *rawInstance {
	c.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { l.Close() })
	i := &rawInstance{l, make(chan net.Conn, 1)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go i.accept(conn)
		}
	}()
	c.change(func(list []instances.Instance) []instances.Instance {
		return append(list, instances.Instance{Name: "raw", Roles: []string{"fanout"}, Address: l.Addr().String(),
			Status: "pass"})
	})
	c.awaitRefresh()
	c.awaitRefresh()
	return i
}

// accept opens the requested stream. It sends the first frame or event together with the header of the
// response. It refuses other requests with status 400.
func (i *rawInstance) accept(conn net.Conn) {
	r, err := http.ReadRequest(bufio.NewReaderSize(conn, 4096))
	switch {
	case err == nil && r.Header.Get("Upgrade") != "":
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n%s",
			r.Header.Get("Upgrade"), frame(0x81, "hello"))
	case err == nil && r.URL.Path == "/sse":
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"+
			"Connection: close\r\n\r\ndata: hello\n\n")
	default:
		_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
		conn.Close()
		return
	}
	i.streams <- conn
}

// connect connects to the gateway.
func (c *cluster) connect() *raw {
	c.Helper()
	conn, err := net.Dial("tcp", c.front.Listener.Addr().String())
	if err != nil {
		c.Fatal(err)
	}
	return newRaw(c.T, conn)
}

// tunnel opens a WebSocket and returns its two ends.
func (c *cluster) tunnel(i *rawInstance) (client, instance *raw) {
	c.Helper()
	client = c.connect()
	client.open("websocket")
	if hello := client.receive(7); hello != string(frame(0x81, "hello")) {
		c.Fatalf("first frame %q, want hello", hello)
	}
	return client, newRaw(c.T, <-i.streams)
}

// open sends a request to switch to a protocol, and reads the response.
func (r *raw) open(protocol string) {
	r.Helper()
	fmt.Fprintf(
		r,
		"GET /ws HTTP/1.1\r\nHost: scores.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: %s\r\n\r\n",
		protocol,
	)
	resp, err := http.ReadResponse(r.r, nil) //nolint:bodyclose // the stream does not end
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Upgrade") != protocol {
		r.Fatalf("response %v, error %v; want status 101 and protocol %s", resp, err, protocol)
	}
}

// eventStream opens an event stream and returns its two ends.
func (c *cluster) eventStream(i *rawInstance) (client, instance *raw) {
	c.Helper()
	client = c.connect()
	client.openEvents()
	return client, newRaw(c.T, <-i.streams)
}

// openEvents sends a request for an event stream, and reads the response and the first event.
func (r *raw) openEvents() {
	r.Helper()
	fmt.Fprint(r, "GET /sse HTTP/1.1\r\nHost: scores.example\r\n\r\n")
	resp, err := http.ReadResponse(r.r, nil) //nolint:bodyclose // the stream does not end
	if err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" ||
		!resp.Close {
		r.Fatalf("response %v, error %v; want an event stream", resp, err)
	}
	if hello := r.receive(13); hello != "data: hello\n\n" {
		r.Fatalf("first event %q, want hello", hello)
	}
}

// frame returns a WebSocket frame as a server sends it: not masked.
func frame(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}

// metric returns the sum of the samples of a metric that have all the labels in want. A label has the
// form name=value.
func (c *cluster) metric(name string, want ...string) (sum float64) {
	c.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(c.gateway.Collectors()...)
	all, err := r.Gather()
	if err != nil {
		c.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() != "matchwire_gateway_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels strings.Builder
			for _, l := range m.GetLabel() {
				fmt.Fprintf(&labels, " %s=%s ", l.GetName(), l.GetValue())
			}
			matches := true
			for _, w := range want {
				matches = matches && strings.Contains(labels.String(), " "+w+" ")
			}
			if matches {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

// ended waits until the metrics count one stream of the given kind that ended for the given reason. No
// other stream may have ended.
func (c *cluster) ended(kind, reason string) {
	c.Helper()
	c.until("a "+kind+" to end: "+reason, func() bool {
		return c.metric("ended_total", "kind="+kind, "reason="+reason) == 1
	})
	if n := c.metric("ended_total"); n != 1 {
		c.Errorf("%v streams ended, want 1", n)
	}
}
