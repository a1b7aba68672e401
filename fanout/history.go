package fanout

import (
	"maps"
	"math"
	"sort"
	"sync"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// A history is a part of the log in memory: the frames after some position, and
// the states of the matches before the first of them. Positions are offsets of
// the log, so they mean the same in every history.
type history struct {
	limit int // bytes

	mu      sync.RWMutex
	frames  []*frame
	bytes   int
	floor   broker.Cursor // the message before the first frame; Start at the log's beginning
	floorAt time.Time     // when the page behind it was read
	base    matches       // up to the floor
	at      broker.Cursor // of the message taken last, framed or not
	fold    fold          // up to at
	grown   chan struct{}
	keep    uint64 // frames from this position on stay, whatever the limit
}

// newHistory is one that goes on where a checkpoint ends.
func newHistory(limit int, c checkpoint) *history {
	return &history{limit: limit, floor: c.at, floorAt: c.Read, base: maps.Clone(c.fold.matches), at: c.at, fold: c.fold, grown: make(chan struct{}), keep: math.MaxUint64}
}

// take adds a message of the log. It returns nil for one that is not framed: a
// copy, or no event.
func (h *history) take(at broker.Cursor, m broker.Message, news bool) (*frame, error) {
	e, err := event.Decode(m.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if at == h.at {
		return nil, nil // the checkpoint's last
	}
	h.at = at
	if err != nil {
		return nil, err
	}
	after, fresh := h.fold.take(e)
	if !fresh {
		return nil, nil
	}
	f := &frame{cursor: at, id: e.ID, tid: e.TID, key: e.Type, match: e.Data.Match, read: e.Time, after: after, text: newText(at, m.Body), news: news}
	if now := time.Now(); f.read.After(now) {
		f.read = now
	}
	if last := h.lastRead(); f.read.Before(last) {
		f.read = last // it was held up: what is later in the log is not told earlier
	}
	h.frames = append(h.frames, f)
	h.bytes += f.size()
	h.trim()
	close(h.grown)
	h.grown = make(chan struct{})
	return f, nil
}

// lastRead is when the page behind the latest frame was read. mu is held.
func (h *history) lastRead() time.Time {
	if n := len(h.frames); n > 0 {
		return h.frames[n-1].read
	}
	return h.floorAt
}

// trim lets the oldest frames go that are beyond the limit. mu is held.
func (h *history) trim() {
	for len(h.frames) > 0 && h.bytes > h.limit && h.frames[0].cursor.Offset < h.keep {
		h.pop()
	}
}

// pop lets the first frame go. mu is held.
func (h *history) pop() {
	f := h.frames[0]
	if f.after != nil {
		h.base.put(f.after)
	}
	h.floor, h.floorAt = f.cursor, f.read
	h.bytes -= f.size()
	h.frames[0] = nil // the array lives on
	h.frames = h.frames[1:]
}

// full reports whether there is more than the limit, after what nobody needs has
// gone.
func (h *history) full(needed func() uint64) bool {
	h.mu.RLock()
	over := h.bytes > h.limit
	h.mu.RUnlock()
	if !over {
		return false
	}
	keep := needed() // without mu: it takes others
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keep = keep
	for len(h.frames) > 0 && h.frames[0].cursor.Offset < keep {
		h.pop()
	}
	return h.bytes > h.limit
}

// reset forgets everything.
func (h *history) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.frames, h.bytes, h.floor, h.floorAt, h.base = nil, 0, broker.Start, time.Time{}, matches{}
	h.at, h.fold = broker.Start, newFold()
}

// pass lets all frames go.
func (h *history) pass() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.frames) > 0 {
		h.pop()
	}
}

// begin keeps all frames from now on, and says what was before the first, and
// when.
func (h *history) begin() (last broker.Cursor, read time.Time, states matches) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keep = 0
	return h.floor, h.floorAt, maps.Clone(h.base)
}

// last is the cursor of the message taken last, framed or not.
func (h *history) last() broker.Cursor {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.at
}

// reaches is covers for those who do not hold mu.
func (h *history) reaches(position uint64) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.covers(position)
}

// from is the index of the first frame at or after a position. mu is held.
func (h *history) from(position uint64) int {
	return sort.Search(len(h.frames), func(i int) bool { return h.frames[i].cursor.Offset >= position })
}

// covers reports whether all frames from a position on are here. mu is held.
func (h *history) covers(position uint64) bool {
	return h.floor == broker.Start || position > h.floor.Offset
}

const (
	roundFrames = 256       // that are due at once
	roundBytes  = 256 << 10 // about; a socket takes no more at once anyway
)

// due appends to frames those from a position on that were read by t, but not too
// many; the zero t is the end of time. next is the position after them, and then
// when the one after them was read, zero if there is none. false: some are no
// longer here.
func (h *history) due(frames []*frame, position uint64, t time.Time) (all []*frame, next uint64, then time.Time, ok bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if !h.covers(position) {
		return frames, position, then, false
	}
	bytes := 0
	for _, f := range h.frames[h.from(position):] {
		if !t.IsZero() && f.read.After(t) || len(frames) == roundFrames || bytes > roundBytes {
			return frames, position, f.read, true
		}
		bytes += len(f.text.ws)
		frames = append(frames, f)
		position = after(f.cursor)
	}
	return frames, position, then, true
}

// end is the cursor of the last frame, and a channel that is closed when there
// is another.
func (h *history) end() (broker.Cursor, <-chan struct{}) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.lastFramed(), h.grown
}

// lastFramed is the cursor of the last frame, or of what was before the first.
// mu is held.
func (h *history) lastFramed() broker.Cursor {
	if n := len(h.frames); n > 0 {
		return h.frames[n-1].cursor
	}
	return h.floor
}

// after is the position after a cursor.
func after(c broker.Cursor) uint64 {
	if c == broker.Start {
		return 0
	}
	return c.Offset + 1
}

// wanted appends to frames those between two positions that w wants, until they
// have so many bytes. next is the position after the last one looked at. false:
// some are no longer here.
func (h *history) wanted(frames []*frame, from, to uint64, w wants, room int) (all []*frame, next uint64, ok bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if from >= to {
		return frames, from, true
	}
	if !h.covers(from) {
		return frames, from, false
	}
	for _, f := range h.frames[h.from(from):] {
		if f.cursor.Offset >= to {
			break
		}
		if w.event(f.key, f.match) {
			if room <= 0 {
				return frames, f.cursor.Offset, true
			}
			room -= len(f.text.ws)
			frames = append(frames, f)
		}
	}
	return frames, to, true
}
