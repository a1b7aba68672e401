package fanout

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/fanout/eventlog"
	"github.com/matchwire/matchwire/fanout/filter"
)

const (
	admitTimeout = 60 * time.Second // maximum time to admit a client, including a read of the log

	defaultTimelines           = 256 // default of Options.Timelines
	defaultTimelinesPerAddress = 32  // default of Options.TimelinesPerAddress
)

// An admission is a client that waits for a timeline.
type admission struct {
	client     *client
	filter     filter.Filter
	cursor     *broker.Cursor // cursor of the last frame that the client received; nil if it has none
	from       time.Time      // time to play back from, if cursor is nil
	pace       pace
	boards     []*eventlog.MatchState // states from scoreboards, for matches that a snapshot would lack
	boardsRead bool                   // whether readBoards was called
	result     chan outcome           // receives the result of a playback; has a capacity of 1
}

// An outcome is the result of one attempt to admit a client.
type outcome int

const (
	admitted    outcome = iota
	retry               // try again: the client's place is now in memory, or the timeline has ended
	cursorGone          // the log has no message, or a different message, at the client's cursor
	notInMemory         // the client's place is in the log but not in memory
	unavailable         // too many timelines or playbacks, an unreadable log, the time limit, or a stopping node
	addressFull         // clients with the client's address use too many timelines
)

// admit subscribes a client to a timeline. If that fails, or takes longer than admitTimeout, admit
// closes the client with closeTryLater. If the node is stopping, it closes the client with
// closeGoingAway.
func (h *Hub) admit(ctx context.Context, c *client, req request) {
	ctx, cancel := context.WithTimeout(ctx, admitTimeout)
	defer cancel()
	a := &admission{client: c, filter: req.filter, cursor: req.cursor, from: req.from, pace: req.pace,
		result: make(chan outcome, 1)}
	o := retry
	for o == retry && ctx.Err() == nil && !closed(h.stopping) {
		o = h.place(ctx, a)
	}
	switch {
	case closed(h.stopping):
		c.close(closeGoingAway, nodeStops, endNode)
	case o == addressFull:
		c.close(closeTryLater, "your address uses too many delays and playbacks; close some, then reconnect", endFull)
	case o == admitted:
		// SetLimits closes only clients that have a timeline.
		if l := h.limits.Load(); l != req.limits && !l.accept(c.credential) {
			c.close(closeToken, tokenRevoked, endToken)
		}
	default:
		c.close(closeTryLater, "too many playbacks, or the event log cannot be read; try again later", endFull)
	}
}

// place finds the client's place in the log, and subscribes the client to a timeline at this place.
func (h *Hub) place(ctx context.Context, a *admission) outcome {
	if a.cursor != nil {
		switch h.locate(ctx, *a.cursor) {
		case eventlog.InMemory:
		case eventlog.Older:
			play := h.ownPlayback
			if a.pace.live() {
				play = h.sharedPlayback
			}
			if o := play(ctx, a); o != cursorGone {
				return o
			}
			a.cursor = nil
		case eventlog.Unknown:
			a.cursor = nil
		case eventlog.Ahead:
			return unavailable // the node has not yet read the log up to the cursor
		}
	}
	if a.cursor == nil && !a.boardsRead {
		a.boards, a.boardsRead = h.readBoards(ctx, a.filter), true
	}
	t, o := h.timelineFor(a)
	switch {
	case o == notInMemory:
		return h.ownPlayback(ctx, a)
	case o != admitted:
		return o
	}
	return t.subscribe(a.client, a.filter, a.cursor, a.boards)
}

