package eventlog

import (
	"time"

	"github.com/matchwire/matchwire/broker"
)

// A Location is the place of a cursor relative to a [History].
type Location int

// The locations.
const (
	InMemory Location = iota // all frames after the cursor are in memory
	Older                    // the cursor is before the frames in memory
	Ahead                    // the node has not read the log up to the cursor
	Unknown                  // the log has no framed message with the cursor
)

// Find returns the Location of a cursor.
func (h *History) Find(c broker.Cursor) Location {
	h.mu.RLock()
	defer h.mu.RUnlock()
	switch {
	case c == h.floor:
		return InMemory
	case c.Offset > h.last.Offset || h.last == broker.Start:
		return Ahead
	case !h.covers(c.Offset):
		return Older
	}
	if i := h.index(c.Offset); i < len(h.frames) && h.frames[i].Cursor == c {
		return InMemory
	}
	return Unknown
}

// After returns the position after a cursor.
func After(c broker.Cursor) uint64 {
	if c == broker.Start {
		return 0
	}
	return c.Offset + 1
}

// covers reports whether all frames from a position on are in memory. mu is held.
func (h *History) covers(position uint64) bool {
	return h.floor == broker.Start || position > h.floor.Offset
}

// Covers reports whether all frames from a position on are in memory.
func (h *History) Covers(position uint64) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.covers(position)
}

// Last returns the cursor of the latest message, framed or not.
func (h *History) Last() broker.Cursor {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.last
}

// End returns the cursor of the latest frame, even if that frame is no longer in memory. It also returns
// a channel that is closed when a frame is added.
func (h *History) End() (broker.Cursor, <-chan struct{}) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.lastFramed(), h.grown
}

// lastFramed returns the cursor of the latest frame, or the floor if there is no frame. mu is held.
func (h *History) lastFramed() broker.Cursor {
	if n := len(h.frames); n > 0 {
		return h.frames[n-1].Cursor
	}
	return h.floor
}

// FirstRead returns when the page of the first frame was read, or zero if there is no frame.
func (h *History) FirstRead() time.Time {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if len(h.frames) == 0 {
		return time.Time{}
	}
	return h.frames[0].Read
}

// A Place is a point between two messages of the log.
type Place struct {
	Position uint64        // position of the next message
	Last     broker.Cursor // cursor of the previous frame
	Read     time.Time     // when the page of the previous frame was read
	States   States        // the states of all matches
}

// Now returns the place after the latest message.
func (h *History) Now() Place {
	h.mu.RLock()
	defer h.mu.RUnlock()
	p := h.placeBefore(func(*Frame) bool { return false })
	p.Position = max(p.Position, After(h.last))
	return p
}

// AtTime returns the place after the last frame whose page was read at or before t. ok is false if
// the place is not in memory.
func (h *History) AtTime(t time.Time) (p Place, ok bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.floor != broker.Start && h.floorRead.After(t) {
		return p, false
	}
	return h.placeBefore(func(f *Frame) bool { return f.Read.After(t) }), true
}

// AtPosition returns the place before a position. The position must be in memory.
func (h *History) AtPosition(position uint64) Place {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.placeBefore(func(f *Frame) bool { return f.Cursor.Offset >= position })
}

// AfterCursor returns the place after a cursor. The cursor must be in memory.
func (h *History) AfterCursor(c broker.Cursor) Place { return h.AtPosition(After(c)) }

// placeBefore returns the place before the first frame for which stop returns true. mu is held.
func (h *History) placeBefore(stop func(*Frame) bool) Place {
	p := Place{Position: After(h.floor), Last: h.floor, Read: h.floorRead, States: h.base.Clone()}
	for _, f := range h.frames {
		if stop(f) {
			break
		}
		if f.State != nil {
			p.States.Put(f.State)
		}
		p.Position, p.Last, p.Read = After(f.Cursor), f.Cursor, f.Read
	}
	return p
}
