package fanout

import (
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"
)

// Close codes that a client may see. After the first three and closeToken it
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
	// What every event for it needs stands together: of many thousand clients
	// none is in the processor's cache.
	mu       sync.Mutex
	codec    codec
	draining bool   // a goroutine sends what waits
	stale    bool   // to be sent a snapshot in place of what it missed
	closing  bool   // the last word is said, or waits in own
	shut     bool   // conn is closed, or about to be
	unread   bool   // nobody reads from it
	next     uint64 // it has had all that it wants before this position
	direct   descriptor
	hub      *Hub

	line  *line    // changed with both lines' mu held
	group *group   // changed with line.mu held; nil once it left
	begun []byte   // the rest of what was sent in part; shared
	own   [][]byte // whole frames that go out after that, before those of the history; shared
	lag   int      // bytes that the line had for it and it has not taken
	marks int      // how often it held up a playback

	conn     net.Conn
	conflate bool          // it wants a snapshot rather than the end when it is slow
	turn     uint8         // the second of pingEvery in which it is pinged
	expires  int64         // when its token does, in Unix seconds; 0: never
	heard    atomic.Int64  // when it said something last, in Unix seconds
	most     *rate.Limiter // of its frames; nil until the first

	// Its places in the index; guarded by line.mu.
	slot, turnSlot int
}

func newClient(h *Hub, conn net.Conn, c codec) *client {
	client := &client{hub: h, conn: conn, codec: c, direct: descriptorOf(conn), turn: uint8(rand.IntN(pingEvery))}
	client.heard.Store(time.Now().Unix())
	return client
}

// put sends a whole frame of the client's own, which must not change. mu is held.
func (c *client) put(b []byte) {
	if c.shut || c.closing {
		return
	}
	waits := 0
	for _, o := range c.own {
		waits += len(o)
	}
	if waits > lagBytes {
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
			c.begun = b[n:]
			c.drainLater()
			return
		}
	}
	if len(b) > 0 {
		c.own = append(c.own, b)
	}
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
		c.next = after(f.cursor)
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

// A descriptor is a plain TCP connection as the kernel knows it. The zero value
// takes nothing.
type descriptor struct {
	raw syscall.RawConn
	fd  int
}
