package fanout

import (
	"sync"
	"time"

	"github.com/matchwire/matchwire/fanout/eventlog"
)

// send sends a whole frame of the client's own. The frame must not change. mu is held.
func (c *client) send(frame []byte) {
	if c.shut || c.closing {
		return
	}
	waiting := 0
	for _, o := range c.own {
		waiting += len(o)
	}
	if waiting > maxLag {
		c.tooSlow()
		return
	}
	c.write(frame)
}

// write writes b now, or queues it behind what waits. mu is held.
func (c *client) write(b []byte) {
	if !c.draining {
		n := c.writeNow(b)
		if n == len(b) || c.shut {
			return
		}
		if n > 0 {
			c.begun = b[n:]
			c.startDrain()
			return
		}
	}
	if len(b) > 0 {
		c.own = append(c.own, b)
	}
	c.startDrain()
}

// writeNow writes what the kernel accepts at once. Call it only while nothing waits.
// mu is held.
func (c *client) writeNow(b []byte) int {
	n, err := c.direct.Write(b)
	if err != nil {
		c.abort(endBroken)
	}
	c.hub.metrics.bytes.Add(int64(n))
	return n
}

// deliver sends a batch of the client's group. On a patient timeline it is never too
// slow.
func (c *client) deliver(b *batch, patient bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.shut || c.closing || b.last < c.next:
	case c.draining:
		if c.lag += len(b.bytes[c.codec]); c.lag > maxLag && !patient {
			c.tooSlow()
		}
	case b.first < c.next:
		c.startDrain() // it has received a part; drain sends the rest
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

// advance notes that the first n bytes of frames are written. mu is held.
func (c *client) advance(frames []*eventlog.Frame, n int) {
	for _, f := range frames {
		size := f.Object.Size(c.codec)
		if n <= 0 {
			return
		}
		if n < size {
			c.begun = f.Object.Append(nil, c.codec)[n:]
		}
		n -= size
		c.next = eventlog.After(f.Cursor)
		c.lag = max(0, c.lag-size)
	}
}

// tooSlow closes a client that is too slow. If it has asked so, it receives a snapshot
// in place of all that waits. mu is held.
func (c *client) tooSlow() {
	c.own, c.lag = nil, 0
	if c.conflate {
		c.stale = true
		c.hub.metrics.conflated.Add(1)
		return
	}
	c.closeLocked(closeTooSlow, "too slow; resume by cursor", endSlow)
}

// startDrain starts drain unless it runs. mu is held.
func (c *client) startDrain() {
	if !c.draining {
		c.draining = true
		c.hub.goroutines.Go(c.drain)
	}
}

// drain sends what waits until the client has received everything, or accepts nothing
// for writeTimeout.
func (c *client) drain() {
	for {
		_ = c.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		var state drainState
		var err error
		if c.direct.Direct() {
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
	blocked                         // the client accepts nothing now
	done                            // there is nothing left to send
	needsSnapshot                   // the client must receive a snapshot first
)

// drainNow writes once without waiting.
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
	c.heard() // a client that is behind and accepts bytes is alive
	return progressed
}

// waitedWrite is how long a write takes at least if it had to wait for the client.
const waitedWrite = 50 * time.Millisecond

// drainBlocking writes once, and waits.
func (c *client) drainBlocking() (drainState, error) {
	o := chunks.Get().(*chunk)
	defer o.free()
	c.mu.Lock()
	next, state := c.prepare(o)
	if state == progressed {
		c.sent(o, len(o.bytes), next) // if the write fails, the connection ends anyway
	}
	c.mu.Unlock()
	if state != progressed {
		return state, nil
	}
	began := time.Now()
	_, err := c.conn.Write(o.bytes)
	if err == nil && time.Since(began) > waitedWrite {
		c.heard() // the write had to wait, so the client has read
	}
	return progressed, err
}

// prepare fills o. If there is nothing to send, drain ends. mu is held.
func (c *client) prepare(o *chunk) (next uint64, state drainState) {
	if c.shut {
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

// A chunk is what is written at once to a client that is behind.
type chunk struct {
	bytes  []byte            // to write
	own    int               // how many of the client's own frames it contains
	frames []*eventlog.Frame // of the history that it contains
	buffer []byte
}

var chunks = sync.Pool{New: func() any { return &chunk{buffer: make([]byte, 0, 2*chunkBytes)} }}

func (o *chunk) free() {
	clear(o.frames)
	if o.bytes = nil; cap(o.buffer) <= 4*chunkBytes {
		chunks.Put(o)
	}
}

// fill collects what to write next, nothing if the client has everything. next is its
// position after that. mu is held.
func (c *client) fill(o *chunk) (next uint64) {
	o.bytes, o.own, o.frames = nil, 0, o.frames[:0]
	if len(c.begun) == 0 && len(c.own) > 0 && !c.stale {
		c.begun, c.own = c.own[0], c.own[1:]
	}
	if len(c.begun) >= chunkBytes || c.stale { // by itself, without a copy
		o.bytes = c.begun[:min(len(c.begun), chunkBytes)]
		return c.next
	}
	o.buffer = append(o.buffer[:0], c.begun...)
	for _, b := range c.own {
		if len(o.buffer) < chunkBytes {
			o.buffer = append(o.buffer, b...)
			o.own++
		}
	}
	o.bytes = o.buffer
	if c.closing || c.group == nil || o.own < len(c.own) {
		return c.next
	}
	frames, next, ok := c.timeline.history.Load().Select(o.frames, c.next, c.timeline.position.Load(), chunkBytes-len(o.buffer), c.group.filter.Event)
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

// sent notes that the first n bytes of a chunk are written. mu is held.
func (c *client) sent(o *chunk, n int, next uint64) {
	c.hub.metrics.bytes.Add(int64(n))
	all := n == len(o.bytes)
	if n < len(c.begun) {
		c.begun = c.begun[n:]
		return
	}
	n -= len(c.begun)
	c.begun = nil
	for _, b := range c.own[:o.own] {
		if n < len(b) && n > 0 {
			c.begun = b[n:]
		} else if n < len(b) {
			return
		}
		c.own = c.own[1:]
		if n -= len(b); n < 0 {
			return
		}
	}
	c.advance(o.frames, n)
	if all {
		c.next = next
	}
}
