package fanout

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/fanout/eventlog"
	"github.com/matchwire/matchwire/fanout/internal/wire"
	"github.com/matchwire/matchwire/internal/quota"
)

// A timeline sends the frames of a history to its clients when its clock shows that the frames are
// due. The live timeline sends each frame at once.
//
// The lock order is Hub.mu, timeline.mu, client.mu. Only moveTo locks two timelines at the same time.
type timeline struct {
	hub     *Hub
	clock   clock
	history atomic.Pointer[eventlog.History]
	// position is the log position of the timeline. Clients that are not behind have received
	// everything before this position. mu is held when position is written.
	position  atomic.Uint64
	allowSlow bool // clients are not closed for being too slow

	mu     sync.Mutex
	states eventlog.States // states of all matches at position
	last   broker.Cursor   // cursor of the frame before position
	index  index           // the clients
	ended  bool            // clients can no longer subscribe
	// holders maps each address to its number of clients; nil unless the timeline has a delay or a speed.
	// Each of these addresses holds a unit of Hub.held. When the last client leaves, its address keeps
	// the unit until the timeline ends or another client joins. So an address cannot start many
	// timelines one after the other.
	holders map[string]int

	jobs     chan func()   // functions for run to call between rounds
	progress chan struct{} // holds a value when clients may have received something

	buffers roundBuffers // used by run only
}

// newTimeline returns a timeline that starts at a place in a history.
func newTimeline(hub *Hub, h *eventlog.History, c clock, at eventlog.Place) *timeline {
	t := &timeline{hub: hub, clock: c, states: at.States, last: at.Last, index: newIndex(),
		jobs: make(chan func()), progress: make(chan struct{}, 1)}
	if !c.live() {
		t.holders = map[string]int{}
	}
	t.history.Store(h)
	t.position.Store(at.Position)
	return t
}

// hold takes a unit of Hub.held for an address, if the address does not hold one for this timeline. It
// returns false if the address holds too many. mu is held, or no other goroutine has the timeline.
func (t *timeline) hold(address string) bool {
	if t.holders == nil {
		return true
	}
	if _, ok := t.holders[address]; !ok {
		if t.hub.held.Take(address) != quota.Taken {
			return false
		}
		t.holders[address] = 0
	}
	return true
}

// join counts a client with an address that holds the timeline. If the timeline has no other clients,
// join releases the units of all other addresses. Call join before the client is in the index. mu is
// held.
func (t *timeline) join(address string) {
	if t.holders == nil {
		return
	}
	t.holders[address]++
	if t.index.clients > 0 {
		return
	}
	for other, clients := range t.holders { // the address that started the timeline, or left it last
		if clients == 0 {
			t.release(other)
		}
	}
}

// leave records that a client with an address has left. Call it when the client is no longer in the
// index. mu is held.
func (t *timeline) leave(address string) {
	if _, ok := t.holders[address]; !ok {
		return
	}
	if t.holders[address]--; t.holders[address] == 0 && t.index.clients > 0 {
		t.release(address)
	}
}

// release returns the unit of an address. mu is held.
func (t *timeline) release(address string) {
	delete(t.holders, address)
	t.hub.held.Release(address)
}

// releaseAll returns the units of all addresses, because the timeline has ended. mu is held.
func (t *timeline) releaseAll() {
	for address := range t.holders {
		t.release(address)
	}
}

// run sends frames when they are due, until ctx ends or a job ends the timeline. A timeline other
// than the live timeline also ends after one or two seconds without clients.
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
			again = always // select still serves the other cases, because it chooses at random
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

// betweenRounds lets run call the function do between two rounds, and waits until do has returned.
// During the call, clients that are not behind have received everything before position.
// betweenRounds returns false if ctx ends first.
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

// tick pings the clients whose pings are due in this second of pingInterval. If clients need tokens,
// tick also closes all clients whose token has expired. It reports whether the timeline has no
// clients.
func (t *timeline) tick(second uint8) (empty bool) {
	t.mu.Lock()
	clients := append([]*client(nil), t.index.pings[second]...)
	if t.hub.limits.Load().Tokens != nil {
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

// A cursorFrame is a frame that contains only the cursor of a timeline.
type cursorFrame struct {
	last     broker.Cursor       // the cursor: timeline.last
	position uint64              // timeline.position
	bytes    [wire.Codecs][]byte // the frame, encoded for each codec
}

func newCursorFrame(last broker.Cursor, position uint64) *cursorFrame {
	f := &cursorFrame{last: last, position: position}
	for c := range wire.Codecs {
		f.bytes[c] = wire.Cursor(last, c)
	}
	return f
}

// hasEnded reports whether clients can no longer subscribe.
func (t *timeline) hasEnded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}
