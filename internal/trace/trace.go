// Package trace records what was done under a TID: which event caused which task, and why a
// notification was sent. Each step is a [Span]. Messages connect the steps of different processes,
// because the ID of the span that created a message is computed from the TID and the message's ID.
//
// Recording never blocks the work that it records. A [Recorder] drops spans beyond its budget and
// spans that a full queue cannot hold; it counts and logs them. Traces are bounded in age, in steps
// per job, and in steps per second and process. Polls that the schedule started are recorded only
// if they made an event or failed.
package trace

import (
	"strconv"
	"time"

	"github.com/matchwire/matchwire/event"
)

// An Op is the kind of a step.
type Op string

// The operations.
const (
	Serve   Op = "serve"   // an API call is answered
	Start   Op = "start"   // a process acts without a message, as when it activates the sources of its config
	Create  Op = "create"  // a message is created; the span's ID is [event.TID.Span] of the message's ID
	Send    Op = "send"    // the broker confirms a message
	Process Op = "process" // a consumer or a worker handles a message
	Deliver Op = "deliver" // fanout sends an event to sockets
)

// A Span is one step of a job.
type Span struct {
	TID      event.TID    `json:"-"`                  // the job
	ID       event.SpanID `json:"id"`                 // unique within the job
	Parent   event.SpanID `json:"parent,omitzero"`    // the step that caused this one; zero if none did
	Op       Op           `json:"op"`                 // what kind of step
	Role     string       `json:"role"`               // api, scheduler, parser, fanout, or a consumer's name
	Instance string       `json:"instance"`           // name of the process in the registry
	Name     string       `json:"name"`               // routing key of the message, or a call like "POST /api/matches"
	Message  string       `json:"message,omitempty"`  // ID of the message
	Match    string       `json:"match,omitempty"`    // ID of the match
	Queue    string       `json:"queue,omitempty"`    // queue that the message came from, or exchange that it was sent to
	Attempt  int          `json:"attempt,omitempty"`  // number of the delivery to a consumer or worker, from 1
	Start    time.Time    `json:"start"`              // UTC
	Took     Millis       `json:"took_ms"`            // 0 for a step without duration
	Outcome  string       `json:"outcome,omitempty"`  // result in a few words; may be empty
	Failed   bool         `json:"failed,omitempty"`   // whether the step failed
	Evidence *Evidence    `json:"evidence,omitempty"` // where on the page the parser found the event
	Cause    *Cause       `json:"cause,omitempty"`    // set if the schedule started the job
}

// A Cause is the message of another job that set the schedule.
type Cause struct {
	TID     event.TID `json:"tid"`
	Message string    `json:"message"` // ID
}

// Evidence is the place on a page that an event was parsed from.
type Evidence struct {
	event.Evidence
	Row string `json:"row,omitempty"` // HTML or JSON at that place, at most 4 KB
}

// Millis is a duration that JSON represents in milliseconds.
type Millis time.Duration

// MarshalJSON writes milliseconds with three decimals.
func (m Millis) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(m)/1e6, 'f', 3, 64), nil
}

// UnmarshalJSON reads milliseconds, which may have decimals.
func (m *Millis) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(b), 64)
	*m = Millis(f * 1e6)
	return err
}
