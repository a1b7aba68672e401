package fanout

import (
	"time"

	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/fanout/eventlog"
	"github.com/matchwire/matchwire/fanout/internal/wire"
)

// Close codes, besides those of RFC 6455 for invalid frames. After closeBadFrame and closeTooMany,
// the client must change its behaviour, or the node closes it again. After the other codes, the
// client should reconnect with its cursor. After closeToken, it needs a new token.
const (
	closeGoingAway = websocket.CloseGoingAway     // 1001: the node is stopping, or the log was created again
	closeTryLater  = websocket.CloseTryAgainLater // 1013: the node cannot serve the client now
	closeTooSlow   = 4001                         // the client accepted bytes too slowly; see client.tooSlow
	closeBadFrame  = 4002                         // a frame does not follow the protocol
	closeToken     = 4003                         // the token has expired or is no longer accepted
	closeTooMany   = 4008                         // the client sent too many frames
)

// closeTimeout is how long a client may take to close its side after the last frame.
const closeTimeout = 3 * time.Second

// Reasons in close frames.
const (
	nodeStops       = "the node is stopping; reconnect with your cursor"
	logCreatedAgain = "the event log was created again; reconnect for a snapshot"
	tokenRevoked    = "the token is no longer valid"
)

// close sends a close frame with a code and a reason, and closes the node's side of the connection.
// It discards all waiting frames.
func (c *client) close(code int, reason string, why endReason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeLocked(code, reason, why)
}

// closeLocked is close with mu held.
func (c *client) closeLocked(code int, reason string, why endReason) {
	c.sendLast(wire.Close(code, reason, c.codec), why)
}

// sendLast sends the last frame, if frame is not nil, and closes the node's side of the connection.
// It does nothing if the client is already closing or aborted. mu is held.
func (c *client) sendLast(frame []byte, why endReason) {
	if c.closing || c.aborted {
		return
	}
	c.closing, c.pending, c.stale = true, nil, false
	c.notify()
	c.hub.metrics.ended[why].Add(1)
	c.write(frame)
	if !c.draining {
		c.closeWrite()
	}
}

// closeWrite closes the node's side of the connection. The client then has closeTimeout to close its
// side. If the reading goroutine has ended, closeWrite aborts the connection instead. Call it when
// everything is sent. mu is held.
func (c *client) closeWrite() {
	if c.readEnded {
		c.abort(endLeft)
		return
	}
	c.hub.goroutines.Go(func() { // with TLS, CloseWrite writes and may block
		if half, ok := c.conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		_ = c.conn.SetReadDeadline(time.Now().Add(closeTimeout))
	})
}

// abort closes the connection without a last frame. mu is held.
func (c *client) abort(why endReason) {
	if c.aborted {
		return
	}
	if !c.closing {
		c.hub.metrics.ended[why].Add(1)
	}
	c.aborted, c.partial, c.pending = true, nil, nil
	c.notify()
	c.direct.Invalidate()
	c.hub.goroutines.Go(func() { c.conn.Close() }) // not here, because Close waits for drain, and drain waits for mu
}

// remove closes the connection, and removes the client from its timeline and from the hub. The
// reading goroutine calls it when nothing more can be read.
func (c *client) remove() {
	c.awaitClose()
	c.mu.Lock()
	c.readEnded = true
	if c.draining {
		c.sendLast(nil, endLeft) // drain calls closeWrite
	} else {
		c.abort(endLeft)
	}
	c.mu.Unlock()
	c.unsubscribe()
	c.hub.removeConnection(c.address)
}

// awaitClose reads until the client closes its side, for at most closeTimeout. awaitClose returns at
// once unless the client is closing. Reading is necessary: if the node closes a connection with unread
// bytes, the kernel resets the connection, and the client may not receive the last frame.
func (c *client) awaitClose() {
	c.mu.Lock()
	waits := c.closing && !c.aborted
	c.mu.Unlock()
	if !waits {
		return
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(closeTimeout))
	var b [512]byte
	for {
		if _, err := c.conn.Read(b[:]); err != nil {
			return
		}
	}
}

// closeTimeline ends a timeline and closes its clients.
func (h *Hub) closeTimeline(t *timeline, code int, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	h.unshareDelay(t)
	t.closeClients(code, reason)
}

// closeClients closes all clients of the timeline. mu is held.
func (t *timeline) closeClients(code int, reason string) {
	for _, c := range t.index.list() {
		c.close(code, reason, endNode)
	}
}

// fallBehind closes all clients, because the history no longer has the position of the timeline.
// The clients must reconnect to receive what they missed. The live timeline continues at the end of
// the history. Any other timeline ends, because the end of the history is ahead of the clock of
// that timeline. mu is held.
func (t *timeline) fallBehind() {
	t.closeClients(closeTryLater, "the node cannot keep up; reconnect with your cursor")
	if t != t.hub.live {
		t.ended = true
		return
	}
	t.moveToPlace(t.history.Load().Now())
}

// reset closes all clients and moves the timeline to the beginning of an empty log.
func (t *timeline) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closeClients(closeGoingAway, logCreatedAgain)
	t.moveToPlace(eventlog.Place{Last: broker.Start, States: eventlog.NewStates(t.hub.options.SnapshotMatches)})
}

// moveToPlace sets the place of the timeline. mu is held.
func (t *timeline) moveToPlace(p eventlog.Place) {
	t.last, t.states = p.Last, p.States
	t.position.Store(p.Position)
}

// closeAll closes all clients one after the other, within Options.Drain, so that they do not all
// reconnect to other nodes at once. Then it waits up to closeTimeout for all clients to disconnect,
// and aborts the remaining connections.
func (h *Hub) closeAll() {
	h.mu.Lock()
	close(h.stopping) // from now on, no timeline accepts a client
	if h.connections == 0 {
		close(h.disconnected)
	}
	h.mu.Unlock()
	clients := h.clients()
	pause := time.NewTicker(max(1, min(time.Millisecond, h.limits.Load().Drain/time.Duration(max(1, len(clients))))))
	defer pause.Stop()
	for _, c := range clients {
		c.close(closeGoingAway, nodeStops, endNode)
		<-pause.C
	}
	timeout := time.NewTimer(closeTimeout)
	defer timeout.Stop()
	select {
	case <-h.disconnected:
	case <-timeout.C:
	}
	for _, c := range h.clients() {
		c.mu.Lock()
		c.abort(endNode)
		c.mu.Unlock()
	}
}

// clients returns all clients that have a timeline.
func (h *Hub) clients() (all []*client) {
	for _, t := range h.allTimelines() {
		t.mu.Lock()
		all = append(all, t.index.list()...)
		t.mu.Unlock()
	}
	return all
}
