package fanout

import (
	"encoding/json"

	"github.com/matchwire/matchwire/event"
)

// skip goes to the end of a history that has gone on without the line; its
// clients must come back for what is between. mu is held.
func (l *line) skip() {
	for _, c := range l.index.list() {
		c.close(closeTryLater, "the node cannot keep up; resume by cursor", endNode)
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
	l.states, l.last = matches{}, event.Start
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

// A first is the first frame of every connection, and what a change of the
// subscription brings.
type first struct {
	Snapshot *snapshot `json:"snapshot,omitempty"` // not on a resumed connection
	Cursor   string    `json:"cursor"`
	Resumed  bool      `json:"resumed"`
}

type snapshot struct {
	Matches []json.RawMessage `json:"matches"`
}

// greeting is the snapshot of what a group wants at pumped. mu is held.
func (l *line) greeting(g *group) (*text, error) {
	position := l.pumped.Load()
	if g.greeting != nil && g.greetingAt == position {
		return g.greeting, nil
	}
	s := snapshot{Matches: []json.RawMessage{}}
	for _, m := range l.states.wanted(g.wants) {
		b, err := m.encoded()
		if err != nil {
			return nil, err
		}
		s.Matches = append(s.Matches, b)
	}
	b, err := json.Marshal(first{Snapshot: &s, Cursor: l.last.String()})
	if err != nil {
		return nil, err
	}
	g.greeting, g.greetingAt = said(l.last.String(), b), position
	return g.greeting, nil
}

// add takes a client that has had everything up to a cursor, or is to be given
// a snapshot. false: the line takes nobody any more.
func (l *line) add(c *client, w wants, had *event.Cursor) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l.index.add(c, w)
	c.line, c.next = l, l.pumped.Load()
	if had == nil {
		return true, l.greet(c)
	}
	b, err := json.Marshal(first{Cursor: had.String(), Resumed: true})
	c.put(said(had.String(), b).append(nil, c.codec))
	if c.next = after(*had); c.next < l.pumped.Load() {
		c.drainLater()
	}
	return true, err
}

// greet sends a client the snapshot of what it wants. mu and the client's are
// held.
func (l *line) greet(c *client) error {
	t, err := l.greeting(c.group)
	if err != nil {
		return err
	}
	c.next = l.pumped.Load()
	c.put(t.bytes(c.codec))
	return nil
}

// refresh gives a client that was too slow a snapshot in place of what it missed.
func (l *line) refresh(c *client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stale = false; c.group == nil || c.line != l {
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

// mark notes who holds a playback up, and ends those that did so too often.
func (l *line) mark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, who := l.slowest()
	for _, c := range who {
		c.mu.Lock()
		if c.marks++; c.marks > holdUp {
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
