package rabbit_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// A declareHolder is the network between a broker and its clients. It can hold
// back the answer to the declaration of one queue, and lets everything else
// through.
type declareHolder struct {
	URL  string
	held chan struct{} // receives once for each answer that is held back

	mu      sync.Mutex
	queue   string   // whose answer is held back; "" for none
	pending []func() // answers that are held back
}

// hold holds back the answer to the declaration of queue, until release.
func (h *declareHolder) hold(queue string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queue = queue
}

func (h *declareHolder) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queue = ""
	for _, send := range h.pending {
		send()
	}
	h.pending = nil
}

// newDeclareHolder forwards connections to the server of an AMQP URL until the
// test ends.
func newDeclareHolder(t *testing.T, server string) *declareHolder {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := u.Host
	u.Host = l.Addr().String()
	h := &declareHolder{URL: u.String(), held: make(chan struct{}, 100)}
	var conns []net.Conn // guarded by h.mu
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			broker, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				continue
			}
			h.mu.Lock()
			conns = append(conns, client, broker)
			h.mu.Unlock()
			running.Go(func() { defer broker.Close(); _, _ = io.Copy(broker, client) })
			running.Go(func() { defer client.Close(); h.forward(client, broker) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		h.mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		h.mu.Unlock()
		running.Wait()
	})
	return h
}

// forward copies AMQP frames from the broker to the client.
func (h *declareHolder) forward(client io.Writer, broker io.Reader) {
	r := bufio.NewReader(broker)
	for {
		header := make([]byte, 7) // type, channel, size
		if _, err := io.ReadFull(r, header); err != nil {
			return
		}
		rest := make([]byte, binary.BigEndian.Uint32(header[3:])+1) // payload, end
		if _, err := io.ReadFull(r, rest); err != nil {
			return
		}
		frame := append(header, rest...)
		h.mu.Lock()
		if header[0] == 1 && h.queue != "" && declared(rest) == h.queue {
			h.pending = append(h.pending, func() { _, _ = client.Write(frame) })
			h.held <- struct{}{}
		} else if _, err := client.Write(frame); err != nil {
			h.mu.Unlock()
			return
		}
		h.mu.Unlock()
	}
}

// declared is the queue that a method frame says is declared, "" for any other
// method.
func declared(payload []byte) string {
	const declareOk = "\x00\x32\x00\x0b" // class queue, method declare-ok
	name, ok := bytes.CutPrefix(payload, []byte(declareOk))
	if !ok || len(name) < 1 || len(name) < 1+int(name[0]) {
		return ""
	}
	return string(name[1 : 1+int(name[0])])
}
