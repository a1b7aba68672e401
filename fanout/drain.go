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
