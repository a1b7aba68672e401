package broker

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// A Log is the history of live_events, within its retention.
type Log interface {
	// ReadLog calls h for every message in the order of the log, beginning with the one at from. It
	// ends when ctx ends, or when h returns an error, which ReadLog then returns. Start reads the
	// whole log, End only new messages. If the log holds another message or none at from, ReadLog
	// returns ErrCursorGone within seconds and does not call h. caughtUp, if not nil, is closed when
	// h has handled all that was in the log when ReadLog was called.
	//
	// The log may hold a message twice. ReadLog connects again after a connection is lost, and
	// continues without a gap and without repeating what h has seen.
	ReadLog(ctx context.Context, from Cursor, caughtUp chan<- struct{}, h func(Cursor, Message) error) error
}

// ErrCursorGone reports that the log no longer holds the message at a cursor.
var ErrCursorGone = errors.New("the log no longer holds what stood at the cursor")

// A Cursor is a position in the log, with a checksum of the ID of the message there. Its text form
// is safe in a URL.
type Cursor struct {
	Offset uint64
	Check  uint32
}

// Start and End are the cursors before and after everything.
var (
	Start = Cursor{}
	End   = Cursor{Offset: 1<<64 - 1}
)

// CursorAt returns the cursor of the message with this ID at this offset.
func CursorAt(offset uint64, id string) Cursor {
	h := fnv.New32a()
	h.Write([]byte(id))
	return Cursor{Offset: offset, Check: h.Sum32() | 1} // never 0, which Start has
}

// String returns the text form, which [ParseCursor] parses.
func (c Cursor) String() string {
	return strconv.FormatUint(c.Offset, 10) + "-" + fmt.Sprintf("%08x", c.Check)
}

// ParseCursor parses the text form of a cursor.
func ParseCursor(s string) (Cursor, error) {
	a, b, ok := strings.Cut(s, "-")
	offset, err1 := strconv.ParseUint(a, 10, 64)
	check, err2 := strconv.ParseUint(b, 16, 32)
	if !ok || err1 != nil || err2 != nil {
		return Cursor{}, fmt.Errorf("cursor %q: not one that was given out", s)
	}
	return Cursor{Offset: offset, Check: uint32(check)}, nil
}
