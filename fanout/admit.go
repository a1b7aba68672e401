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
	admitTimeout = 60 * time.Second // for reading the log up to the place of a client
	maxTimelines = 256              // bound of the timelines of delays, and of those with a speed
)

// An admission is a client that waits for a timeline.
type admission struct {
	client *client
	filter filter.Filter
	cursor *broker.Cursor // of the last frame that the client received; nil if there is none
	from   time.Time      // if there is no cursor: the time to play back from
	pace   pace
	result chan outcome // receives the result of a playback; has a capacity of 1
}

// An outcome is the result of one attempt to admit a client.
type outcome int

const (
	admitted    outcome = iota
	retry               // the place is now in memory, or the timeline has ended
	cursorGone          // the log has no message, or a different one, at the cursor
	notInMemory         // the place is in the log but not in memory
	noRoom              // there are too many timelines or playbacks, or the log cannot be read
)

// admit subscribes a client to a timeline. If it cannot within admitTimeout, it closes the client
// with 1013.
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
	case o != admitted:
		c.close(closeTryLater, "too many playbacks, or the event log cannot be read; try again later", endFull)
	}
}

// place finds the place of a client in the log and subscribes the client to a timeline there.
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
			return noRoom // the log has the cursor, but this node cannot read up to it now
		}
	}
	t, o := h.timelineFor(a)
	switch {
	case o == notInMemory:
		return h.ownPlayback(ctx, a)
	case o != admitted:
		return o
	}
	return t.subscribe(a.client, a.filter, a.cursor)
}

// timelineFor returns the timeline for a client. If the client has a cursor, the cursor is in
// memory. The outcome is notInMemory if the timeline would start before the frames in memory. It is
// noRoom if there are too many timelines.
func (h *Hub) timelineFor(a *admission) (*timeline, outcome) {
	if a.pace.live() {
		return h.live, admitted
	}
	if t := h.findDelay(a.pace.delay); t != nil {
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
			from = first // there is nothing before it
		}
	}
	if !ok {
		a.from = from
		return nil, notInMemory
	}
	t := newTimeline(h, h.history, a.pace.clock(from), place)
	if !h.startTimeline(t, func() {}) {
		return nil, noRoom
	}
	return h.shareDelay(a.pace.delay, t), admitted // if it returns another one, t ends without clients
}

// findDelay returns the shared timeline of a delay, or nil if there is none.
func (h *Hub) findDelay(d time.Duration) *timeline {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.delayTimeline(d)
}

// shareDelay makes t the shared timeline of a delay and returns it. If the delay already has a
// shared timeline, shareDelay returns that one. If d is 0, it returns t, which stays unshared.
func (h *Hub) shareDelay(d time.Duration, t *timeline) *timeline {
	if d == 0 {
		return t
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if other := h.delayTimeline(d); other != nil {
		return other
	}
	h.delayed[d] = t
	return t
}

// delayTimeline is findDelay with mu held.
func (h *Hub) delayTimeline(d time.Duration) *timeline {
	if t := h.delayed[d]; t != nil && !t.hasEnded() {
		return t
	}
	return nil
}

// startTimeline runs a timeline in a new goroutine, which calls ended at the end. It reports false
// if there are too many timelines or the node is stopping.
func (h *Hub) startTimeline(t *timeline, ended func()) bool {
	if !h.addTimeline(t) {
		return false
	}
	if !h.start(func(ctx context.Context) { defer ended(); t.run(ctx) }) {
		h.removeTimeline(t)
		return false
	}
	return true
}

// addTimeline reports false if there are too many timelines of the same kind.
func (h *Hub) addTimeline(t *timeline) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for o := range h.timelines {
		if o.clock.kind() == t.clock.kind() {
			n++
		}
	}
	if t.clock.kind() != immediate && n >= maxTimelines {
		return false
	}
	h.timelines[t] = struct{}{}
	return true
}

// removeTimeline ends and removes a timeline that has no clients. It reports false for the live
// timeline, and for a timeline with clients that has not ended.
func (h *Hub) removeTimeline(t *timeline) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t == h.live || !t.ended && t.index.clients > 0 {
		return false
	}
	t.ended = true
	delete(h.timelines, t)
	h.forgetDelay(t)
	return true
}

// forgetDelay makes t unshared, so that no other client joins it. mu is held.
func (h *Hub) forgetDelay(t *timeline) {
	maps.DeleteFunc(h.delayed, func(_ time.Duration, o *timeline) bool { return o == t })
}

func (h *Hub) allTimelines() []*timeline {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.timelines))
}
