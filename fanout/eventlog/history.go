// Package eventlog stores a part of the event log in the memory of a fan-out node. It computes the
// states of all matches at each position in this part. With checkpoints in Redis, a node does not have
// to read the log from its beginning.
package eventlog

import (
	"math"
	"sort"
	"sync"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout/internal/wire"
)

// A History is a part of the log in memory. It holds the frames after a position, and the states of
// all matches before the first frame. Positions are offsets in the log, so a position is valid in
// every History. A message is framed if Append returned a frame for it. The methods of a History are
// safe for concurrent use.
type History struct {
	limit int // maximum value of the field bytes

	mu        sync.RWMutex
	frames    []*Frame
	bytes     int           // estimated memory of the frames
	floor     broker.Cursor // cursor of the message before the first frame; Start at the beginning of the log
	floorRead time.Time     // when the page of the message at floor was read
	base      States        // states of all matches before the first frame
	last      broker.Cursor // cursor of the latest message, framed or not
	fold      fold          // states of all matches after the latest message
	grown     chan struct{} // closed and replaced when a frame is added
	keepFrom  uint64        // frames from this position on are not dropped, even beyond the limit
}

// NewHistory returns a History of at most about limit bytes that begins at a checkpoint.
func NewHistory(limit int, c Checkpoint) *History {
	return &History{limit: limit, floor: c.Cursor, floorRead: c.Read, base: c.fold.states.Clone(), last: c.Cursor,
		fold: c.fold, grown: make(chan struct{}), keepFrom: math.MaxUint64}
}

// Append adds the next message of the log and returns its frame. The frame is nil if the event is a
// copy of an earlier event, has a lower epoch or seq than an earlier event of its match, or is already
// in the checkpoint. If the message is not an event, Append returns an error. live is the value of
// [Frame.Live].
func (h *History) Append(at broker.Cursor, m broker.Message, live bool) (*Frame, error) {
	e, err := event.Decode(m.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if at == h.last {
		return nil, nil // the checkpoint contains the message
	}
	h.last = at
	if err != nil {
		return nil, err
	}
	state, isNew := h.fold.apply(e)
	if !isNew {
		return nil, nil
	}
	f := &Frame{Cursor: at, ID: e.ID, TID: e.TID, Key: e.Type, Match: e.Data.Match, Read: e.Time, State: state,
		Object: wire.NewEvent(at, m.Body), Live: live}
	if now := time.Now(); f.Read.After(now) {
		f.Read = now
	}
	if last := h.lastRead(); f.Read.Before(last) {
		f.Read = last // the event is late, but clients with a delay must receive frames in log order
	}
	h.frames = append(h.frames, f)
	h.bytes += f.size()
	h.trim()
	close(h.grown)
	h.grown = make(chan struct{})
	return f, nil
}

// lastRead returns when the page of the latest frame, or of the floor, was read. mu is held.
func (h *History) lastRead() time.Time {
	if n := len(h.frames); n > 0 {
		return h.frames[n-1].Read
	}
	return h.floorRead
}

// trim drops the oldest frames while the History is over its limit. mu is held.
func (h *History) trim() {
	for len(h.frames) > 0 && h.bytes > h.limit && h.frames[0].Cursor.Offset < h.keepFrom {
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
	h.frames[0] = nil // so that the array keeps no reference to the frame
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

// KeepAll keeps all frames, even beyond the limit, until Shrink drops some. last is the cursor
// of the message before the first frame. read is when the page of that message was read. states are
// the states of all matches after that message.
func (h *History) KeepAll() (last broker.Cursor, read time.Time, states States) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keepFrom = 0
	return h.floor, h.floorRead, h.base.Clone()
}

// Shrink drops the frames before the position that needed returns, if the History is over its
// limit. full reports whether the History is still over its limit.
func (h *History) Shrink(needed func() uint64) (full bool) {
	h.mu.RLock()
	over := h.bytes > h.limit
	h.mu.RUnlock()
	if !over {
		return false
	}
	keepFrom := needed() // not under mu, because needed takes other locks
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keepFrom = keepFrom
	for len(h.frames) > 0 && h.frames[0].Cursor.Offset < keepFrom {
		h.dropFirst()
	}
	return h.bytes > h.limit
}

// Reset empties the History. The next message to append is the first of the log.
func (h *History) Reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.frames, h.bytes, h.floor, h.floorRead = nil, 0, broker.Start, time.Time{}
	limit := h.base.limit
	h.last, h.fold, h.base = broker.Start, newFold(), NewStates(limit)
	h.fold.states.limit = limit
}

const (
	roundFrames = 256       // maximum number of frames that Due returns
	roundBytes  = 256 << 10 // approximate maximum size of these frames; a connection accepts no more in one write
)

// Due appends the frames at or after position to the given frames, and returns the result. It stops
// before the first frame whose page was read after t, unless t is zero. It also stops at roundFrames or
// roundBytes. next is the position after the appended frames. nextRead is when the page of the first
// frame at or after next was read, or zero if there is no such frame. ok is false if some of the frames
// at or after position are no longer in memory.
func (h *History) Due(frames []*Frame, position uint64, t time.Time) (
	all []*Frame, next uint64, nextRead time.Time, ok bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if !h.covers(position) {
		return frames, position, nextRead, false
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
	return frames, position, nextRead, true
}

// Select appends the frames for which selects returns true to the given frames, and returns the result.
// It checks only frames whose position is at least from and less than to. It stops when it has appended
// about room bytes. next is the position where the next call must continue. ok is false if some of the
// frames at or after from are no longer in memory.
func (h *History) Select(frames []*Frame, from, to uint64, room int, selects func(key string, m *event.Match) bool) (
	all []*Frame, next uint64, ok bool) {
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
		if selects(f.Key, f.Match) {
			if room <= 0 {
				return frames, f.Cursor.Offset, true
			}
			room -= f.Object.Len()
			frames = append(frames, f)
		}
	}
	return frames, to, true
}

// index returns the index of the first frame at or after a position, or len(h.frames) if there is
// none. mu is held.
func (h *History) index(position uint64) int {
	return sort.Search(len(h.frames), func(i int) bool { return h.frames[i].Cursor.Offset >= position })
}
