package event

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

// An Exchange is where messages of one kind are published.
type Exchange int

const (
	LiveEvents Exchange = iota // topic exchange of events: a copy for every queue whose patterns match, and one for the log
	Tasks                      // direct exchange of tasks: one queue for each key, and each message for one worker
)

// String is the exchange's name, without a namespace.
func (e Exchange) String() string {
	if e == Tasks {
		return "tasks"
	}
	return "live_events"
}

// A Message is an encoded event or task on its way. Whoever holds one must not
// change Body: the same bytes go to everybody.
type Message struct {
	Exchange Exchange  `json:",omitzero"` // LiveEvents, unless it is a task's
	Key      string    // routing key: an event's type, a task's name
	ID       string    // the event's or task's ID
	TID      TID       // zero in a message that was not made by matchwire
	Match    string    // match ID, "" where there is none
	Time     time.Time // the event's time; a broker may keep whole seconds
	Expires  time.Time `json:",omitzero"` // after that no handler is to get it; zero: never
	Body     []byte    // the CloudEvents object, or the task's JSON
	Attempt  int       // 1 on the first delivery to a handler, and again after an outage; 0 on the way out

	// Last says that no other attempt follows if this one fails.
	Last bool `json:",omitzero"`
	// Retried says that an attempt was made before, and came to nothing.
	Retried bool `json:",omitzero"`
	// Redelivered says that the same delivery was under way before, to somebody
	// who has died or lost the broker, and may have been handled.
	Redelivered bool `json:",omitzero"`
}

// A Publisher puts messages on the exchanges. Its methods may be called at the
// same time by many.
type Publisher interface {
	// Publish sends msgs in order and returns when the broker has confirmed
	// them all: they stand in every queue that wants them. A task's queue is
	// made if there is none yet. What a lost connection leaves unconfirmed it sends again, so
	// a message may arrive twice, under the same ID. It returns how many of
	// the first messages are confirmed: all of them, unless ctx ends before
	// that, and then an error says what it was waiting for.
	Publish(ctx context.Context, msgs ...Message) (int, error)
}

// A Subscription names a durable queue and what it wants.
type Subscription struct {
	Queue    string          // shared, round-robin, by all who subscribe with this name
	Exchange Exchange        // what it is bound to
	Patterns []string        // topic patterns to bind it to, or keys of tasks, besides those it was bound to before
	Limit    int             // at most so many handlers at a time; 1 if less
	Timeout  time.Duration   // of one call of the handler; 30 s if 0
	Ready    chan<- struct{} // if not nil, closed once: what is published later arrives
}

// A Handler acts on one message. Messages may come twice, so acting twice on
// one ID must be as harmless as acting once. A nil error acknowledges the
// message, one that wraps [ErrPermanent] dead-letters it with its text as the
// reason, any other has it redelivered after a pause, which grows with each
// attempt, and dead-lettered when there were too many; but never for one that
// wraps [ErrUnavailable], and at its time for one of [Postpone]. A panic is an error like any other.
//
// ctx does not end when the subscription does: the handler is waited for. It
// ends when the handler took too long; one that does not return then is given
// up, which counts as an error, and may go on beside the next attempt.
type Handler func(ctx context.Context, m Message) error

// A Subscriber delivers messages.
type Subscriber interface {
	// Declare makes the queue and binds it, without consuming: what is
	// published after it returns waits there. It tries until ctx ends.
	Declare(ctx context.Context, s Subscription) error

	// Subscribe declares the queue, binds it and calls h for its messages
	// until ctx ends; then it waits for every h to return, or to be given up.
	// Messages that no handler has acknowledged go back to the queue. A lost connection is
	// made again. An error means that trying again cannot help.
	Subscribe(ctx context.Context, s Subscription, h Handler) error
}

// ErrUnavailable marks an error that is not the message's fault: a server that
// every message needs does not answer.
var ErrUnavailable = errors.New("unavailable")

// Unavailable marks err as one that ends with an outage. Its text stays the same.
func Unavailable(err error) error { return marked{err, ErrUnavailable} }

// Postpone is what a handler returns of a message whose time has not come: it is
// delivered again at about until, some seconds late at most, and no attempt is
// counted. why goes into the trace.
func Postpone(until time.Time, why string) error { return &PostponedError{until, why} }

// A PostponedError is what [Postpone] returns. It is an [ErrUnavailable] too.
type PostponedError struct {
	Until time.Time
	why   string
}

func (p *PostponedError) Error() string {
	return "postponed until " + p.Until.UTC().Format(time.RFC3339) + ": " + p.why
}

func (p *PostponedError) Unwrap() error { return ErrUnavailable }

// ErrPermanent marks an error that no retry can heal.
var ErrPermanent = errors.New("permanent")

// Permanent marks err as one that no retry can heal. Its text stays the same.
func Permanent(err error) error { return marked{err, ErrPermanent} }

type marked struct {
	error
	mark error
}

func (m marked) Unwrap() []error { return []error{m.error, m.mark} }

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

// A Broker is all that a message broker does for matchwire.
type Broker interface {
	Publisher
	Subscriber
	Log
	DeadLetters
	// Health says what is not well: a server that cannot be reached or takes
	// nothing, a queue so full that its oldest messages drop. It looks until
	// ctx ends, and no longer.
	Health(ctx context.Context) []Trouble
	Close() error
}

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