// timelineFor returns a timeline for a client. If the client has a cursor, the cursor must be in
// memory. If the timeline would start before the frames in memory, timelineFor sets a.from to the
// start and returns notInMemory. If startTimeline cannot start the timeline, timelineFor returns its
// outcome.
func (h *Hub) timelineFor(a *admission) (*timeline, outcome) {
	if a.pace.live() {
		return h.live, admitted
	}
	if t := h.delayTimeline(a.pace.delay); t != nil {
		return t, admitted
	}
	place, ok := eventlog.Place{}, true
	from := a.from
	switch {
	case a.pace.delay > 0: // not at the cursor, which may be too recent for other clients with this delay
		from = time.Now().Add(-a.pace.delay)
		place, ok = h.history.AtTime(from)
	case a.cursor != nil:
		place = h.history.AfterCursor(*a.cursor)
		from = place.Read
	default:
		place, ok = h.history.AtTime(from)
		if first := h.history.FirstRead(); ok && place.Last == broker.Start && from.Before(first) {
			from = first // the log has no earlier message
		}
	}
	if !ok {
		a.from = from
		return nil, notInMemory
	}
	t := newTimeline(h, h.history, a.pace.clock(from), place)
	if o := h.startTimeline(t, a.client.address, func() {}); o != admitted {
		return nil, o
	}
	return h.shareDelay(a.pace.delay, t), admitted // if the delay already has a timeline, t gets no clients and ends
}

// delayTimeline returns the shared timeline of a delay, or nil if there is none.
func (h *Hub) delayTimeline(d time.Duration) *timeline {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.delayTimelineLocked(d)
}

// shareDelay makes t the shared timeline of a delay, and returns t. If the delay already has a
// shared timeline, shareDelay returns this timeline instead, and t stays unshared. If d is 0, t
// stays unshared too.
func (h *Hub) shareDelay(d time.Duration, t *timeline) *timeline {
	if d == 0 {
		return t
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if other := h.delayTimelineLocked(d); other != nil {
		return other
	}
	h.delayed[d] = t
	return t
}

// delayTimelineLocked is delayTimeline with mu held.
func (h *Hub) delayTimelineLocked(d time.Duration) *timeline {
	if t := h.delayed[d]; t != nil && !t.hasEnded() {
		return t
	}
	return nil
}

// startTimeline runs a timeline in a new goroutine, for a client with the given address. It calls ended
// when the timeline has ended. It returns admitted if the timeline runs. It returns addressFull if the
// address uses too many timelines, and unavailable if there are too many of this kind or the node is
// stopping.
func (h *Hub) startTimeline(t *timeline, address string, ended func()) outcome {
	if o := h.addTimeline(t, address); o != admitted {
		return o
	}
	if !h.start(func(ctx context.Context) { defer ended(); t.run(ctx) }) {
		h.removeTimeline(t)
		return unavailable
	}
	return admitted
}

// addTimeline adds a timeline to the hub, for a client with the given address. The outcomes are those of
// startTimeline.
func (h *Hub) addTimeline(t *timeline, address string) outcome {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for o := range h.timelines {
		if o.clock.kind() == t.clock.kind() {
			n++
		}
	}
	if t.clock.kind() != immediate && n >= h.limits.Load().Timelines {
		return unavailable
	}
	if !t.hold(address) {
		return addressFull
	}
	h.timelines[t] = struct{}{}
	return admitted
}

// removeTimeline ends a timeline that has no clients, and removes it from the hub. It also removes a
// timeline that has already ended. Otherwise, and for the live timeline, it returns false.
func (h *Hub) removeTimeline(t *timeline) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t == h.live || !t.ended && t.index.clients > 0 {
		return false
	}
	t.ended = true
	t.releaseAll()
	delete(h.timelines, t)
	h.unshareDelay(t)
	return true
}

// unshareDelay ends the sharing of t, so that new clients with its delay get a different timeline.
// h.mu is held.
func (h *Hub) unshareDelay(t *timeline) {
	maps.DeleteFunc(h.delayed, func(_ time.Duration, o *timeline) bool { return o == t })
}

// allTimelines returns the timelines, in no particular order.
func (h *Hub) allTimelines() []*timeline {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.timelines))
}
