package fanout

import (
	"fmt"

	"github.com/matchwire/matchwire/broker"
)

// skip is for a history that has gone on without the line. Its clients must come
// back for what is between. The live line goes on from the end; another ends, as
// there it would tell what is for later. mu is held.
func (l *line) skip() {
	for _, c := range l.index.list() {
		c.close(closeTryLater, "the node cannot keep up; resume by cursor", endNode)
	}
	if l != l.hub.live {
		l.ended = true
		return
	}
	var position uint64
	position, l.last, l.states = l.history.Load().now()
	l.pumped.Store(position)
}

// restart begins again with an empty log.
func (l *line) restart() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.index.list() {
		c.close(closeGoingAway, "the event log was made anew", endNode)
	}
	l.states, l.last = matches{}, broker.Start
	l.pumped.Store(0)
}

// change replaces what a client wants. true: it has moved to another line.
func (l *line) change(c *client, to func(wants) (wants, error)) (moved bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line != l {
		return true, nil
	}
	if c.group == nil {
		return false, nil // it has left
	}
	w, err := to(c.group.wants)
	if err != nil {
		return false, err
	}
	l.index.remove(c)
	l.index.add(c, w)
	return false, l.greet(c)
}

// leave takes a client off whatever line it is on.
func (c *client) leave() {
	for {
		c.mu.Lock()
		l := c.line
		c.mu.Unlock()
		if l == nil || l.remove(c) {
			return
		}
	}
}

func (l *line) remove(c *client) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line != l {
		return false
	}
	l.index.remove(c)
	return true
}

// greeting is the snapshot of what a group wants at pumped: the first frame of
// a connection that is not resumed, and what a change of the subscription brings.
// mu is held.
func (l *line) greeting(g *group) (*text, error) {
	position := l.pumped.Load()
	if g.greeting != nil && g.greetingAt == position {
		return g.greeting, nil
	}
	t, err := snapshot(l.states.wanted(g.wants), g.wants.may, l.last)
	if err == nil {
		g.greeting, g.greetingAt = t, position
	}
	return t, err
}

// snapshot frames the states of matches at a cursor, less the incidents that may
// not be seen.
func snapshot(states []*MatchState, may *wants, at broker.Cursor) (*text, error) {
	b := []byte(`{"snapshot":{"matches":[`)
	for i, m := range states {
		one, err := m.allowed(may)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, one...)
	}
	return said(at.String(), fmt.Appendf(b, `]},"cursor":"%s","resumed":false}`, at)), nil
}

// resumed frames the first word to a client that goes on at its cursor.
func resumed(at broker.Cursor) *text {
	return said(at.String(), fmt.Appendf(nil, `{"cursor":"%s","resumed":true}`, at))
}

// add takes a client that has had everything up to a cursor, or is to be given
// a snapshot. false: the line takes nobody any more, or the cursor means nothing
// now.
func (l *line) add(c *client, w wants, had *broker.Cursor) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.history.Load()
	if l.ended || l.hub.stopped.Load() || had != nil && h == l.hub.history && h.find(*had) != here {
		return false, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shut || c.closing || c.unread {
		return true, nil // it has left
	}
	l.index.add(c, w)
	c.line, c.next = l, l.pumped.Load()
	if had == nil {
		return true, l.greet(c)
	}
	c.put(resumed(*had).bytes(c.codec))
	if c.next = after(*had); c.next < l.pumped.Load() {
		c.drainLater()
	}
	return true, nil
}

// greet sends a client the snapshot of what it wants. One that is ahead of its
// line, as it has come from another, gets that of where it is. mu and the
// client's are held.
func (l *line) greet(c *client) (err error) {
	var t *text
	if position := l.pumped.Load(); c.next > position {
		last, states := l.history.Load().stateBefore(c.next)
		t, err = snapshot(states.wanted(c.group.wants), c.group.wants.may, last)
	} else {
		c.next = position
		t, err = l.greeting(c.group)
	}
	if err != nil {
		return err
	}
	if len(t.object()) > packMost && c.codec == deflated {
		c.put(t.ws) // it would take long, and others wait
	} else {
		c.put(t.bytes(c.codec))
	}
	return nil
}

// refresh gives a client that was too slow a snapshot in place of what it missed.
func (l *line) refresh(c *client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line != l {
		return // it is told so by the other
	}
	if c.stale = false; c.group == nil {
		return
	}
	if err := l.greet(c); err != nil {
		c.end(endBroken)
	}
}

// move hands all clients over to another line, whose history has all that they
// still need. Only between rounds.
func (l *line) move(to *line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	to.mu.Lock()
	defer to.mu.Unlock()
	for _, c := range l.index.list() {
		c.mu.Lock()
		if !c.draining {
			c.next = max(c.next, l.pumped.Load())
		}
		w := c.group.wants
		l.index.remove(c)
		to.index.add(c, w)
		c.line = to
		c.drainLater()
		c.mu.Unlock()
	}
	l.ended = true
}

// needed is the position before which nobody needs a frame any more.
func (l *line) needed() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	least, _ := l.slowest()
	return least
}

// mark notes who holds a playback up, and ends those that do so to others too
// long.
func (l *line) mark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.index.clients < 2 {
		return
	}
	_, who := l.slowest()
	for _, c := range who {
		c.mu.Lock()
		if c.marks++; c.marks > holdUp && !c.closing && !c.shut {
			c.tooSlow()
		}
		c.mu.Unlock()
	}
}

// slowest is the least position of all clients, and those that are there behind
// the others. mu is held.
func (l *line) slowest() (least uint64, who []*client) {
	least = l.pumped.Load()
	for _, c := range l.index.list() {
		c.mu.Lock()
		if c.draining && !c.closing && c.next <= least {
			if c.next < least {
				least, who = c.next, nil
			}
			if c.next < l.pumped.Load() {
				who = append(who, c)
			}
		}
		c.mu.Unlock()
	}
	return least, who
}
