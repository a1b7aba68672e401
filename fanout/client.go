package fanout

import (
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/matchwire/matchwire/fanout/internal/wire"
	"github.com/matchwire/matchwire/internal/nonblock"
)

// Limits of one connection.
const (
	maxLag        = 1 << 20          // maximum number of bytes of events, or of other frames, that may wait for a client
	writeTimeout  = 10 * time.Second // time within which a client must accept some bytes
	pingInterval  = 25               // seconds between two pings
	maxSilence    = 60               // seconds within which a WebSocket client must send something
	maxFrame      = 16 << 10         // maximum size of a frame from a client, in bytes
	frameBurst    = 50               // maximum number of frames that a client may send without a pause
	framesASecond = 5                // maximum number of frames that a client may send per second, on average
	chunkBytes    = 32 << 10         // approximate number of bytes in one write to a client that is behind
)

// A client is one connection. The goroutine that sends a frame writes it with mu held, without
// blocking. If the connection accepts no more bytes, a new goroutine runs drain, which waits for
// the connection. So an idle client needs only the goroutine that reads. A slow client needs no
// queue of events, because drain continues at the position of the client in the history.
//
// The fields draining, stale, closing and aborted are the state of a client. The states are:
//
//	(none)             The client has received everything. write, deliver, subscribe and moveTo start
//	                   drain if a frame has to wait.
//	draining           Frames wait for the client. When none is left, prepare ends drain.
//	draining, stale    The client was too slow, and conflate is set. drain calls resync, which sends
//	                   a snapshot.
//	draining, closing  The last frame waits. When it is sent, prepare ends drain and calls
//	                   closeWrite.
//	closing            The node has closed its side, or is about to. When the client closes its side,
//	                   or after closeTimeout, remove calls abort.
//	aborted            The connection is closed. This state is final, and drain ends.
//
// close, closeLocked and sendLast set closing. tooSlow also sets closing, if conflate is not set or the
// client has no timeline. abort sets aborted in any state. remove sets readEnded in any state. If drain
// is running when remove sets readEnded, drain writes the rest of the current frame, and then
// closeWrite calls abort. Otherwise remove calls abort.
type client struct {
	// The fields that every event uses come first, so that they share few cache lines. With
	// thousands of clients, they are rarely in the cache of the processor.
	mu        sync.Mutex
	codec     wire.Codec
	draining  bool   // drain is running
	stale     bool   // the client must receive a snapshot instead of the events that it missed
	closing   bool   // the last frame has been sent, or waits to be sent
	aborted   bool   // conn is closed, or is about to be
	readEnded bool   // the reading goroutine has ended
	next      uint64 // the client has received all events before this position that its filter selects
	direct    nonblock.Conn
	hub       *Hub

	timeline *timeline // written with the mu of the old and the new timeline held; nil until the client is admitted
	group    *group    // written with timeline.mu held; nil until the client is admitted, and after unsubscribe
	partial  []byte    // the rest of a partly written frame; must not be changed
	pending  [][]byte  // frames to write before the frames of the history; must not be changed
	lag      int       // bytes of events that wait for the client; approximate
	stalls   int       // number of seconds for which the client has stalled a playback

	conn       net.Conn
	address    string // address of the client, as defined in package clientaddr
	conflate   bool   // if the client is too slow, send a snapshot instead of closing the client
	pingSecond uint8  // second of pingInterval in which the client is pinged
	credential credential
	expires    int64         // when the token expires, in Unix seconds; 0 without a token
	lastHeard  atomic.Int64  // when the client last sent a frame, or accepted waiting bytes, in Unix seconds
	frameRate  *rate.Limiter // limits frames from the client; nil before the first frame
	changed    chan struct{} // closed by notify to wake awaitTimeline; nil if no call waits

	// Slots in the index, guarded by timeline.mu.
	slot, pingSlot int
}

func newClient(h *Hub, conn net.Conn, codec wire.Codec) *client {
	c := &client{hub: h, conn: conn, codec: codec, direct: nonblock.New(conn),
		pingSecond: uint8(rand.IntN(pingInterval))}
	c.heard()
	return c
}

// heard records that the client is alive now.
func (c *client) heard() { c.lastHeard.Store(time.Now().Unix()) }

// check closes the client if its token has expired. If ping is true, check aborts a WebSocket
// client that has been silent for more than maxSilence, and pings any other client. now is the current
// time in Unix seconds. The timeline calls check between rounds. At that time, a client that is not
// behind has received everything before at.position.
func (c *client) check(now int64, ping bool, at *cursorFrame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.aborted || c.closing:
	case c.expires > 0 && now >= c.expires:
		c.closeLocked(closeToken, "the token has expired", endToken)
	case ping && c.codec != wire.SSE && now-c.lastHeard.Load() > maxSilence:
		c.abort(endSilent)
	case ping: // even while draining, so that the reply shows that the client is alive
		b := wire.Ping(c.codec)
		if !c.draining && c.next < at.position && at.last.Offset >= c.next {
			// The client has received no recent event. A newer cursor lets it resume from memory.
			b = append(b, at.bytes[c.codec]...)
			c.next = at.position
		}
		c.send(b)
	}
}
