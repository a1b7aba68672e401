package testenv

import (
	"bytes"
	"hash/maphash"
	"net"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Proxy is the network between a program and a server. It can cut, stall and delay the
// connections, and lose answers of Redis.
type Proxy struct {
	URL string // of the server, through the proxy

	addr, target string
	fatal        func(args ...any)

	delay atomic.Int64 // of every chunk, nanoseconds

	mu    sync.Mutex
	flows chan struct{} // closed unless the proxy stalls
	l     net.Listener
	conns []net.Conn

	every    int             // the first of how many answers of Redis is lost; 0: none
	answers  int             // since LoseAnswers, without the repeated ones
	repeated map[uint64]bool // hashes of commands whose answer was lost, and that are expected again
}

// NewProxy starts a proxy in front of the server of a URL. It stops when the test ends.
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

// Up accepts connections.
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
			c := &command{}
			go p.copy(out, in, func(b []byte) bool { c.note(b); return true })
			go p.copy(in, out, func([]byte) bool { return !p.loses(c) })
		}
	}()
}

// copy copies chunks until one of the connections ends, or pass reports false.
func (p *Proxy) copy(to, from net.Conn, pass func([]byte) bool) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		time.Sleep(time.Duration(p.delay.Load()))
		p.mu.Lock()
		flows := p.flows
		p.mu.Unlock()
		<-flows
		if n > 0 && !pass(buf[:n]) {
			return
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

// Down refuses new connections and closes the existing ones.
func (p *Proxy) Down() {
	p.l.Close()
	p.Cut()
}

// Cut closes all connections. It accepts new ones.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// Stall lets no bytes through until Flow.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.flows:
		p.flows = make(chan struct{})
	default: // it stalls already
	}
}

// Slow delays each chunk until Flow.
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

// LoseAnswers loses the answer to one in every n commands sent to Redis, the first one included:
// the server runs the command, and the proxy closes the connection in place of the answer. When the
// client sends the same command again, its answer passes. 0 ends it. The commands that begin a
// connection are left alone.
func (p *Proxy) LoseAnswers(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.every, p.answers, p.repeated = n, 0, map[uint64]bool{}
}

// loses reports whether to lose the answer to c.
func (p *Proxy) loses(c *command) bool {
	hash, ok := c.hash()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !ok || p.every == 0 {
		return false
	}
	if p.repeated[hash] {
		delete(p.repeated, hash)
		return false
	}
	p.answers++
	if (p.answers-1)%p.every != 0 {
		return false
	}
	p.repeated[hash] = true
	return true
}

// A command is the latest command that a connection sent to Redis.
type command struct {
	mu   sync.Mutex
	text []byte // its beginning
}

const commandStart = 4 << 10 // bytes of a command that tell it from others

// note notes a chunk that the client sent.
func (c *command) note(b []byte) {
	if b[0] != '*' { // the rest of a command
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = slices.Clone(b[:min(len(b), commandStart)])
}

var hashSeed = maphash.MakeSeed()

// hash returns a hash of the command. It reports false for a command that begins a connection, and
// if no command was sent.
func (c *command) hash() (uint64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	words := bytes.SplitN(c.text, []byte("\r\n"), 4) // *2, $5, hello
	if len(words) < 4 {
		return 0, false
	}
	switch string(bytes.ToLower(words[2])) {
	case "hello", "client", "select", "auth":
		return 0, false
	}
	return maphash.Bytes(hashSeed, c.text), true
}
