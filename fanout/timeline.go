package fanout

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/fanout/eventlog"
	"github.com/matchwire/matchwire/fanout/internal/wire"
)

// A timeline sends the frames of a history to its clients, when its clock says that
// they are due: the live timeline at once, that of a delay some seconds later.
//
// Locks are taken in the order Hub.mu, timeline.mu, client.mu. Only moveTo holds those of
// two timelines.
type timeline struct {
	hub     *Hub
	clock   clock
	history atomic.Pointer[eventlog.History]
	// position is where the timeline is: clients that are not behind have received what
	// they want before it. It is written with mu held.
	position atomic.Uint64
	patient  bool // no client is too slow for it

	mu     sync.Mutex
	states eventlog.States // at position
	last   broker.Cursor   // of the frame before position
	index  index
	ended  bool // no client can subscribe any more

	jobs     chan func()   // for run to call between rounds
	progress chan struct{} // holds a token when clients may have received something

	buffers roundBuffers // of run
}

// newTimeline returns a timeline that begins at a place of a history.
func newTimeline(hub *Hub, h *eventlog.History, c clock, at eventlog.Place) *timeline {
	t := &timeline{hub: hub, clock: c, states: at.States, last: at.Last, index: newIndex(), jobs: make(chan func()), progress: make(chan struct{}, 1)}
	t.history.Store(h)
	t.position.Store(at.Position)
	return t
}

// run sends what is due until ctx ends. A timeline other than the live one also ends
// when it has had no clients for a second.
func (t *timeline) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	due := time.NewTimer(time.Hour)
	defer due.Stop()
	idle, second := false, uint8(0)
	for {
		_, grown := t.history.Load().End()
		more, wait := t.round()
		signal(t.progress)
		if wait > 0 {
			due.Reset(wait)
		}
		var again <-chan struct{}
		if more {
			again = always // the other cases have their chance, too
		}
		select {
		case <-ctx.Done():
			return
		case <-again:
		case <-grown:
		case <-due.C:
		case job := <-t.jobs:
			if job(); t.hasEnded() {
				t.hub.removeTimeline(t)
				return
			}
		case <-tick.C:
			second = (second + 1) % pingInterval
			empty := t.tick(second)
			if empty && idle && t.hub.removeTimeline(t) {
				return
			}
			idle = empty
		}
	}
}

// always is a channel that is always ready.
var always = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// betweenRounds has run call do between two rounds. Then a client that is not behind
// has received what it wants before position. It reports false if ctx ends first.
func (t *timeline) betweenRounds(ctx context.Context, do func()) bool {
	done := make(chan struct{})
	select {
	case t.jobs <- func() { do(); close(done) }:
		<-done
		return true
	case <-ctx.Done():
		return false
	}
}

// tick checks the clients that are pinged in this second of pingInterval. If tokens
// may expire it checks all clients. It reports whether there is none at all.
func (t *timeline) tick(second uint8) (empty bool) {
	t.mu.Lock()
	clients := append([]*client(nil), t.index.pings[second]...)
	if t.hub.options.Tokens != nil {
		clients = t.index.list()
	}
	at := newCursorFrame(t.last, t.position.Load())
	t.index.dropSnapshots(at.position)
	empty = t.index.clients == 0
	t.mu.Unlock()
	now := time.Now().Unix()
	for _, c := range clients {
		c.check(now, c.pingSecond == second, at)
	}
	return empty
}

// A cursorFrame tells a client where its timeline is.
type cursorFrame struct {
	last     broker.Cursor
	position uint64
	bytes    [wire.Codecs][]byte
}

func newCursorFrame(last broker.Cursor, position uint64) *cursorFrame {
	f := &cursorFrame{last: last, position: position}
	for c := range wire.Codecs {
		f.bytes[c] = wire.Cursor(last, c)
	}
	return f
}

func (t *timeline) hasEnded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}
