package broker

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// A Log is the history of the exchange live_events. The broker drops the oldest messages when they
// are too old or the log is too large.
type Log interface {
	// ReadLog calls h for each message in log order, starting with the message at from. From
	// [Start], it reads the whole log. From [End], it reads only new messages. ReadLog returns nil
	// when ctx ends. If h returns an error, ReadLog returns that error. If the log has no message
	// at from, or a different message, ReadLog returns ErrCursorGone within seconds and does not
	// call h. If caughtUp is not nil, ReadLog closes it when h has handled every message that was
	// in the log at the time of the call.
	//
	// The log may contain a message twice. When ReadLog loses its connection, it reconnects and
	// continues after the last message that h handled.
	ReadLog(ctx context.Context, from Cursor, caughtUp chan<- struct{}, h func(Cursor, Message) error) error
}

// ErrCursorGone reports that the log does not contain the message at a cursor.
var ErrCursorGone = errors.New("the log no longer holds the message at the cursor")

// A Cursor is the position of a message in the log, with a checksum of the message ID. The text
// form of a cursor needs no escaping in a URL.
type Cursor struct {
	Offset uint64 // offset of the message in the log
	Check  uint32 // checksum of the message ID
}

// Start is the cursor before the first message. End is the cursor after the last message.
var (
	Start = Cursor{}
	End   = Cursor{Offset: 1<<64 - 1}
)

// CursorAt returns the cursor of the message with the given offset and ID.
func CursorAt(offset uint64, id string) Cursor {
	h := fnv.New32a()
	h.Write([]byte(id))
	return Cursor{Offset: offset, Check: h.Sum32() | 1} // never 0, because Start has the check 0
}

// String returns the text form of the cursor. [ParseCursor] parses it.
func (c Cursor) String() string {
	return strconv.FormatUint(c.Offset, 10) + "-" + fmt.Sprintf("%08x", c.Check)
}

// ParseCursor parses the text form of a cursor.
func ParseCursor(s string) (Cursor, error) {
	a, b, ok := strings.Cut(s, "-")
	offset, err1 := strconv.ParseUint(a, 10, 64)
	check, err2 := strconv.ParseUint(b, 16, 32)
	if !ok || err1 != nil || err2 != nil {
		return Cursor{}, fmt.Errorf("cursor %q: want the cursor of a frame, like 1234-9f3c01aa", s)
	}
	return Cursor{Offset: offset, Check: uint32(check)}, nil
}
