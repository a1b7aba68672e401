package fanout

import (
	"sync"
	"time"

	"github.com/matchwire/matchwire/fanout/eventlog"
)

// send sends a frame that is not from the history. If more than maxLag bytes of such frames wait,
// send calls tooSlow instead. The caller must not change the frame afterwards. mu is held.
func (c *client) send(frame []byte) {
	if c.aborted || c.closing {
		return
	}
	waiting := 0
	for _, o := range c.pending {
		waiting += len(o)
	}
	if waiting > maxLag {
		c.tooSlow()
		return
	}
	c.write(frame)
}

// write writes b without blocking. It queues the bytes that the connection does not accept at once.
// If bytes already wait, it queues all of b. mu is held.
func (c *client) write(b []byte) {
	if !c.draining {
		n := c.writeNow(b)
		if n == len(b) || c.aborted {
			return
		}
		if n > 0 {
			c.partial = b[n:]
			c.startDrain()
			return
		}
	}
	if len(b) > 0 {
		c.pending = append(c.pending, b)
	}
	c.startDrain()
}

// writeNow writes as many bytes of b as the kernel accepts at once, and returns the number of written
// bytes. Call it only while nothing waits. mu is held.
func (c *client) writeNow(b []byte) int {
	n, err := c.direct.Write(b)
	if err != nil {
		c.abort(endBroken)
	}
	c.hub.metrics.bytes.Add(int64(n))
	return n
}

// deliver sends a batch to the client. If more than maxLag bytes of events wait and allowSlow is
// false, deliver calls tooSlow.
func (c *client) deliver(b *batch, allowSlow bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.aborted || c.closing || b.last < c.next:
	case c.draining:
		if c.lag += len(b.bytes[c.codec]); c.lag > maxLag && !allowSlow {
			c.tooSlow()
		}
	case b.first < c.next:
		c.startDrain() // the client has received a part of the batch; drain sends the rest
	default:
		bytes := b.bytes[c.codec]
		n := c.writeNow(bytes)
		if n == len(bytes) {
			c.next = b.last + 1
			return
		}
		c.advance(b.frames, n)
		c.startDrain()
	}
}

// advance records that the first n bytes of frames are written. mu is held.
func (c *client) advance(frames []*eventlog.Frame, n int) {
	for _, f := range frames {
		size := f.Object.Size(c.codec)
		if n <= 0 {
			return
		}
		if n < size {
			c.partial = f.Object.Append(nil, c.codec)[n:]
		}
		n -= size
		c.next = eventlog.After(f.Cursor)
		c.lag = max(0, c.lag-size)
	}
}

// tooSlow closes a client that is too slow. If conflate is set and the client has a timeline, it
// instead discards the frames that wait, except the rest of a partly written frame, and makes drain
// send a snapshot. mu is held.
func (c *client) tooSlow() {
	c.pending, c.lag = nil, 0
	if c.conflate && c.timeline != nil {
		c.stale = true
		c.hub.metrics.conflated.Add(1)
		return
	}
	c.closeLocked(closeTooSlow, "too slow; reconnect with your cursor", endSlow)
}

// startDrain starts drain unless it is running. mu is held.
func (c *client) startDrain() {
	if !c.draining {
		c.draining = true
		c.hub.goroutines.Go(c.drain)
	}
}

// drain sends waiting frames, until the client has received everything. If the client accepts
// nothing for writeTimeout, drain aborts the client.
func (c *client) drain() {
	for {
		_ = c.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		var state drainState
		var err error
		if c.direct.Supported() {
			err = c.direct.WhenWritable(func() bool {
				state = c.drainNow()
				return state != blocked
			})
		} else {
			state, err = c.drainBlocking()
		}
		switch {
		case err != nil:
			c.mu.Lock()
			c.abort(endSlow)
			c.draining = false
			c.mu.Unlock()
			return
		case state == done:
			return
		case state == needsSnapshot:
			c.mu.Lock()
			t := c.timeline
			c.mu.Unlock()
			t.resync(c)
		}
	}
}

// A drainState is the result of one step of drain.
type drainState int

const (
	progressed    drainState = iota // some bytes were written
	blocked                         // the client accepts no bytes now
	done                            // nothing is left to send, or the client is aborted
	needsSnapshot                   // the client must receive a snapshot next
)

// drainNow writes once without blocking.
func (c *client) drainNow() drainState {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := chunks.Get().(*chunk)
	defer o.free()
	next, state := c.prepare(o)
	if state != progressed {
		return state
	}
	n, err := c.direct.Write(o.bytes)
	if err != nil {
		c.abort(endBroken)
		c.draining = false
		return done
	}
	if n == 0 {
		return blocked
	}
	c.sent(o, n, next)
	c.heard() // a client that accepts bytes is alive
	return progressed
}

