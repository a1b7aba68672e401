package fanout

import (
	"sync"
	"time"
)

func (c *client) drainLater() {
	if !c.draining {
		c.draining = true
		c.hub.goroutines.Go(c.drain)
	}
}

// An outbound is what is sent at once to a client that is behind.
type outbound struct {
	bytes  []byte // that go out
	own    int    // how many of the client's own frames are in it, and of the history:
	frames []*frame
	room   []byte
}

var outbounds = sync.Pool{New: func() any { return &outbound{room: make([]byte, 0, 2*sendBytes)} }}

func (o *outbound) free() {
	clear(o.frames)
	if o.bytes = nil; cap(o.room) <= 4*sendBytes {
		outbounds.Put(o)
	}
}

// fill gathers what is to be sent next, nothing if the client has everything.
// next is its position when it has taken that. mu is held.
func (c *client) fill(o *outbound) (next uint64) {
	o.bytes, o.own, o.frames = nil, 0, o.frames[:0]
	if len(c.begun) == 0 && len(c.own) > 0 && !c.stale {
		c.begun, c.own = c.own[0], c.own[1:]
	}
	if len(c.begun) >= sendBytes || c.stale { // by itself, without a copy
		o.bytes = c.begun[:min(len(c.begun), sendBytes)]
		return c.next
	}
	o.room = append(o.room[:0], c.begun...)
	for _, b := range c.own {
		if len(o.room) < sendBytes {
			o.room = append(o.room, b...)
			o.own++
		}
	}
	o.bytes = o.room
	if c.closing || c.group == nil || o.own < len(c.own) {
		return c.next
	}
	frames, next, ok := c.line.history.Load().wanted(o.frames, c.next, c.line.pumped.Load(), c.group.wants, sendBytes-len(o.room))
	if !ok {
		c.tooSlow()
		return c.fill(o)
	}
	o.frames = frames
	for _, f := range frames {
		o.room = f.text.append(o.room, c.codec)
	}
	o.bytes = o.room
	return next
}

// sent notes that the first n bytes of what fill gathered are out. mu is held.
func (c *client) sent(o *outbound, n int, next uint64) {
	c.hub.counts.bytes.Add(int64(n))
	c.hears() // of one that is behind, this is as good as a word
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
	c.took(o.frames, n)
	if all {
		c.next = next
	}
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
