package fanout

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"github.com/matchwire/matchwire/event"
)

// Close codes that a client may see. After the first three and tokenEnded it
// should come back with its cursor, after the last two not as it was.
const (
	closeGoingAway = websocket.CloseGoingAway     // 1001: the node stops, or the log was made anew
	closeTryLater  = websocket.CloseTryAgainLater // 1013: there is no room for what was asked, now
	closeTooSlow   = 4001                         // more than lagBytes waited to be sent
	closeBadFrame  = 4002                         // a frame that is not of the protocol
	closeToken     = 4003                         // the token's time is over
	closeTooMany   = 4008                         // more frames than a client may send
)

// Bounds of one connection.
const (
	lagBytes      = 1 << 20          // that may wait for a client, besides what it missed
	writeTimeout  = 10 * time.Second // in which a client must take something
	pingEvery     = 25               // seconds
	silentFor     = 60               // seconds without a word after which a client is gone
	closeTimeout  = 3 * time.Second  // from our close frame to the end
	maxFrame      = 16 << 10         // that a client may send
	framesAtOnce  = 50               // that a client may send, and so many more each second:
	framesASecond = 5
	sendBytes     = 32 << 10 // that are given to the kernel at once for a client that is behind
)

// A client is one connection. All that goes out is written under mu and without
// waiting, by whoever has something; only for one that takes no more, and until
// it has everything, there is a goroutine that waits. So an idle client has
// none, and a slow one no queue: it has a position in the history, and takes
// from there.
type client struct {
	conn     net.Conn
	direct   descriptor
	codec    codec
	conflate bool  // it wants a snapshot rather than the end when it is slow
	turn     uint8 // the second of pingEvery in which it is pinged
	expires  int64 // when its token does, in Unix seconds; 0: never
	hub      *Hub
	heard    atomic.Int64 // when it said something last, in Unix seconds

	slot int           // in its group; guarded by line.mu
	most *rate.Limiter // of its frames; nil until the first

	mu       sync.Mutex
	line     *line  // changed with both lines' mu held
	group    *group // changed with line.mu held; nil once it left
	next     uint64 // it has had all that it wants before this position
	begun    []byte // the rest of what was sent in part
	own      []byte // goes out after that, before the next frame
	lag      int    // bytes that the line had for it and it has not taken
	marks    int    // how often it held up a playback
	draining bool   // a goroutine sends what waits
	stale    bool   // to be sent a snapshot in place of what it missed
	closing  bool   // the last word is said, or waits in own
	shut     bool   // conn is closed, or about to be
	unread   bool   // nobody reads from it
}

func newClient(h *Hub, conn net.Conn, c codec) *client {
	client := &client{hub: h, conn: conn, codec: c, direct: descriptorOf(conn), turn: uint8(rand.IntN(pingEvery))}
	client.heard.Store(time.Now().Unix())
	return client
}

// put sends whole frames of the client's own. mu is held.
func (c *client) put(b []byte) {
	if c.shut || c.closing {
		return
	}
	if len(c.own) > lagBytes {
		c.tooSlow()
		return
	}
	c.write(b)
}

// write sends b now or after what waits. mu is held.
func (c *client) write(b []byte) {
	if !c.draining {
		n := c.try(b)
		if n == len(b) || c.shut {
			return
		}
		if n > 0 {
			c.begun, b = slices.Clone(b[n:]), nil
		}
	}
	c.own = append(c.own, b...)
	c.drainLater()
}

// try writes what the kernel takes at once. mu is held, and nothing waits.
func (c *client) try(b []byte) int {
	n, err := c.direct.write(b)
	if err != nil {
		c.end(endBroken)
	}
	c.hub.counts.bytes.Add(int64(n))
	return n
}

func (c *client) drainLater() {
	if !c.draining {
		c.draining = true
		c.hub.goroutines.Go(c.drain)
	}
}

// deliver hands on what a round has for the client's group.
func (c *client) deliver(b *batch, patient bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.shut || c.closing || b.last < c.next:
	case c.draining:
		if c.lag += len(b.texts[c.codec]); c.lag > lagBytes && !patient {
			c.tooSlow()
		}
	case b.first < c.next:
		c.drainLater() // it has had a part; the history knows the rest
	default:
		text := b.texts[c.codec]
		n := c.try(text)
		if n == len(text) {
			c.next = b.last + 1
			return
		}
		c.took(b.frames, n)
		c.drainLater()
	}
}

