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
	// ReadLog calls h for every message from the one at cursor from on, that
	// one included, in the order of the log, until ctx ends or h returns an
	// error, which ReadLog then returns. Start reads all there is, End only
	// what comes. If another message or none stands at from, it returns
	// ErrCursorGone within seconds, and calls h for nothing. caughtUp, if not nil, is closed when everything
	// that stood in the log at the beginning of the call has been handled.
	// The log may hold a message twice. A lost connection is made again,
	// without a gap; what that may repeat is left out.
	ReadLog(ctx context.Context, from Cursor, caughtUp chan<- struct{}, h func(Cursor, Message) error) error
}

// ErrCursorGone says that the log no longer holds what stood at a cursor.
var ErrCursorGone = errors.New("the log no longer holds what stood at the cursor")

// A Cursor is a position in the log with a check of what stood there.
// Its text form is safe in a URL.
type Cursor struct {
	Offset uint64
	Check  uint32
}

// Start and End are the cursors before and after everything.
var (
	Start = Cursor{}
	End   = Cursor{Offset: 1<<64 - 1}
)

// CursorAt is the cursor of the message with this ID at this offset.
func CursorAt(offset uint64, id string) Cursor {
	h := fnv.New32a()
	h.Write([]byte(id))
	return Cursor{Offset: offset, Check: h.Sum32() | 1} // never that of Start
}

// String writes the cursor for a client to bring back.
func (c Cursor) String() string {
	return strconv.FormatUint(c.Offset, 10) + "-" + fmt.Sprintf("%08x", c.Check)
}

// ParseCursor reads what String wrote.
func ParseCursor(s string) (Cursor, error) {
	a, b, ok := strings.Cut(s, "-")
	offset, err1 := strconv.ParseUint(a, 10, 64)
	check, err2 := strconv.ParseUint(b, 16, 32)
	if !ok || err1 != nil || err2 != nil {
		return Cursor{}, fmt.Errorf("cursor %q: not one that was given out", s)
	}
	return Cursor{Offset: offset, Check: uint32(check)}, nil
}
