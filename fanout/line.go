package fanout

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/matchwire/matchwire/broker"
)

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
	last   broker.Cursor
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
func newLine(hub *Hub, h *history, c clock, position uint64, last broker.Cursor, states matches) *line {
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
		_, grown := l.history.Load().end()
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
		return l == l.hub.live, 0
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

func (l *line) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}
