package fanout

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/fanout/eventlog"
	"github.com/matchwire/matchwire/internal/quota"
)

const (
	maxSharedPlaybacks = 8         // maximum number of shared playbacks at a time; half as many for one address
	maxSearches        = 8         // maximum number of unshared playbacks at a time that have no timeline yet
	playbackBytes      = 4 << 20   // approximate number of bytes that a live playback reads ahead of its clients
	pacedBytes         = 256 << 10 // the same for a playback with a delay or a speed
	maxStallSeconds    = 10        // maximum time, in seconds, that one client may stall a playback with other clients
)

// errInMemory ends a read of the log, because the rest of the log is in memory or no client is left.
var errInMemory = errors.New("the rest of the log is in memory")

// A playback reads the log again for clients whose place is no longer in memory. It has its own
// history. When the playback reaches the part of the log that is in memory, its clients continue
// with the history of the hub.
type playback struct {
	hub      *Hub
	pace     pace
	waiting  []*admission // clients that are not admitted, the earliest place first
	history  *eventlog.History
	timeline *timeline     // nil until the playback reaches the place of the first client
	found    func()        // called when the timeline starts, and again when the playback ends
	waited   time.Duration // time that awaitProgress has waited since the last stall
}

// sharedPlayback admits a client that has no delay or speed, and whose cursor is only in the log.
// Such clients share playbacks.
func (h *Hub) sharedPlayback(ctx context.Context, a *admission) outcome {
	h.mu.Lock()
	h.behind = append(h.behind, a)
	room := h.playbacks < maxSharedPlaybacks
	if room {
		h.playbacks++
	}
	h.mu.Unlock()
	if room && !h.start(h.runSharedPlaybacks) {
		return unavailable
	}
	o := a.await(ctx)
	if o == unavailable {
		h.mu.Lock()
		h.behind = slices.DeleteFunc(h.behind, func(other *admission) bool { return other == a })
		h.mu.Unlock()
	}
	return o
}

// takeBehind removes clients from h.behind for a shared playback, and returns them with their
// addresses. If an address has clients in too many playbacks, its other clients stay in h.behind. The
// goroutine of one of these playbacks calls takeBehind again when the playback has ended. mu is held.
func (h *Hub) takeBehind() (clients []*admission, addresses map[string]bool) {
	addresses = map[string]bool{}
	h.behind = slices.DeleteFunc(h.behind, func(a *admission) bool {
		address := a.client.address
		if !addresses[address] && h.catchingUp.Take(address) != quota.Taken {
			return false
		}
		addresses[address] = true
		clients = append(clients, a)
		return true
	})
	return clients, addresses
}

// runSharedPlaybacks runs one playback after the other, until takeBehind returns no clients.
func (h *Hub) runSharedPlaybacks(ctx context.Context) {
	for {
		h.mu.Lock()
		behind, addresses := h.takeBehind()
		if len(behind) == 0 {
			h.playbacks--
			h.mu.Unlock()
			return
		}
		h.mu.Unlock()
		slices.SortFunc(behind, func(a, b *admission) int { return cmp.Compare(a.cursor.Offset, b.cursor.Offset) })
		(&playback{hub: h, waiting: behind, found: func() {}}).run(ctx)
		for address := range addresses {
			h.catchingUp.Release(address)
		}
	}
}

// ownPlayback admits a client with a delay or a speed, with an unshared playback. It first waits
// while maxSearches such playbacks have no timeline yet. Of the waiting clients, a client of the address
// with the fewest such playbacks is next.
func (h *Hub) ownPlayback(ctx context.Context, a *admission) outcome {
	address := a.client.address
	if !h.searches.Wait(ctx, h.stopping, address) {
		return unavailable
	}
	if a.cursor == nil && h.delayTimeline(a.pace.delay) != nil {
		h.searches.Release(address)
		return retry // meanwhile, a playback for another client has started the timeline of this delay
	}
	p := &playback{hub: h, pace: a.pace, waiting: []*admission{a},
		found: sync.OnceFunc(func() { h.searches.Release(address) })}
	if !h.start(p.run) {
		p.found()
		return unavailable
	}
	return a.await(ctx)
}