// took notes that n bytes of frames have been sent. mu is held.
func (c *client) took(frames []*frame, n int) {
	for _, f := range frames {
		size := f.text.size(c.codec)
		if n <= 0 {
			return
		}
		if n < size {
			c.begun = f.text.append(nil, c.codec)[n:]
		}
		n -= size
		c.next = f.cursor.Offset + 1
		c.lag = max(0, c.lag-size)
	}
}

// tooSlow ends a client that does not take what is sent, or has it take a
// snapshot in place of all that waits. mu is held.
func (c *client) tooSlow() {
	c.own, c.lag = nil, 0
	if c.conflate {
		c.stale = true
		c.hub.counts.conflated.Add(1)
		return
	}
	c.finish(closeTooSlow, "too slow; resume by cursor", endSlow)
}

// An outbound is room for what is sent to a client that is behind.
type outbound struct {
	bytes  []byte
	frames []*frame
}

var outbounds = sync.Pool{New: func() any { return &outbound{bytes: make([]byte, 0, 2*sendBytes)} }}

// fill gathers what is to be sent next, nothing if the client has everything.
// next is its position when it has taken that. mu is held.
func (c *client) fill(o *outbound) (next uint64) {
	o.bytes, o.frames = append(o.bytes[:0], c.begun...), o.frames[:0]
	if c.stale {
		return c.next
	}
	o.bytes = append(o.bytes, c.own...)
	if c.closing || c.group == nil {
		return c.next
	}
	frames, next, ok := c.line.history.Load().wanted(o.frames, c.next, c.line.pumped.Load(), c.group.wants, sendBytes-len(o.bytes))
	if !ok {
		c.tooSlow()
		return c.fill(o)
	}
	o.frames = frames
	for _, f := range frames {
		o.bytes = f.text.append(o.bytes, c.codec)
	}
	return next
}

// sent notes that the first n bytes of what fill gathered are out. mu is held.
func (c *client) sent(o *outbound, n int, next uint64) {
	c.hub.counts.bytes.Add(int64(n))
	if n == len(o.bytes) {
		c.begun, c.own = nil, nil
		for _, f := range o.frames {
			c.lag -= f.text.size(c.codec)
		}
		c.lag, c.next = max(0, c.lag), next
		return
	}
	if n < len(c.begun) {
		c.begun = c.begun[n:]
		return
	}
	n -= len(c.begun)
	c.begun = nil
	if n < len(c.own) {
		if n > 0 {
			c.begun, c.own = c.own[n:], nil
		}
		return
	}
	n -= len(c.own)
	c.own = nil
	c.took(o.frames, n)
}

// What flush has done.
type flushed int

const (
	some    flushed = iota // sent something
	blocked                // the client takes no more now
	all                    // there is nothing left to send
	old                    // it must be given a snapshot first
)

// flush sends once, and without waiting, to a client that has a descriptor.
func (c *client) flush() flushed {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := outbounds.Get().(*outbound)
	defer o.free()
	next, state := c.prepare(o)
	if state != some {
		return state
	}
	n, err := c.direct.write(o.bytes)
	if err != nil {
		c.end(endBroken)
		c.draining = false
		return all
	}
	if n == 0 {
		return blocked
	}
	c.sent(o, n, next)
	return some
}

// push sends once to a client without one, and waits.
func (c *client) push() (flushed, error) {
	o := outbounds.Get().(*outbound)
	defer o.free()
	c.mu.Lock()
	next, state := c.prepare(o)
	if state == some {
		c.sent(o, len(o.bytes), next) // if not, it is over anyway
	}
	c.mu.Unlock()
	if state != some {
		return state, nil
	}
	_, err := c.conn.Write(o.bytes)
	return some, err
}

func (o *outbound) free() {
	clear(o.frames)
	if cap(o.bytes) <= 4*sendBytes { // not one that held a snapshot
		outbounds.Put(o)
	}
}

// prepare fills o, unless there is nothing to send. mu is held.
func (c *client) prepare(o *outbound) (next uint64, state flushed) {
	if c.shut {
		c.draining = false
		return 0, all
	}
	next = c.fill(o)
	switch {
	case len(o.bytes) > 0:
		return next, some
	case c.stale:
		return 0, old
	}
	c.next, c.lag, c.draining = next, 0, false
	if c.line != nil {
		signal(c.line.progress)
	}
	if c.closing {
		c.hangUp()
	}
	return next, all
}

