package testenv

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Proxy is the network between a program and a server: it can be cut,
// stalled and slowed down.
type Proxy struct {
	URL string // the server's, by way of the proxy

	addr, target string
	fatal        func(args ...any)

	delay atomic.Int64 // of every piece on its way, nanoseconds

	mu    sync.Mutex
	flows chan struct{} // closed unless bytes are held back
	l     net.Listener
	conns []net.Conn
}

// NewProxy stands before the server of a URL until the test ends.
func NewProxy(t testing.TB, server string) *Proxy {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{target: u.Host, addr: "127.0.0.1:0", fatal: t.Fatal, flows: make(chan struct{})}
	close(p.flows)
	p.Up()
	t.Cleanup(func() { p.Flow(); p.Down() })
	u.Host = p.addr
	p.URL = u.String()
	return p
}

// Up lets connections through.
func (p *Proxy) Up() {
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		p.fatal(err)
		return
	}
	p.l, p.addr = l, l.Addr().String()
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", p.target)
			if err != nil {
				in.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, in, out)
			p.mu.Unlock()
			go p.copy(in, out)
			go p.copy(out, in)
		}
	}()
}

func (p *Proxy) copy(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		time.Sleep(time.Duration(p.delay.Load()))
		p.mu.Lock()
		flows := p.flows
		p.mu.Unlock()
		<-flows
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

// Down refuses connections and cuts those there are.
func (p *Proxy) Down() {
	p.l.Close()
	p.Cut()
}

// Cut ends all connections. New ones get through.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// Stall holds all bytes back until Flow.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.flows:
		p.flows = make(chan struct{})
	default: // it is stalled
	}
}

// Slow delays each piece on its way until Flow.
func (p *Proxy) Slow(d time.Duration) { p.delay.Store(int64(d)) }

// Flow ends Stall and Slow.
func (p *Proxy) Flow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay.Store(0)
	select {
	case <-p.flows:
	default:
		close(p.flows)
	}
}
