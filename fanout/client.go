package fanout

import (
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/matchwire/matchwire/fanout/internal/nonblock"
	"github.com/matchwire/matchwire/fanout/internal/wire"
)

// Bounds of one connection.
const (
	maxLag        = 1 << 20          // bytes of events that may wait for a client, besides what it missed before it connected
	writeTimeout  = 10 * time.Second // in which a client must accept something
	pingInterval  = 25               // seconds
	maxSilence    = 60               // seconds
	maxFrame      = 16 << 10         // bytes that a client may send as one frame
	frameBurst    = 50               // frames that a client may send at once
	framesASecond = 5                // and then
	chunkBytes    = 32 << 10         // that are written at once to a client that is behind
)

// A client is one connection. Frames are written under mu and without waiting, by the
// goroutine that has them. Only while a client accepts no more is there a goroutine,
// drain, that waits for it. So an idle client has one goroutine, which reads, and a
// slow one no queue: it has a position in the history, and drain continues from there.
//
// draining, stale, closing and shut are its state. These combinations exist:
//
//	none              It has received everything. write, deliver, subscribe and moveTo start drain
//	                  when something must wait.
//	draining          Something waits. When nothing does any more, prepare ends drain.
//	draining, stale   It was too slow, and conflates. drain calls resync, which sends a snapshot.
//	draining, closing The last frame waits. When it is sent, prepare ends drain and calls closeWrite.
//	closing           Our side is closed, or about to be. When the client has closed its own, or
//	                  closeTimeout is over, remove calls abort.
//	shut, and others  The connection is closed. Nothing leads out of it, and drain ends.
//
// close, closeLocked and sendLast lead from the first three to closing; tooSlow does so for a
// client that does not conflate. abort leads from all to shut. remove sets readEnded in any of them.
// If drain runs, it writes the rest of the frame that it has begun, and closeWrite calls abort;
// else remove does.
type client struct {
	// The fields that every event needs are first, in few cache lines: with many
	// thousand clients none is in the processor's cache.
	mu        sync.Mutex
	codec     wire.Codec
	draining  bool   // drain runs
	stale     bool   // it is to receive a snapshot in place of what it missed
	closing   bool   // the last frame is sent, or waits in own
	shut      bool   // conn is closed, or about to be
	readEnded bool   // nothing more is read from it
	next      uint64 // position: it has received all that it wants before
	direct    nonblock.Conn
	hub       *Hub

	timeline *timeline // written with both timelines' mu held; nil until it is admitted
	group    *group    // written with timeline.mu held; nil after unsubscribe
	begun    []byte    // the rest of a frame that was written in part; shared
	own      [][]byte  // whole frames to write after that, before those of the history; shared
	lag      int       // bytes that the timeline had for it and that it has not received
	holdups  int       // of a playback

	conn       net.Conn
	conflate   bool          // when it is too slow, send a snapshot in place of closing it
	pingSecond uint8         // of pingInterval
	expires    int64         // when its token expires, in Unix seconds; 0: never
	lastHeard  atomic.Int64  // in Unix seconds
	frameRate  *rate.Limiter // of what it sends; nil until the first frame
	changed    chan struct{} // for awaitTimeline; nil if it does not wait

	// Its slots in the index; guarded by timeline.mu.
	slot, pingSlot int
}

func newClient(h *Hub, conn net.Conn, codec wire.Codec) *client {
	c := &client{hub: h, conn: conn, codec: codec, direct: nonblock.New(conn), pingSecond: uint8(rand.IntN(pingInterval))}
	c.heard()
	return c
}

// heard notes that the client is alive.
func (c *client) heard() { c.lastHeard.Store(time.Now().Unix()) }

// check closes a client whose token has expired, or that was silent too long, and pings
// others if it is their second. Its timeline calls it between rounds: unless the client is
// behind, it has received everything before position.
func (c *client) check(now int64, ping bool, at *cursorFrame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.shut || c.closing:
	case c.expires > 0 && now >= c.expires:
		c.closeLocked(closeToken, "the token has expired", endToken)
	case ping && c.codec != wire.Stream && now-c.lastHeard.Load() > maxSilence:
		c.abort(endSilent)
	case ping: // also behind what waits: how else could a busy client show that it is alive?
		b := wire.Ping(c.codec)
		if !c.draining && c.next < at.position && at.last.Offset >= c.next { // it wants little, and its cursor would grow old
			b = append(b, at.bytes[c.codec]...)
			c.next = at.position
		}
		c.send(b)
	}
}
