package fanout

import (
	"context"
	"time"

	"github.com/matchwire/matchwire/event"
)

// enter gives a client its place: on the live line, or on another.
func (h *Hub) enter(c *client, ask request) {
	ctx, cancel := context.WithTimeout(h.ctx, arriveWithin)
	defer cancel()
	o := again
	for o == again && ctx.Err() == nil {
		if o = h.seat(ctx, c, ask); o == missing {
			ask.cursor, o = nil, again
		}
	}
	if o != taken {
		c.close(closeTryLater, "there is no room for a reading of the log now", endFull)
	}
}

func (h *Hub) seat(ctx context.Context, c *client, ask request) outcome {
	where := gone
	if ask.cursor != nil {
		where = h.find(ctx, *ask.cursor)
	}
	a := &arrival{client: c, wants: ask.wants, done: make(chan outcome, 1)}
	switch {
	case where == before && ask.pace.live():
		a.cursor = ask.cursor
		return h.catchUp(ctx, a)
	case where == before:
		a.cursor = ask.cursor
		return h.playFor(ctx, a, ask.pace)
	case where == gone:
		ask.cursor = nil
	}
	l, ok := h.lineFor(ask)
	if !ok {
		if a.from = ask.from; a.from.IsZero() {
			a.from = time.Now().Add(-ask.pace.delay)
		}
		return h.playFor(ctx, a, ask.pace)
	}
	if l == nil {
		return full
	}
	ok, err := l.add(c, ask.wants, ask.cursor)
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
// be ahead of what has been read here.
func (h *Hub) find(ctx context.Context, c event.Cursor) place {
	patience := time.NewTimer(leadOf)
	defer patience.Stop()
	for {
		_, _, grown := h.history.end()
		if p := h.history.find(c); p != beyond {
			return p
		}
		select {
		case <-grown:
		case <-patience.C:
			return gone
		case <-ctx.Done():
			return gone
		}
	}
}

// lineFor is the line for what a client asks, whose cursor, if it has one, is in
// memory. false: what it asks for is not. nil: there are too many lines.
func (h *Hub) lineFor(ask request) (l *line, ok bool) {
	if ask.pace.live() {
		return h.live, true
	}
	h.mu.Lock()
	l = h.delays[ask.pace.delay] // never of delay 0
	h.mu.Unlock()
	if l != nil && !l.over() {
		return l, true
	}
	var position uint64
	var last event.Cursor
	var states matches
	from := ask.from
	if ask.cursor != nil {
		position, last, states, from = h.history.stateAfter(*ask.cursor)
	} else {
		if ask.pace.delay > 0 {
			from = time.Now().Add(-ask.pace.delay)
		}
		if position, last, states, ok = h.history.stateAt(from); !ok {
			return nil, false
		}
	}
	l = newLine(h, h.history, ask.pace.clock(from), position, last, states)
	if !h.startLine(l, func() {}) {
		return nil, true
	}
	if d := ask.pace.delay; d > 0 {
		h.mu.Lock()
		h.delays[d] = l // of two that are made at once both do their work
		h.mu.Unlock()
	}
	return l, true
}

// change replaces what a client wants, and gives it a snapshot of that.
func (h *Hub) change(c *client, to func(wants) (wants, error)) error {
	for {
		c.mu.Lock()
		l := c.line
		c.mu.Unlock()
		if moved, err := l.change(c, to); !moved {
			return err
		}
	}
}
