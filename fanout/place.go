package fanout

import (
	"maps"
	"time"

	"github.com/matchwire/matchwire/broker"
)

// A place says where a cursor stands to a history.
type place int

const (
	here   place = iota // what follows it is all here
	before              // it is older than what is here
	beyond              // the log has not been read so far
	gone                // something else stands there
)

func (h *history) find(c broker.Cursor) place {
	h.mu.RLock()
	defer h.mu.RUnlock()
	switch {
	case c == h.floor:
		return here
	case c.Offset > h.at.Offset || h.at == broker.Start:
		return beyond
	case !h.covers(c.Offset):
		return before
	}
	if i := h.from(c.Offset); i < len(h.frames) && h.frames[i].cursor == c {
		return here
	}
	return gone
}

// now is the position after everything, the last cursor, and the states then.
func (h *history) now() (position uint64, last broker.Cursor, states matches) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	position, last, states = h.until(func(*frame) bool { return false })
	return max(position, after(h.at)), last, states
}

// stateAt is the place that the log had reached by t. false: that is not here.
func (h *history) stateAt(t time.Time) (position uint64, last broker.Cursor, states matches, ok bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.floor != broker.Start && h.floorAt.After(t) {
		return 0, last, nil, false
	}
	position, last, states = h.until(func(f *frame) bool { return f.read.After(t) })
	return position, last, states, true
}

// stateBefore is what was before a position.
func (h *history) stateBefore(position uint64) (last broker.Cursor, states matches) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	_, last, states = h.until(func(f *frame) bool { return f.cursor.Offset >= position })
	return last, states
}

// begins is when the first page behind what is here was read, zero if nothing is.
func (h *history) begins() time.Time {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if len(h.frames) == 0 {
		return time.Time{}
	}
	return h.frames[0].read
}

// stateAfter is the place after a cursor that is here, and when its page was
// read.
func (h *history) stateAfter(c broker.Cursor) (position uint64, last broker.Cursor, states matches, read time.Time) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	read = h.floorAt
	position, last, states = h.until(func(f *frame) bool {
		if f.cursor.Offset > c.Offset {
			return true
		}
		read = f.read
		return false
	})
	return position, last, states, read
}

// until is the place before the first frame that stops it. mu is held.
func (h *history) until(stop func(*frame) bool) (position uint64, last broker.Cursor, states matches) {
	states, position, last = maps.Clone(h.base), after(h.floor), h.floor
	for _, f := range h.frames {
		if stop(f) {
			break
		}
		if f.after != nil {
			states.put(f.after)
		}
		position, last = after(f.cursor), f.cursor
	}
	return position, last, states
}