// drain sends what waits until the client has everything, or does not take
// anything for writeTimeout.
func (c *client) drain() {
	for {
		_ = c.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		var state flushed
		var err error
		if raw := c.direct.raw; raw != nil {
			err = raw.Write(func(uintptr) bool {
				state = c.flush()
				return state != blocked
			})
		} else {
			state, err = c.push()
		}
		switch {
		case err != nil:
			c.mu.Lock()
			c.end(endSlow)
			c.draining = false
			c.mu.Unlock()
			return
		case state == all:
			return
		case state == old:
			c.mu.Lock()
			l := c.line
			c.mu.Unlock()
			l.refresh(c)
		}
	}
}

func (c *client) close(code int, reason string, why end) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finish(code, reason, why)
}

// finish says the last word and drops what waits. mu is held.
func (c *client) finish(code int, reason string, why end) {
	if c.closing || c.shut {
		return
	}
	var last []byte
	if c.codec == stream {
		object, _ := json.Marshal(map[string]any{"code": code, "reason": reason}) // a string and a number
		last = fmt.Appendf(nil, "event: close\ndata: %s\n\n", object)
	} else {
		last = control(websocket.CloseMessage, websocket.FormatCloseMessage(code, short(reason)))
	}
	c.say(last, why)
}

// short is as much of a reason as a close frame has room for.
func short(reason string) string {
	const most = 125 - 2 // RFC 6455 section 5.5, less the code
	if len(reason) <= most {
		return reason
	}
	return strings.ToValidUTF8(reason[:most-len("…")], "") + "…"
}

// say has a frame be the last. mu is held.
func (c *client) say(last []byte, why end) {
	if c.closing || c.shut {
		return
	}
	c.closing, c.own, c.stale = true, nil, false
	c.hub.counts.ended[why].Add(1)
	c.write(last)
	if !c.draining {
		c.hangUp()
	}
}

// hangUp ends our side of the connection, once everything is out. The client
// has closeTimeout to end its own: to close at once, with something of it unread,
// would take back what it has not read yet. mu is held.
func (c *client) hangUp() {
	if c.unread {
		c.end(endLeft)
		return
	}
	c.hub.goroutines.Go(func() { // under TLS it writes, and may wait
		if half, ok := c.conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		_ = c.conn.SetReadDeadline(time.Now().Add(closeTimeout))
	})
}

// end closes the connection. mu is held.
func (c *client) end(why end) {
	if c.shut {
		return
	}
	if !c.closing {
		c.hub.counts.ended[why].Add(1)
	}
	c.shut, c.begun, c.own = true, nil, nil
	c.direct.fd = -1
	c.hub.goroutines.Go(func() { c.conn.Close() }) // waits for drain, and drain for mu
}

// left is called when nothing more can be read.
func (c *client) left() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unread = true
	if !c.draining {
		c.end(endLeft)
	} else {
		c.say(nil, endLeft)
	}
}

// tick is called once a second for each client, by its line's pump: whatever was
// pumped is out, unless it is behind. turn says whether it is its second.
func (c *client) tick(now int64, turn bool, at *mark) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.shut || c.closing:
	case c.expires > 0 && now >= c.expires:
		c.finish(closeToken, "the token's time is over", endToken)
	case c.codec != stream && now-c.heard.Load() > silentFor:
		c.end(endSilent)
	case turn && !c.draining:
		b := slices.Clone(pings[c.codec])
		if c.next < at.position && at.last.Offset >= c.next { // it wants little, and its cursor would age
			b = append(b, at.text[c.codec]...)
			c.next = at.position
		}
		c.put(b)
	}
}

// pings keep a connection alive, and show whether it is.
var pings = [codecs][]byte{control(websocket.PingMessage, nil), control(websocket.PingMessage, nil), []byte(": ping\n\n")}

// A mark is where a line is, as a frame that tells a client so.
type mark struct {
	last     event.Cursor
	position uint64
	text     [codecs][]byte
}

func newMark(last event.Cursor, position uint64) *mark {
	t := said(last.String(), fmt.Appendf(nil, `{"cursor":"%s"}`, last))
	return &mark{last: last, position: position, text: [codecs][]byte{t.ws, t.ws, fmt.Appendf(nil, "id: %s\n\n", last)}}
}

// A descriptor is a plain TCP connection as the kernel knows it. The zero value
// takes nothing.
type descriptor struct {
	raw syscall.RawConn
	fd  int
}
