package fanout

import (
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// A frame is an event as it goes out, encoded once for everybody. It never
// changes.
type frame struct {
	cursor broker.Cursor
	id     string
	tid    event.TID
	key    string
	match  *event.Match
	read   time.Time   // when the page behind it was read; never in the future
	after  *MatchState // of its match; nil if the event changed none
	text   *text
	news   bool // came when the node had read all there was before
}

func (f *frame) matchID() string {
	if f.match == nil {
		return ""
	}
	return f.match.ID
}

// overhead is about what a frame takes besides its bytes: the state of its match
// shares most with the one before.
// And it may be compressed, too.
const overhead = 1800

func (f *frame) size() int {
	n := len(f.text.ws) + overhead
	if f.after != nil {
		n += 8 * len(f.after.Incidents)
	}
	return n
}