// await waits for the result of a playback. It returns unavailable if ctx ends or the node is
// stopping.
func (a *admission) await(ctx context.Context) outcome {
	select {
	case o := <-a.result:
		return o
	case <-a.client.hub.stopping:
	case <-ctx.Done():
	}
	return unavailable
}

// run reads the log until the rest is in memory or no client is left. If the log cannot be read, run
// closes the clients.
func (p *playback) run(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer p.found()
	err := p.read(ctx, stop)
	if ctx.Err() != nil {
		err = nil // the timeline has ended
	}
	if err == nil {
		p.finishWaiting(retry)
		return
	}
	p.hub.log.Warn("playback failed, the event log cannot be read", "error", err)
	p.finishWaiting(unavailable)
	if p.timeline != nil {
		p.hub.closeTimeline(p.timeline, closeTryLater, "the event log cannot be read now; reconnect with your cursor")
	}
}

// read reads the log for the playback. stop, which ends ctx, is called when the timeline ends.
func (p *playback) read(ctx context.Context, stop func()) error {
	first, offset := p.waiting[0], uint64(math.MaxUint64)
	if first.cursor != nil {
		offset = first.cursor.Offset
	}
	cp, err := p.hub.options.Checkpoints.Before(ctx, offset, first.from)
	if err != nil {
		p.hub.log.Warn("checkpoint not read, reading the event log from its beginning", "error", err)
	}
	limit := playbackBytes
	if !p.pace.live() {
		limit = pacedBytes
	}
	p.history = eventlog.NewHistory(limit, cp.WithMatches(p.hub.options.SnapshotMatches))
	for {
		err := p.hub.source.ReadLog(ctx, p.history.Last(), nil, func(at broker.Cursor, m broker.Message) error {
			return p.receive(ctx, at, m, stop)
		})
		switch {
		case errors.Is(err, broker.ErrCursorGone) && p.timeline == nil && cp.Cursor != broker.Start:
			cp = eventlog.Beginning() // the log no longer has the message of the checkpoint
			p.history = eventlog.NewHistory(limit, cp.WithMatches(p.hub.options.SnapshotMatches))
			continue
		case !errors.Is(err, errInMemory):
			return err
		}
		p.finishWaiting(retry) // the places of these clients are in memory
		if p.timeline == nil || p.switchHistory(ctx) {
			return nil
		}
	}
}

// finishWaiting sends an outcome to all clients that are not admitted.
func (p *playback) finishWaiting(o outcome) {
	for _, a := range p.waiting {
		a.result <- o
	}
	p.waiting = nil
}

// receive appends a message to the history, admits clients, and waits until the history has room.
// It returns errInMemory when the playback can stop reading.
func (p *playback) receive(ctx context.Context, at broker.Cursor, m broker.Message, stop func()) error {
	f, err := p.history.Append(at, m, false)
	if err != nil {
		p.hub.log.Debug("message skipped, it is not an event", "key", m.Key, "cursor", at, "error", err)
	}
	p.admit(at, f, stop)
	if p.timeline == nil {
		p.history.DropAll()
		if len(p.waiting) == 0 {
			return errInMemory
		}
	}
	for p.timeline != nil && p.history.Shrink(p.timeline.needed) {
		if !p.awaitProgress(ctx) {
			return ctx.Err()
		}
	}
	if p.hub.history.Covers(eventlog.After(at)) {
		return errInMemory
	}
	return nil
}

// awaitProgress waits until clients may have received something, but at most a second. After each
// second of waiting, summed over the calls, it counts a stall of the slowest clients. It returns
// false if ctx ends.
func (p *playback) awaitProgress(ctx context.Context) bool {
	began := time.Now()
	second := time.NewTimer(time.Second - p.waited)
	defer second.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-p.timeline.progress:
		p.waited = min(p.waited+time.Since(began), time.Second)
	case <-second.C:
		p.waited = 0
		p.timeline.countStall()
	}
	return true
}

