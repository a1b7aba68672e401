package gateway

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A tunnel connects a client to an instance for a stream: after the handshake of a WebSocket or another
// protocol, or after the header of an event stream. For each direction, a goroutine waits until bytes
// arrive. Only then does it take a buffer. The tunnel keeps nothing of the request, so that the garbage
// collector can free the request and its buffers.
//
// A direction ends when its sender closes the connection. The tunnel then closes the connection to
// the receiver for writing, and the receiver has limits.half to close its side too. After an error,
// the tunnel closes both connections.
type tunnel struct {
	gateway  *Gateway
	backend  *backend
	kind     string // for the metrics; see kinds
	client   side
	instance side
	frames   framing      // of the bytes to the client; used only by down
	active   atomic.Int64 // when the latest bytes were received, in Unix nanoseconds

	mu       sync.Mutex
	running  int       // number of directions that have not ended
	why      endReason // why the tunnel has ended or will end; 0 if it stays open
	stopping bool      // stop was called
}

// start starts to copy bytes in both directions. up and down hold the first bytes that the client and
// the instance have sent; they can be nil. If start returns an error, the caller must close the connections.
func (t *tunnel) start(up, down *buffer) error {
	t.running = 2
	t.touch()
	if err := t.gateway.streams.add(t); err != nil {
		return err
	}
	go func() { t.endDirection(&t.instance, t.up(up)) }()
	go func() { t.endDirection(&t.client, t.down(down)) }()
	return nil
}

// up copies bytes from the client to the instance. It reports whether it ended because the client has
// closed its side. b holds the first bytes; it can be nil.
func (t *tunnel) up(b *buffer) (clean bool) {
	for {
		if b != nil {
			err := t.instance.write(b.data(), &t.gateway.limits)
			buffers.Put(b)
			if err != nil {
				t.end(endInstance)
				return false
			}
		}
		var err error
		if b, err = t.client.read(); err != nil {
			t.end(endLeft)
			return errors.Is(err, io.EOF)
		}
		t.touch()
	}
}

// down copies bytes from the instance to the client. It reports whether it ended because the instance
// has closed its side, or because of stop after a whole frame. b holds the first bytes; it can be nil.
func (t *tunnel) down(b *buffer) (clean bool) {
	for awaited := false; ; {
		if b != nil {
			last, err := t.forward(b.data())
			buffers.Put(b)
			if last || err != nil {
				return err == nil
			}
		}
		var err error
		b, err = t.instance.read()
		stopped := errors.Is(err, os.ErrDeadlineExceeded) && t.isStopping()
		switch {
		case err == nil:
			t.touch()
		case errors.Is(err, io.EOF):
			t.end(endInstance)
			return true
		case stopped && t.frames.between():
			return t.writeClient(t.frames.last()) == nil
		case stopped && !awaited: // in a frame: its rest follows
			awaited = true
			_ = t.instance.conn.SetReadDeadline(time.Now().Add(t.gateway.limits.stall))
		default:
			t.end(endInstance)
			return false
		}
	}
}

// forward sends bytes from the instance to the client. If the gateway is stopping and a frame ends in
// b, forward sends the bytes up to this end, and then the last frame. In this case, last is true.
func (t *tunnel) forward(b []byte) (last bool, err error) {
	whole := t.frames.follow(b)
	if last = whole >= 0 && t.isStopping(); last {
		b = b[:whole]
	}
	if err := t.writeClient(b); err != nil || !last {
		return false, err
	}
	return true, t.writeClient(t.frames.last())
}

func (t *tunnel) writeClient(b []byte) error {
	err := t.client.write(b, &t.gateway.limits)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		t.end(endSlow)
	case err != nil:
		t.end(endLeft)
	}
	return err
}

// endDirection records that a direction has ended. to is the receiver of this direction, and clean is the
// result of up or down. If clean is true and the other direction is still running, endDirection closes
// the connection to the receiver only for writing. Otherwise, it closes both connections.
func (t *tunnel) endDirection(to *side, clean bool) {
	t.mu.Lock()
	t.running--
	last, why := t.running == 0, t.why
	t.mu.Unlock()
	if clean && !last {
		to.closeWrite()
		t.mu.Lock()
		if to == &t.client || !t.stopping { // stop has set another deadline for down
			_ = to.conn.SetReadDeadline(time.Now().Add(t.gateway.limits.half))
		}
		t.mu.Unlock()
		return
	}
	t.client.conn.Close()
	t.instance.conn.Close()
	if last {
		t.gateway.release(t.backend)
		t.gateway.metrics.ended.WithLabelValues(t.kind, endNames[why]).Inc()
		t.gateway.streams.remove(t)
	}
}

// end sets why unless it is already set.
func (t *tunnel) end(why endReason) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.why == 0 {
		t.why = why
	}
}

func (t *tunnel) isStopping() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stopping
}

// stop makes down end after the current frame, with a frame that asks the client to reconnect. It
// wakes down by setting a read deadline in the past.
func (t *tunnel) stop() {
	t.end(endStopped)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopping = true
	_ = t.instance.conn.SetReadDeadline(time.Unix(1, 0))
}

// abort closes both connections.
func (t *tunnel) abort(why endReason) {
	t.end(why)
	t.client.conn.Close()
	t.instance.conn.Close()
}

// touch records that bytes were received.
func (t *tunnel) touch() { t.active.Store(time.Now().UnixNano()) }
