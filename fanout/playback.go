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
)

const (
	maxSharedPlaybacks = 8         // shared playbacks at a time
	maxSearches        = 8         // unshared playbacks that have not found their place, at a time
	playbackBytes      = 4 << 20   // bytes of frames that a playback reads ahead of its clients
	pacedBytes         = 256 << 10 // the same for a playback with a delay or a speed
	maxStallSeconds    = 10        // seconds that one client may stall a playback with other clients
)

// errInMemory ends a playback: the hub has the rest of the log in memory.
var errInMemory = errors.New("the rest of the log is in memory")

// A playback reads the log again for clients whose place is no longer in memory. It has its own
// history. When it reaches the part of the log in memory, its clients continue with the history of
// the hub.
type playback struct {
	hub      *Hub
	pace     pace
	waiting  []*admission // clients that are not admitted, the earliest place first
	history  *eventlog.History
	timeline *timeline     // nil until the playback reaches the place of the first client
	found    func()        // called when the playback reaches that place, or ends
	waited   time.Duration // how long awaitProgress has waited since the last stall
}

// sharedPlayback admits a client without a delay or speed whose cursor is only in the log. Such
// clients share playbacks.
func (h *Hub) sharedPlayback(ctx context.Context, a *admission) outcome {
	h.mu.Lock()
	h.behind = append(h.behind, a)
	room := h.playbacks < maxSharedPlaybacks
	if room {
		h.playbacks++
	}
	h.mu.Unlock()
	if room && !h.start(h.runSharedPlaybacks) {
		return noRoom
	}
	return a.await(ctx)
}

// runSharedPlaybacks runs one playback after the other while clients wait for one.
func (h *Hub) runSharedPlaybacks(ctx context.Context) {
	for {
		h.mu.Lock()
		behind := h.behind
		h.behind = nil
		if len(behind) == 0 {
			h.playbacks--
			h.mu.Unlock()
			return
		}
		h.mu.Unlock()
		slices.SortFunc(behind, func(a, b *admission) int { return cmp.Compare(a.cursor.Offset, b.cursor.Offset) })
		(&playback{hub: h, waiting: behind, found: func() {}}).run(ctx)
	}
}

// ownPlayback runs a playback for one client with a delay or a speed. It waits while maxSearches
// playbacks are looking for their place.
func (h *Hub) ownPlayback(ctx context.Context, a *admission) outcome {
	select {
	case h.searches <- struct{}{}:
	case <-h.stopping:
		return noRoom
	case <-ctx.Done():
		return noRoom
	}
	if a.cursor == nil && h.delayTimeline(a.pace.delay) != nil {
		<-h.searches
		return retry // meanwhile a playback for another client became the timeline of this delay
	}
	p := &playback{hub: h, pace: a.pace, waiting: []*admission{a}, found: sync.OnceFunc(func() { <-h.searches })}
	if !h.start(p.run) {
		p.found()
		return noRoom
	}
	return a.await(ctx)
}

// await waits for the result of a playback.
func (a *admission) await(ctx context.Context) outcome {
	select {
	case o := <-a.result:
		return o
	case <-a.client.hub.stopping:
	case <-ctx.Done():
	}
	return noRoom
}

// run reads the log until the rest is in memory or no client is left.
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
	p.finishWaiting(noRoom)
	if p.timeline != nil {
		p.hub.closeTimeline(p.timeline, closeTryLater, "the event log cannot be read now; reconnect with your cursor")
	}
}

// read reads the log. When the timeline ends, it calls stop, which ends ctx.
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
	p.history = eventlog.NewHistory(limit, cp)
	for {
		err := p.hub.source.ReadLog(ctx, p.history.Last(), nil, func(at broker.Cursor, m broker.Message) error {
			return p.receive(ctx, at, m, stop)
		})
		switch {
		case errors.Is(err, broker.ErrCursorGone) && p.timeline == nil && cp.Cursor != broker.Start:
			cp = eventlog.Beginning() // the log no longer has the message of the checkpoint
			p.history = eventlog.NewHistory(limit, cp)
			continue
		case !errors.Is(err, errInMemory):
			return err
		}
		p.finishWaiting(retry) // their places are in memory
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

// receive adds a message to the history, admits clients, and waits until the history has room.
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

// awaitProgress waits until clients may have received something. After each second of waiting, it
// counts a stall of the slowest clients. It reports false if ctx ends.
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

// admit admits the clients whose place is at the message at a cursor. f is the frame of the
// message, or nil if it has none.
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

// subscribe subscribes a client to the timeline. For the first client, it starts the timeline.
func (p *playback) subscribe(a *admission, at broker.Cursor, f *eventlog.Frame, stop func()) outcome {
	if p.timeline == nil {
		from := a.from
		last, read, states := p.history.KeepAll()
		place := eventlog.Place{Position: at.Offset, Last: last, Read: read, States: states}
		switch {
		case f == nil: // an unframed message, or the one of the checkpoint
			place.Position, from = eventlog.After(at), read
		case a.cursor != nil || last == broker.Start: // at the cursor, or at the first message of the log
			from = f.Read
		}
		t := newTimeline(p.hub, p.history, p.pace.clock(from), place)
		t.allowSlow = p.pace.live()
		if !p.hub.startTimeline(t, stop) {
			return noRoom
		}
		p.timeline = t
		p.hub.shareDelay(p.pace.delay, t) // if the delay already has a shared timeline, t stays unshared
		p.found()
	}
	return p.timeline.subscribe(a.client, a.filter, a.cursor)
}

// switchHistory waits until the history of the hub has all frames that the clients still need, and
// switches the timeline to it. It reports false if the hub no longer has the frames after the
// playback's. Then the playback must continue to read.
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

// replaceHistory makes the timeline use the history of the hub, if that has all frames that the
// clients need. If the pace is live, it moves the clients to the live timeline instead. Call it
// between rounds only.
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

// needed returns the position from which on clients still need frames.
func (t *timeline) needed() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	least, _ := t.slowest()
	return least
}

// countStall adds a second to the stalls of the slowest clients, and closes those with too many. It
// does nothing if the timeline has only one client.
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

// slowest returns the lowest position of all clients. If it is behind the timeline, slowest also
// returns the clients at this position. mu is held.
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