// admit admits the waiting clients that start at the latest message. at is the cursor of the message.
// f is the frame of the message, or nil if the message has no frame. Clients whose cursor is not in
// the log get the outcome cursorGone.
func (p *playback) admit(at broker.Cursor, f *eventlog.Frame, stop func()) {
	for len(p.waiting) > 0 {
		a := p.waiting[0]
		o := cursorGone
		switch {
		case a.cursor != nil && at.Offset < a.cursor.Offset,
			a.cursor == nil && (f == nil || !f.Read.After(a.from)):
			return // the place is later in the log
		case a.cursor == nil || at == *a.cursor:
			o = p.subscribe(a, at, f, stop)
		}
		p.waiting = p.waiting[1:]
		a.result <- o
	}
}

// subscribe subscribes a client to the timeline. For the first client, subscribe starts the timeline.
func (p *playback) subscribe(a *admission, at broker.Cursor, f *eventlog.Frame, stop func()) outcome {
	if p.timeline == nil {
		from := a.from
		last, read, states := p.history.KeepAll()
		place := eventlog.Place{Position: at.Offset, Last: last, Read: read, States: states}
		switch {
		case f == nil: // an unframed message, or the message of the checkpoint
			place.Position, from = eventlog.After(at), read
		case a.cursor != nil || last == broker.Start: // at the cursor, or at the first message of the log
			from = f.Read
		}
		t := newTimeline(p.hub, p.history, p.pace.clock(from), place)
		t.allowSlow = p.pace.live()
		if o := p.hub.startTimeline(t, a.client.address, stop); o != admitted {
			return o
		}
		p.timeline = t
		p.hub.shareDelay(p.pace.delay, t) // if the delay already has a shared timeline, t stays unshared
		p.found()
	}
	return p.timeline.subscribe(a.client, a.filter, a.cursor, a.boards)
}

// switchHistory waits until the history of the hub has all frames that the clients still need, and
// then calls replaceHistory. It returns false if the hub no longer has the frames that follow the
// frames of the playback. Then the playback must continue to read. If ctx ends, switchHistory
// returns true.
func (p *playback) switchHistory(ctx context.Context) bool {
	for {
		replaced := false
		if !p.timeline.betweenRounds(ctx, func() { replaced = p.replaceHistory() }) || replaced {
			return true
		}
		if !p.hub.history.Covers(eventlog.After(p.history.Last())) {
			return false
		}
		if !p.awaitProgress(ctx) {
			return true
		}
	}
}

// replaceHistory makes the timeline use the history of the hub. If the pace is live, it moves the
// clients to the live timeline. replaceHistory returns false if the history of the hub does not have
// all frames that the clients need. Call it between rounds only.
func (p *playback) replaceHistory() bool {
	t := p.timeline
	if !p.hub.history.Covers(t.needed()) {
		return false
	}
	t.history.Store(p.hub.history)
	if p.pace.live() {
		t.moveTo(p.hub.live)
	}
	return true
}

// needed returns the position of the first frame that clients may still need.
func (t *timeline) needed() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	least, _ := t.slowest()
	return least
}

// countStall adds a second to the stalls of the slowest clients. It calls tooSlow for a client with
// more than maxStallSeconds. It does nothing if the timeline has only one client.
func (t *timeline) countStall() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.index.clients < 2 {
		return
	}
	_, slowest := t.slowest()
	for _, c := range slowest {
		c.mu.Lock()
		if c.stalls++; c.stalls > maxStallSeconds && !c.closing && !c.aborted {
			c.tooSlow()
		}
		c.mu.Unlock()
	}
}

// slowest returns the lowest of the positions of the timeline and of its draining clients. If this
// position is behind the timeline, slowest also returns the clients at this position. mu is held.
func (t *timeline) slowest() (least uint64, clients []*client) {
	least = t.position.Load()
	for _, c := range t.index.list() {
		c.mu.Lock()
		if c.draining && !c.closing && c.next <= least {
			if c.next < least {
				least, clients = c.next, nil
			}
			if c.next < t.position.Load() {
				clients = append(clients, c)
			}
		}
		c.mu.Unlock()
	}
	return least, clients
}
