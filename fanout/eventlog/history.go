// Package eventlog keeps what a node knows of the event log: a history of its
// latest part in memory, the state of every match at any place in it, and
// checkpoints in Redis from which another reading can start.
package eventlog

import (
	"maps"
	"math"
	"sort"
	"sync"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout/internal/wire"
)

// A History is a part of the log in memory: the frames after some position, and
// the states of the matches before the first of them. Positions are offsets in
// the log, so they mean the same in every history. Its methods may be called
// concurrently.
type History struct {
	limit int // bytes

	mu        sync.RWMutex
	frames    []*Frame
	bytes     int
	floor     broker.Cursor // the message before the first frame; Start at the beginning of the log
	floorRead time.Time     // when the page of that message was read
	base      States        // up to the floor
	last      broker.Cursor // of the latest message, framed or not
	fold      fold          // up to last
	grown     chan struct{}
	keep      uint64 // frames from this position on stay, whatever the limit
}

// NewHistory returns a history of at most limit bytes that begins at a checkpoint.
func NewHistory(limit int, c Checkpoint) *History {
	return &History{limit: limit, floor: c.Cursor, floorRead: c.Read, base: maps.Clone(c.fold.states), last: c.Cursor, fold: c.fold, grown: make(chan struct{}), keep: math.MaxUint64}
}

// Append adds a message of the log. It returns nil for a message that is not
// framed: a second copy, or no event. live says that the whole log was read before.
func (h *History) Append(at broker.Cursor, m broker.Message, live bool) (*Frame, error) {
	e, err := event.Decode(m.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if at == h.last {
		return nil, nil // the checkpoint's last
	}
	h.last = at
	if err != nil {
		return nil, err
	}
	state, isNew := h.fold.apply(e)
	if !isNew {
		return nil, nil
	}
	f := &Frame{Cursor: at, ID: e.ID, TID: e.TID, Key: e.Type, Match: e.Data.Match, Read: e.Time, State: state, Object: wire.NewEvent(at, m.Body), Live: live}
	if now := time.Now(); f.Read.After(now) {
		f.Read = now
	}
	if last := h.lastRead(); f.Read.Before(last) {
		f.Read = last // it was delayed; delayed clients must not receive later frames before it
	}
	h.frames = append(h.frames, f)
	h.bytes += f.size()
	h.trim()
	close(h.grown)
	h.grown = make(chan struct{})
	return f, nil
}

// lastRead returns when the page of the latest frame was read. mu is held.
func (h *History) lastRead() time.Time {
	if n := len(h.frames); n > 0 {
		return h.frames[n-1].Read
	}
	return h.floorRead
}

// trim drops the oldest frames beyond the limit. mu is held.
func (h *History) trim() {
	for len(h.frames) > 0 && h.bytes > h.limit && h.frames[0].Cursor.Offset < h.keep {
		h.dropFirst()
	}
}

// dropFirst drops the first frame. mu is held.
func (h *History) dropFirst() {
	f := h.frames[0]
	if f.State != nil {
		h.base.Put(f.State)
	}
	h.floor, h.floorRead = f.Cursor, f.Read
	h.bytes -= f.size()
	h.frames[0] = nil // the array stays in use
	h.frames = h.frames[1:]
}

// DropAll drops all frames.
func (h *History) DropAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.frames) > 0 {
		h.dropFirst()
	}
}

// KeepAll keeps all frames from now on, until Full drops some. It returns the
// place before the first frame.
func (h *History) KeepAll() (last broker.Cursor, read time.Time, states States) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keep = 0
	return h.floor, h.floorRead, maps.Clone(h.base)
}

// Full drops the frames before position needed() and reports whether the rest is
// beyond the limit. It calls needed only if the history is beyond its limit.
func (h *History) Full(needed func() uint64) bool {
	h.mu.RLock()
	over := h.bytes > h.limit
	h.mu.RUnlock()
	if !over {
		return false
	}
	keep := needed() // without mu: it takes other locks
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keep = keep
	for len(h.frames) > 0 && h.frames[0].Cursor.Offset < keep {
		h.dropFirst()
	}
	return h.bytes > h.limit
}

// Reset empties the history. It begins again at the beginning of the log.
func (h *History) Reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.frames, h.bytes, h.floor, h.floorRead, h.base = nil, 0, broker.Start, time.Time{}, States{}
	h.last, h.fold = broker.Start, newFold()
}

const (
	roundFrames = 256       // that Due returns at once
	roundBytes  = 256 << 10 // about; a socket accepts no more at once
)

// Due appends to frames those from a position on that were read by t, up to a
// bound; the zero t is the end of time. next is the position after them, and then
// when the following frame was read, zero if there is none. ok is false if some
// of them are no longer in memory.
func (h *History) Due(frames []*Frame, position uint64, t time.Time) (all []*Frame, next uint64, then time.Time, ok bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if !h.covers(position) {
		return frames, position, then, false
	}
	bytes := 0
	for _, f := range h.frames[h.index(position):] {
		if !t.IsZero() && f.Read.After(t) || len(frames) == roundFrames || bytes > roundBytes {
			return frames, position, f.Read, true
		}
		bytes += f.Object.Len()
		frames = append(frames, f)
		position = After(f.Cursor)
	}
	return frames, position, then, true
}

// Select appends to frames those between two positions for which wanted is true,
// until they have about room bytes. next is the position after the last frame
// examined. ok is false if some of them are no longer in memory.
func (h *History) Select(frames []*Frame, from, to uint64, room int, wanted func(key string, m *event.Match) bool) (all []*Frame, next uint64, ok bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if from >= to {
		return frames, from, true
	}
	if !h.covers(from) {
		return frames, from, false
	}
	for _, f := range h.frames[h.index(from):] {
		if f.Cursor.Offset >= to {
			break
		}
		if wanted(f.Key, f.Match) {
			if room <= 0 {
				return frames, f.Cursor.Offset, true
			}
			room -= f.Object.Len()
			frames = append(frames, f)
		}
	}
	return frames, to, true
}

// index returns the index of the first frame at or after a position. mu is held.
func (h *History) index(position uint64) int {
	return sort.Search(len(h.frames), func(i int) bool { return h.frames[i].Cursor.Offset >= position })
}
