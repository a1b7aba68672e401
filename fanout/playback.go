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
	maxSharedPlaybacks = 8         // readings of the log for clients that missed more than memory holds
	maxSearches        = 8         // readings of the log for the places of other clients
	playbackBytes      = 4 << 20   // of frames that a playback is ahead of its clients
	pacedBytes         = 256 << 10 // the same, if it has a clock
	maxHoldups         = 10        // seconds that one client may hold up a playback for others
)

// errReached ends a reading of the log: the rest is in the hub's memory.
var errReached = errors.New("the rest is in memory")

// A playback reads the log again, into a history of its own, for clients whose place
// is no longer in memory. When it reaches what is in memory, its timeline goes on from
// there.
type playback struct {
	hub      *Hub
	pace     pace
	waiting  []*admission // the earliest place first
	history  *eventlog.History
	timeline *timeline // nil until the first client's place is reached
	found    func()    // called when it is, or the playback ends
	waited   time.Duration
}

// sharedPlayback sends a client that is to be live what is only in the log. Such clients
// share playbacks.
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

// runSharedPlaybacks runs playbacks while clients wait for one.
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

// ownPlayback runs a playback for one client with a delay or a speed. At most maxSearches
// look for their place at a time; more wait.
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
		return retry // another client's playback became the timeline of this delay meanwhile
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

// run reads until memory has the rest, or no client is left.
func (p *playback) run(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer p.found()
	err := p.read(ctx, stop)
	if ctx.Err() != nil {
		err = nil // its timeline has ended
	}
	if err == nil {
		p.dismiss(retry)
		return
	}
	p.hub.log.Warn("the event log cannot be read for clients that are behind", "error", err)
	p.dismiss(noRoom)
	if p.timeline != nil {
		p.hub.closeTimeline(p.timeline, closeTryLater, "the event log cannot be read now; resume by cursor")
	}
}

// read reads the log. stop ends the reading when the timeline ends.
func (p *playback) read(ctx context.Context, stop func()) error {
	first, offset := p.waiting[0], uint64(math.MaxUint64)
	if first.cursor != nil {
		offset = first.cursor.Offset
	}
	cp, err := p.hub.options.Checkpoints.Before(ctx, offset, first.from)
	if err != nil {
		p.hub.log.Warn("reading the event log from its beginning", "error", err)
	}
	limit := playbackBytes
	if !p.pace.live() {
		limit = pacedBytes
	}
	p.history = eventlog.NewHistory(limit, cp)
	for {
		err := p.hub.source.ReadLog(ctx, p.history.Last(), nil, func(at broker.Cursor, m broker.Message) error { return p.receive(ctx, at, m, stop) })
		switch {
		case errors.Is(err, broker.ErrCursorGone) && p.timeline == nil && cp.Cursor != broker.Start:
			cp = eventlog.Beginning() // the log does not reach back to the checkpoint
			p.history = eventlog.NewHistory(limit, cp)
			continue
		case !errors.Is(err, errReached):
			return err
		}
		p.dismiss(retry) // their places are in memory
		if p.timeline == nil || p.handOver(ctx) {
			return nil
		}
	}
}

// dismiss ends the waiting of all clients that are not admitted.
func (p *playback) dismiss(o outcome) {
	for _, a := range p.waiting {
		a.result <- o
	}
	p.waiting = nil
}

// receive adds a message, and waits until there is room for more.
func (p *playback) receive(ctx context.Context, at broker.Cursor, m broker.Message, stop func()) error {
	f, err := p.history.Append(at, m, false)
	if err != nil {
		p.hub.log.Debug("not an event, not framed", "key", m.Key, "cursor", at, "error", err)
	}
	p.admit(at, f, stop)
	if p.timeline == nil {
		p.history.DropAll()
		if len(p.waiting) == 0 {
			return errReached
		}
	}
	for p.timeline != nil && p.history.Full(p.timeline.needed) {
		if !p.awaitProgress(ctx) {
			return ctx.Err()
		}
	}
	if p.hub.history.Covers(eventlog.After(at)) {
		return errReached
	}
	return nil
}

// awaitProgress waits until clients may have received something. After each second of
// waiting it counts a hold-up for the slowest.
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
		p.timeline.countHoldup()
	}
	return true
}

// admit admits the clients whose place is at this message. f is its frame, nil if it
// has none.
func (p *playback) admit(at broker.Cursor, f *eventlog.Frame, stop func()) {
	for len(p.waiting) > 0 {
		a := p.waiting[0]
		o := cursorGone
		switch {
		case a.cursor != nil && at.Offset < a.cursor.Offset, a.cursor == nil && (f == nil || !f.Read.After(a.from)):
			return // not yet
		case a.cursor == nil || at == *a.cursor:
			o = p.subscribe(a, at, f, stop)
		}
		p.waiting = p.waiting[1:]
		a.result <- o
	}
}

// subscribe subscribes a client to the timeline, which begins with the first client.
func (p *playback) subscribe(a *admission, at broker.Cursor, f *eventlog.Frame, stop func()) outcome {
	if p.timeline == nil {
		from := a.from
		last, read, states := p.history.KeepAll()
		place := eventlog.Place{Position: at.Offset, Last: last, Read: read, States: states}
		switch {
		case f == nil: // not framed, or the last message of the checkpoint
			place.Position, from = eventlog.After(at), read
		case a.cursor != nil || last == broker.Start: // or there is nothing before it
			from = f.Read
		}
		t := newTimeline(p.hub, p.history, p.pace.clock(from), place)
		t.patient = p.pace.live()
		if !p.hub.startTimeline(t, stop) {
			return noRoom
		}
		p.timeline = t
		p.hub.shareDelay(p.pace.delay, t) // or t stays this client's own
		p.found()
	}
	return p.timeline.subscribe(a.client, a.filter, a.cursor)
}

// handOver replaces the playback's history by the hub's, when that has all that a
// client still needs. It reports false if the hub's no longer has what follows: then
// the log must be read further.
func (p *playback) handOver(ctx context.Context) bool {
	for {
		over := false
		if !p.timeline.betweenRounds(ctx, func() { over = p.replaceHistory() }) || over {
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

// replaceHistory is called between rounds. A timeline without a clock ends: its clients
// move to the live one.
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

// needed returns the position before which no client needs a frame any more.
func (t *timeline) needed() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	least, _ := t.slowest()
	return least
}

// countHoldup counts a hold-up for each of the slowest clients, and closes those with
// too many. A client without others holds up nobody.
func (t *timeline) countHoldup() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.index.clients < 2 {
		return
	}
	_, slowest := t.slowest()
	for _, c := range slowest {
		c.mu.Lock()
		if c.holdups++; c.holdups > maxHoldups && !c.closing && !c.shut {
			c.tooSlow()
		}
		c.mu.Unlock()
	}
}

// slowest returns the least position of all clients, and the clients there if they are
// behind the timeline. mu is held.
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
