package eventlog

import (
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout/internal/wire"
)

// A Frame is one event of the log, encoded once for all clients. It never changes.
type Frame struct {
	Cursor broker.Cursor
	ID     string
	TID    event.TID
	Key    string
	Match  *event.Match
	Read   time.Time   // when its page was read; never in the future
	State  *MatchState // of its match after the event; nil if the event changes none
	Object *wire.Object
	Live   bool // the node had read the whole log before it
}

// MatchID returns the ID of the event's match, "" if it has none.
func (f *Frame) MatchID() string {
	if f.Match == nil {
		return ""
	}
	return f.Match.ID
}

// frameOverhead is about the memory of a frame besides its bytes: a compressed
// copy, and the state of its match, which shares most with the previous state.
const frameOverhead = 1800

func (f *Frame) size() int {
	n := f.Object.Len() + frameOverhead
	if f.State != nil {
		n += 8 * len(f.State.Incidents)
	}
	return n
}
