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

// A declareProxy is a proxy between a broker and its clients. It can withhold the reply to the
// declaration of one queue.
type declareProxy struct {
	URL      string
	withheld chan struct{} // receives one value for each withheld reply

	mu      sync.Mutex
	queue   string   // queue for which replies are withheld; "" for none
	pending []func() // functions that send the withheld replies
}

// withhold withholds the replies to declarations of queue until release is called. After
// withhold(""), the proxy forwards later replies.
func (p *declareProxy) withhold(queue string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = queue
}

// release sends the withheld replies. The proxy then forwards later replies.
func (p *declareProxy) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = ""
	for _, send := range p.pending {
		send()
	}
	p.pending = nil
}

// newDeclareProxy returns a proxy that forwards connections to the server of an AMQP URL until the
// test ends.
func newDeclareProxy(t *testing.T, server string) *declareProxy {
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
	p := &declareProxy{URL: u.String(), withheld: make(chan struct{}, 100)}
	var conns []net.Conn // guarded by p.mu
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
			p.mu.Lock()
			conns = append(conns, client, broker)
			p.mu.Unlock()
			running.Go(func() { defer broker.Close(); _, _ = io.Copy(broker, client) })
			running.Go(func() { defer client.Close(); p.forward(client, broker) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		p.mu.Unlock()
		running.Wait()
	})
	return p
}

// forward copies AMQP frames from the broker to the client, except the replies that it withholds.
func (p *declareProxy) forward(client io.Writer, broker io.Reader) {
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
		p.mu.Lock()
		if header[0] == 1 && p.queue != "" && declaredQueue(rest) == p.queue {
			p.pending = append(p.pending, func() { _, _ = client.Write(frame) })
			p.withheld <- struct{}{}
		} else if _, err := client.Write(frame); err != nil {
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
	}
}

// declaredQueue returns the queue name in the payload of a queue.declare-ok frame, or "" for any
// other method.
func declaredQueue(payload []byte) string {
	const declareOk = "\x00\x32\x00\x0b" // class 50 (queue), method 11 (declare-ok)
	name, ok := bytes.CutPrefix(payload, []byte(declareOk))
	if !ok || len(name) < 1 || len(name) < 1+int(name[0]) {
		return ""
	}
	return string(name[1 : 1+int(name[0])])
}
