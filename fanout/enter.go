package fanout

import (
	"context"
	"errors"
	"time"

	"github.com/matchwire/matchwire/broker"
)

// enter gives a client its place: on the live line, or on another.
func (h *Hub) enter(c *client, ask request) {
	ctx, cancel := context.WithTimeout(h.ctx, arriveWithin)
	defer cancel()
	o := h.seat(ctx, c, ask)
	for o == again && ctx.Err() == nil && !h.stopped.Load() {
		time.Sleep(10 * time.Millisecond)
		o = h.seat(ctx, c, ask)
	}
	switch {
	case h.stopped.Load():
		c.close(closeGoingAway, nodeStops, endNode)
	case o != taken:
		c.close(closeTryLater, "there is no room for a reading of the log now, or it cannot be read", endFull)
	}
}

func (h *Hub) seat(ctx context.Context, c *client, ask request) outcome {
	a := &arrival{client: c, wants: ask.wants, done: make(chan outcome, 1)}
	if ask.cursor != nil {
		switch h.find(ctx, *ask.cursor) {
		case here:
			a.cursor = ask.cursor
		case before:
			a.cursor = ask.cursor
			o := h.catchUp(ctx, a, ask.pace)
			if o == missing {
				ask.cursor = nil
				return h.seat(ctx, c, ask)
			}
			return o
		case beyond:
			return full // the log has it, and this node cannot read that far now
		}
	}
	l, o := h.lineFor(a, ask)
	if o == before {
		if a.from = ask.from; ask.pace.delay > 0 {
			a.from = time.Now().Add(-ask.pace.delay)
		}
		return h.playFor(ctx, a, ask.pace)
	}
	if l == nil {
		return full
	}
	ok, err := l.add(c, ask.wants, a.cursor)
	switch {
	case err != nil:
		h.log.Error("client not taken", "error", err)
		return full
	case !ok:
		return again
	}
	return taken
}

// find is where a cursor stands. One that another node gave out a moment ago may
// be ahead of what has been read here; beyond says that it is still after some
// seconds.
func (h *Hub) find(ctx context.Context, c broker.Cursor) place {
	patience := time.NewTimer(leadOf)
	defer patience.Stop()
	for {
		_, grown := h.history.end()
		if p := h.history.find(c); p != beyond {
			return p
		}
		select {
		case <-grown:
			continue
		case <-patience.C:
		case <-ctx.Done():
		}
		break
	}
	ctx, cancel := context.WithTimeout(ctx, leadOf)
	defer cancel()
	err := h.source.ReadLog(ctx, c, nil, func(broker.Cursor, broker.Message) error { return errReached })
	if errors.Is(err, broker.ErrCursorGone) {
		return gone
	}
	return beyond
}

// lineFor is the line for what a client asks, whose cursor, if it has one, is in
// memory. before says that the line's place is not; nil that there are too many.
func (h *Hub) lineFor(a *arrival, ask request) (*line, place) {
	if ask.pace.live() {
		return h.live, here
	}
	if l := h.delayLine(ask.pace.delay, nil); l != nil {
		return l, here
	}
	var position uint64
	var last broker.Cursor
	var states matches
	from, ok := ask.from, true
	switch {
	case ask.pace.delay > 0: // whoever comes next may not have seen what this client has
		position, last, states, ok = h.history.stateAt(time.Now().Add(-ask.pace.delay))
	case a.cursor != nil:
		position, last, states, from = h.history.stateAfter(*a.cursor)
	default:
		position, last, states, ok = h.history.stateAt(from)
		if begins := h.history.begins(); last == broker.Start && from.Before(begins) {
			from = begins // there is nothing before it to wait through
		}
	}
	if !ok {
		return nil, before
	}
	l := newLine(h, h.history, ask.pace.clock(from), position, last, states)
	if !h.startLine(l, func() {}) {
		return nil, here
	}
	if other := h.delayLine(ask.pace.delay, l); other != nil {
		return other, here // made at the same time; ours ends by itself
	}
	return l, here
}

// delayLine is the line of a delay, if there is one. If there is none, ours
// becomes it.
func (h *Hub) delayLine(d time.Duration, ours *line) *line {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d == 0 {
		return nil
	}
	if l := h.delays[d]; l != nil && !l.over() {
		return l
	}
	if ours != nil {
		h.delays[d] = ours
	}
	return nil
}

// change replaces what a client wants, and gives it a snapshot of that. One that
// has no place yet waits for it.
func (h *Hub) change(c *client, to func(wants) (wants, error)) error {
	for {
		c.mu.Lock()
		l, over := c.line, c.closing || c.shut
		c.mu.Unlock()
		switch {
		case over:
			return nil
		case l == nil:
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if moved, err := l.change(c, to); !moved {
			return err
		}
	}
}
