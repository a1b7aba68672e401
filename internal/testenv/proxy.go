package testenv

import (
	"bytes"
	"hash/maphash"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Proxy is a TCP proxy between a program and a server. It can cut, stall and delay the
// connections, lose replies of Redis, and change the clock of Redis.
type Proxy struct {
	URL string // URL of the server through the proxy

	addr, target string // host:port of the proxy and of the server
	fatal        func(args ...any)

	delay atomic.Int64 // of each chunk, in nanoseconds
	shift atomic.Int64 // of the times in replies to TIME, in seconds

	mu    sync.Mutex
	flows chan struct{} // closed unless the connections are stalled
	l     net.Listener
	conns []net.Conn

	every    int             // one reply is lost for this many commands; 0 if no reply is lost
	replies  int             // number of replies since LoseReplies, except those to repeated commands
	repeated map[uint64]bool // hashes of the commands whose reply was lost and that the client will repeat
}

// NewProxy starts a proxy for the server with the URL server. The proxy stops when the test ends.
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

// Up makes the proxy accept connections.
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
			go p.copy(out, in, func(b []byte) bool { c.record(b); return true })
			go p.copy(in, out, func(b []byte) bool { p.shiftTime(b); return !p.loses(c) })
		}
	}()
}

// copy copies chunks until one of the connections ends, or until pass returns false for a chunk. It
// then closes to.
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

// Down closes all connections and refuses new connections until Up.
func (p *Proxy) Down() {
	p.l.Close()
	p.Cut()
}

// Cut closes all connections. The proxy still accepts new connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// Stall stops all transfer until Flow, without closing connections.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.flows:
		p.flows = make(chan struct{})
	default: // already stalled
	}
}

// Slow delays each chunk by d until Flow.
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

// ShiftClock changes the replies of Redis to TIME by d, so that the clock of Redis seems to be wrong. Scripts
// still read the right time. ShiftClock(0) ends the shift.
func (p *Proxy) ShiftClock(d time.Duration) { p.shift.Store(int64(d / time.Second)) }

// timeReply matches the beginning of a reply to TIME: the seconds, and the length of the microseconds.
var timeReply = regexp.MustCompile(`\*2\r\n\$10\r\n(\d{10})\r\n\$[1-6]\r\n`)

// shiftTime changes the first reply to TIME in a chunk.
func (p *Proxy) shiftTime(chunk []byte) {
	shift := p.shift.Load()
	if shift == 0 {
		return
	}
	if at := timeReply.FindSubmatchIndex(chunk); at != nil {
		digits := chunk[at[2]:at[3]]
		seconds, _ := strconv.ParseInt(string(digits), 10, 64) // there are ten digits
		copy(digits, strconv.FormatInt(seconds+shift, 10))
	}
}

// LoseReplies loses the reply of Redis to one in every n commands, beginning with the next command.
// Redis runs the command, and the proxy closes the connection instead of passing the reply. When the
// client repeats the command, the proxy passes the reply. The replies to commands that set up a
// connection always pass. LoseReplies(0) ends the losses.
func (p *Proxy) LoseReplies(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.every, p.replies, p.repeated = n, 0, map[uint64]bool{}
}

// loses reports whether the proxy must lose the reply to c. Once it returns false, it returns false for all
// chunks of that reply.
func (p *Proxy) loses(c *command) bool {
	if c.passes() {
		return false
	}
	lost := p.losesReply(c)
	if !lost {
		c.pass()
	}
	return lost
}

// losesReply decides, at the first chunk of a reply, whether the proxy loses the reply.
func (p *Proxy) losesReply(c *command) bool {
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
	p.replies++
	if (p.replies-1)%p.every != 0 {
		return false
	}
	p.repeated[hash] = true
	return true
}

// A command is the latest command that a connection sent to Redis.
type command struct {
	mu     sync.Mutex
	text   []byte // the command, or its first commandStart bytes
	passed bool   // a chunk of the reply was passed on; the other chunks must follow
}

const commandStart = 4 << 10 // maximum number of leading bytes that identify a command

// record stores the beginning of a command. b is a chunk from the client. If b continues a command,
// record ignores it.
func (c *command) record(b []byte) {
	if b[0] != '*' {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text, c.passed = slices.Clone(b[:min(len(b), commandStart)]), false
}

func (c *command) passes() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.passed
}

func (c *command) pass() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed = true
}

var hashSeed = maphash.MakeSeed()

// hash returns a hash of the command. It returns false for a command that sets up a connection, and
// if no command was recorded.
func (c *command) hash() (uint64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	words := bytes.SplitN(c.text, []byte("\r\n"), 4) // such as *2, $5, hello
	if len(words) < 4 {
		return 0, false
	}
	switch string(bytes.ToLower(words[2])) {
	case "hello", "client", "select", "auth":
		return 0, false
	}
	return maphash.Bytes(hashSeed, c.text), true
}
