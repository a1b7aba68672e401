// Package trace records what was done under a TID, so that anybody can ask
// later which event caused which task to run, and why an alert was sent. Each
// step is a [Span]; a message ties the steps of different processes together,
// since the span that made it follows from its ID and TID alone.
//
// Recording never holds up the work: what the budget or the store cannot take
// is dropped, and said to be. It is bounded in age, in steps for each job, and
// in steps a second for each process. Polls that the clock caused are
// recorded only if they brought an event or failed.
package trace

import (
	"strconv"
	"time"

	"github.com/matchwire/matchwire/event"
)

// An Op is what kind of step a span is.
type Op string

// The operations.
const (
	Serve   Op = "serve"   // an API call
	Start   Op = "start"   // something that a process does by itself, like activating what its config names
	Create  Op = "create"  // a message is made; its span is [event.TID.Span] of its ID
	Send    Op = "send"    // the broker has confirmed it
	Process Op = "process" // a consumer or a worker handles it
	Deliver Op = "deliver" // fanout frames it for sockets
)

// A Span is one step of a job.
type Span struct {
	TID      event.TID    `json:"-"`
	ID       event.SpanID `json:"id"`
	Parent   event.SpanID `json:"parent,omitzero"`
	Op       Op           `json:"op"`
	Role     string       `json:"role"`               // api, scheduler, parser, fanout, or a consumer's name
	Instance string       `json:"instance"`           // of the registry
	Name     string       `json:"name"`               // routing key of the message, or "POST /api/matches"
	Message  string       `json:"message,omitempty"`  // its ID
	Match    string       `json:"match,omitempty"`    // that it is about
	Queue    string       `json:"queue,omitempty"`    // that it came from, or exchange that it went to
	Attempt  int          `json:"attempt,omitempty"`  // of a consumer or worker, from 1
	Start    time.Time    `json:"start"`              // UTC
	Took     Millis       `json:"took_ms"`            // 0 of what takes no time
	Outcome  string       `json:"outcome,omitempty"`  // in a few words; "" where there is nothing to say
	Failed   bool         `json:"failed,omitempty"`   // whether it went wrong
	Evidence *Evidence    `json:"evidence,omitempty"` // why the parser made the event
	Cause    *Cause       `json:"cause,omitempty"`    // of a job that the clock began: what set the clock
}

// A Cause is a message of another job.
type Cause struct {
	TID     event.TID `json:"tid"`
	Message string    `json:"message"`
}

// Evidence is what of which page made the parser say something.
type Evidence struct {
	event.Evidence
	Row string `json:"row,omitempty"` // the HTML or JSON that stands there, at most 4 KB
}

// Millis is a duration that JSON writes as milliseconds.
type Millis time.Duration

// MarshalJSON writes milliseconds with three decimals.
func (m Millis) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(m)/1e6, 'f', 3, 64), nil
}

// UnmarshalJSON reads them.
func (m *Millis) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(b), 64)
	*m = Millis(f * 1e6)
	return err
}
