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
	admitTimeout = 60 * time.Second // until the log is read up to a client's place
	maxTimelines = 256              // of delays, and of playbacks
)

// An admission is a client on its way to a timeline.
type admission struct {
	client *client
	filter filter.Filter
	cursor *broker.Cursor // of the last frame that the client received; nil: none
	from   time.Time      // without a cursor: the time to play back from
	pace   pace
	result chan outcome // of a playback; holds one
}

// An outcome is the result of one attempt to admit a client.
type outcome int

const (
	admitted    outcome = iota
	retry               // the place is in memory now, or the timeline has ended
	cursorGone          // the log does not hold the cursor
	notInMemory         // only the log has the place where the timeline begins
	noRoom              // for another timeline or reading of the log, or the log cannot be read
)

// admit subscribes a client to a timeline. If there is no room it closes the client
// with 1013.
func (h *Hub) admit(ctx context.Context, c *client, req request) {
	ctx, cancel := context.WithTimeout(ctx, admitTimeout)
	defer cancel()
	a := &admission{client: c, filter: req.filter, cursor: req.cursor, from: req.from, pace: req.pace, result: make(chan outcome, 1)}
	o := retry
	for o == retry && ctx.Err() == nil && !closed(h.stopping) {
		o = h.place(ctx, a)
	}
	switch {
	case closed(h.stopping):
		c.close(closeGoingAway, nodeStops, endNode)
	case o != admitted:
		c.close(closeTryLater, "no room for another reading of the log, or the log cannot be read now", endFull)
	}
}

// place finds the client's place in the log, and subscribes it to a timeline there.
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
			return noRoom // the log holds it, and this node cannot read that far now
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

// timelineFor returns the timeline for a client whose cursor, if it has one, is in
// memory. The outcome is notInMemory if the timeline's place is only in the log, and
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
	case a.pace.delay > 0: // not at the cursor: others of this delay may not have received it yet
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
	return h.shareDelay(a.pace.delay, t), admitted // if that is another, t ends: it has no clients
}

// findDelay returns the timeline where clients join a delay, nil if there is none.
func (h *Hub) findDelay(d time.Duration) *timeline {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.delayTimeline(d)
}

// shareDelay lets clients join a delay on t, unless they join it on another timeline,
// made at the same time. It returns the timeline where they join. Without a delay that
// is t, and no other client joins it.
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

// startTimeline starts a timeline, and calls ended when it has ended. It reports
// false if there are too many, or the node stops.
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

// removeTimeline removes a timeline that has no clients, unless it is the live one.
// It reports whether the timeline has ended.
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

// forgetDelay lets no client join t by its delay. mu is held.
func (h *Hub) forgetDelay(t *timeline) {
	maps.DeleteFunc(h.delayed, func(_ time.Duration, o *timeline) bool { return o == t })
}

func (h *Hub) allTimelines() []*timeline {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.timelines))
}
