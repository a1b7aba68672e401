package eventlog

import (
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout/internal/wire"
)

// A Frame is an event of the log, encoded for all clients. It is immutable.
type Frame struct {
	Cursor broker.Cursor
	ID     string
	TID    event.TID
	Key    string       // routing key
	Match  *event.Match // nil if the event is not about a match
	Read   time.Time    // when the page was read; not before the previous frame's Read, and not in the future
	State  *MatchState  // state of the match after the event; nil if the event changes no state
	Object *wire.Object // the encoded event
	Live   bool         // whether the node had caught up with the log before the event
}

// MatchID returns the ID of the match, or "" if the event is not about a match.
func (f *Frame) MatchID() string {
	if f.Match == nil {
		return ""
	}
	return f.Match.ID
}

// frameOverhead is an estimate, in bytes, of the memory of a frame besides its JSON. It includes the
// compressed copy, and the state of the match, which shares most of its memory with the previous
// state.
const frameOverhead = 1800

// size returns an estimate of the memory of a frame, in bytes.
func (f *Frame) size() int {
	n := f.Object.Len() + frameOverhead
	if f.State != nil {
		n += 8 * len(f.State.Incidents)
	}
	return n
}