// minBlockedWrite is the minimum duration of a write that counts as having waited for the client.
const minBlockedWrite = 50 * time.Millisecond

// drainBlocking writes once and blocks until the write ends. It never returns blocked.
func (c *client) drainBlocking() (drainState, error) {
	o := chunks.Get().(*chunk)
	defer o.free()
	c.mu.Lock()
	next, state := c.prepare(o)
	if state == progressed {
		c.sent(o, len(o.bytes), next) // if the write fails, drain aborts the client anyway
	}
	c.mu.Unlock()
	if state != progressed {
		return state, nil
	}
	began := time.Now()
	_, err := c.conn.Write(o.bytes)
	if err == nil && time.Since(began) > minBlockedWrite {
		c.heard() // the write ended when the client read something
	}
	return progressed, err
}

// prepare fills o with the bytes to write next. If there is nothing to send, it records that drain
// ends. next is the client's position after the write. mu is held.
func (c *client) prepare(o *chunk) (next uint64, state drainState) {
	if c.aborted {
		c.draining = false
		return 0, done
	}
	next = c.fill(o)
	switch {
	case len(o.bytes) > 0:
		return next, progressed
	case c.stale:
		return 0, needsSnapshot
	}
	c.next, c.lag, c.draining = next, 0, false
	if c.timeline != nil {
		signal(c.timeline.progress)
	}
	if c.closing {
		c.closeWrite()
	}
	return next, done
}

// A chunk holds the bytes of one write to a client that is behind. These are the rest of a partly
// written frame, then frames of client.pending, then frames of the history.
type chunk struct {
	bytes   []byte            // the bytes to write
	pending int               // how many frames of client.pending the field bytes contains
	frames  []*eventlog.Frame // the frames of the history that the field bytes contains
	buffer  []byte            // memory for the field bytes
}

var chunks = sync.Pool{New: func() any { return &chunk{buffer: make([]byte, 0, 2*chunkBytes)} }}

// free returns the chunk to the pool, unless its buffer has grown too large.
func (o *chunk) free() {
	clear(o.frames)
	if o.bytes = nil; cap(o.buffer) <= 4*chunkBytes {
		chunks.Put(o)
	}
}

// fill fills o with the bytes to write next. o has no bytes if the client has received everything, or
// must receive a snapshot. next is the client's position after the write. mu is held.
func (c *client) fill(o *chunk) (next uint64) {
	o.bytes, o.pending, o.frames = nil, 0, o.frames[:0]
	if len(c.partial) == 0 && len(c.pending) > 0 && !c.stale {
		c.partial, c.pending = c.pending[0], c.pending[1:]
	}
	if len(c.partial) >= chunkBytes || c.stale { // a long rest of a frame is written alone, without a copy
		o.bytes = c.partial[:min(len(c.partial), chunkBytes)]
		return c.next
	}
	o.buffer = append(o.buffer[:0], c.partial...)
	for _, b := range c.pending {
		if len(o.buffer) < chunkBytes {
			o.buffer = append(o.buffer, b...)
			o.pending++
		}
	}
	o.bytes = o.buffer
	if c.closing || c.group == nil || o.pending < len(c.pending) {
		return c.next
	}
	frames, next, ok := c.timeline.history.Load().Select(o.frames, c.next, c.timeline.position.Load(),
		chunkBytes-len(o.buffer), c.group.filter.Selects)
	if !ok {
		c.tooSlow()
		return c.fill(o)
	}
	o.frames = frames
	for _, f := range frames {
		o.buffer = f.Object.Append(o.buffer, c.codec)
	}
	o.bytes = o.buffer
	return next
}

// sent records that the first n bytes of a chunk are written. next is the client's position after the
// whole chunk. mu is held.
func (c *client) sent(o *chunk, n int, next uint64) {
	c.hub.metrics.bytes.Add(int64(n))
	all := n == len(o.bytes)
	if n < len(c.partial) {
		c.partial = c.partial[n:]
		return
	}
	n -= len(c.partial)
	c.partial = nil
	for _, b := range c.pending[:o.pending] {
		if n < len(b) && n > 0 {
			c.partial = b[n:]
		} else if n < len(b) {
			return
		}
		c.pending = c.pending[1:]
		if n -= len(b); n < 0 {
			return
		}
	}
	c.advance(o.frames, n)
	if all {
		c.next = next
	}
}
