package fanout

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A pace is how a line goes through the log: at once, some time late, or from
// some time on at some speed.
type pace struct {
	delay time.Duration
	speed float64
}

// live says that everything is told at once.
func (p pace) live() bool { return p == pace{} }

// clock starts now. from is the time that it shows first, if the pace has a speed.
func (p pace) clock(from time.Time) clock {
	now := time.Now()
	if p.delay > 0 {
		return clock{began: now, from: now.Add(-p.delay), speed: 1}
	}
	return clock{began: now, from: from, speed: p.speed}
}

// A clock says what is due to be told: what was read by the time that it shows.
// One without a speed has everything told at once.
type clock struct {
	began, from time.Time // at the one it shows the other
	speed       float64
}

func (c clock) live() bool { return c.speed == 0 }

// now is the time that it shows; zero, the end of time, if it is live.
func (c clock) now() time.Time {
	if c.live() {
		return time.Time{}
	}
	return c.from.Add(time.Duration(float64(time.Since(c.began)) * c.speed))
}

// until is how long it takes to show t.
func (c clock) until(t time.Time) time.Duration {
	return time.Duration(float64(t.Sub(c.now())) / c.speed)
}

// A line hands frames of a history to those of its clients that want them, when
// its clock says so: the live line at once, another so many seconds later.
type line struct {
	hub     *Hub
	clock   clock
	history atomic.Pointer[history]
	pumped  atomic.Uint64 // the position up to which clients have what they want; written with mu held
	patient bool          // nobody is too slow for it

	mu     sync.Mutex
	states matches // up to pumped
	last   event.Cursor
	index  index
	ended  bool // takes nobody any more

	jobs     chan func()   // for the pump, between rounds
	progress chan struct{} // holds a token when clients may have taken something

	// The pump's, for a round: the frames, how many clients want each, the groups
	// that want any, a batch for each of them, and the clients of all.
	frames  []*frame
	sockets []int
	groups  []*group
	batches []*batch
	targets []target
}

// newLine is one that begins at a position of a history, where the states were
// these.
func newLine(hub *Hub, h *history, c clock, position uint64, last event.Cursor, states matches) *line {
	l := &line{hub: hub, clock: c, states: states, last: last, index: newIndex(), jobs: make(chan func()), progress: make(chan struct{}, 1)}
	l.history.Store(h)
	l.pumped.Store(position)
	return l
}

// pump hands on what there is until ctx ends, or the line, not the live one, has
// had no clients for a second.
func (l *line) pump(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	due := time.NewTimer(time.Hour)
	defer due.Stop()
	idle, turn := false, uint8(0)
	for {
		_, _, grown := l.history.Load().end()
		more, wait := l.round()
		signal(l.progress)
		if wait > 0 {
			due.Reset(wait)
		}
		var again <-chan struct{}
		if more {
			again = always // but what else there is has its turn, too
		}
		select {
		case <-ctx.Done():
			return
		case <-again:
		case <-grown:
		case <-due.C:
		case job := <-l.jobs:
			if job(); l.over() {
				l.hub.drop(l)
				return
			}
		case <-tick.C:
			turn = (turn + 1) % pingEvery
			empty := l.tick(turn)
			if empty && idle && l.hub.drop(l) {
				return
			}
			idle = empty
		}
	}
}

// always is a channel that is never waited for.
var always = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// between has the pump do something while it hands on nothing: then a client
// that is not behind has all that it wants up to pumped. false: the pump has
// ended.
func (l *line) between(ctx context.Context, do func()) bool {
	done := make(chan struct{})
	select {
	case l.jobs <- func() { do(); close(done) }:
		<-done
		return true
	case <-ctx.Done():
		return false
	}
}

// round hands on the frames that are due. more says that others are too, wait
// how long it takes until one is; 0 if there is none.
func (l *line) round() (more bool, wait time.Duration) {
	began := time.Now()
	l.mu.Lock()
	frames, position, due, ok := l.history.Load().due(l.frames[:0], l.pumped.Load(), l.clock.now())
	if !ok {
		l.skip()
		l.mu.Unlock()
		return true, 0
	}
	l.frames = frames
	if len(frames) == 0 {
		l.mu.Unlock()
	} else {
		l.gather(frames, position)
		l.mu.Unlock()
		spread(l.targets, l.patient)
		l.hub.told(l, frames, l.sockets, began)
		l.tidy()
	}
	switch {
	case due.IsZero():
		return false, 0
	case l.clock.live() || !due.After(l.clock.now()):
		return true, 0
	}
	return false, max(l.clock.until(due), time.Millisecond)
}

// gather moves the line on by some frames, and finds who wants which. mu is held.
func (l *line) gather(frames []*frame, position uint64) {
	for _, f := range frames {
		if f.after != nil {
			l.states.put(f.after)
		}
		wanting := 0
		l.index.find(f.key, f.match, func(g *group) {
			if g.batch == nil {
				g.batch = l.batch()
				l.groups = append(l.groups, g)
			}
			g.batch.frames = append(g.batch.frames, f)
			wanting += g.size()
		})
		l.sockets = append(l.sockets, wanting)
	}
	l.last = frames[len(frames)-1].cursor
	l.pumped.Store(position)
	for _, g := range l.groups {
		l.targets = g.batch.seal(g, l.targets)
		g.batch = nil
	}
}

// batch is an empty one, of this round's.
func (l *line) batch() *batch {
	if len(l.groups) == len(l.batches) {
		l.batches = append(l.batches, &batch{})
	}
	return l.batches[len(l.groups)]
}

// tidy keeps nothing of a round but room.
func (l *line) tidy() {
	for _, b := range l.batches[:len(l.groups)] {
		b.reset()
	}
	clear(l.frames)
	clear(l.targets)
	clear(l.groups)
	l.targets, l.groups, l.sockets = l.targets[:0], l.groups[:0], l.sockets[:0]
}

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

func (l *line) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
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

// tick looks after each client once a second. It reports whether there is none.
func (l *line) tick(turn uint8) (empty bool) {
	l.mu.Lock()
	clients := l.index.list()
	at := newMark(l.last, l.pumped.Load())
	l.index.forgetGreetings(at.position)
	l.mu.Unlock()
	now := time.Now().Unix()
	for _, c := range clients {
		c.tick(now, c.turn == turn, at)
	}
	return len(clients) == 0
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
