// Package trace records the steps of each job, which is all work under one TID. A trace shows which
// event caused which task, and why a notification was sent. Each step is a [Span]. Messages connect
// the steps of different processes, because the ID of the span that created a message is computed
// from the TID and the message's ID.
//
// Recording never blocks the work that it records. A [Recorder] drops the spans that exceed its
// budget or do not fit into a queue. It counts and logs dropped spans. Traces are bounded in age, in
// steps per job, and in steps per second and process. Polls that the schedule started are recorded
// only if they produced an event or failed.
package trace

import (
	"strconv"
	"time"

	"github.com/matchwire/matchwire/event"
)

// An Op is the kind of a step.
type Op string

// The kinds of steps.
const (
	Serve   Op = "serve"   // the API handles a call
	Start   Op = "start"   // a process starts a job itself, for example to activate the sources of its config
	Create  Op = "create"  // a message is created; the span's ID is [event.TID.Span] of the message's ID
	Send    Op = "send"    // the broker confirms a message
	Process Op = "process" // a consumer or a worker handles a message
	Deliver Op = "deliver" // fanout sends an event to WebSocket clients
)

// A Span is one step of a job.
type Span struct {
	TID      event.TID    `json:"-"`                  // the job
	ID       event.SpanID `json:"id"`                 // unique within the job
	Parent   event.SpanID `json:"parent,omitzero"`    // ID of the step that caused this step; zero if there is none
	Op       Op           `json:"op"`                 // kind of the step
	Role     string       `json:"role"`               // api, scheduler, parser, outbox, fanout, or a consumer's name
	Instance string       `json:"instance"`           // name of the process in the registry
	Name     string       `json:"name"`               // routing key of the message, or a call such as "POST /api/matches"
	Message  string       `json:"message,omitempty"`  // ID of the message
	Match    string       `json:"match,omitempty"`    // ID of the match
	Queue    string       `json:"queue,omitempty"`    // queue that the message came from, or exchange that it was sent to
	Attempt  int          `json:"attempt,omitempty"`  // number of the delivery to a consumer or worker, from 1
	Start    time.Time    `json:"start"`              // UTC
	Took     Millis       `json:"took_ms"`            // 0 if the step has no duration
	Outcome  string       `json:"outcome,omitempty"`  // result in a few words; may be empty
	Failed   bool         `json:"failed,omitempty"`   // whether the step failed
	Evidence *Evidence    `json:"evidence,omitempty"` // where on the page the parser found the event
	Cause    *Cause       `json:"cause,omitempty"`    // set if the schedule started the job
}

// A Cause identifies the message that put the source of a scheduled job on the schedule. The
// message belongs to another job.
type Cause struct {
	TID     event.TID `json:"tid"`
	Message string    `json:"message"` // ID of the message
}

// Evidence is the place on a page from which an event was parsed.
type Evidence struct {
	event.Evidence
	Row string `json:"row,omitempty"` // HTML or JSON at that place, at most 4 KB
}

// Millis is a duration that JSON represents in milliseconds.
type Millis time.Duration

// MarshalJSON encodes m as a number of milliseconds with three decimals.
func (m Millis) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(m)/1e6, 'f', 3, 64), nil
}

// UnmarshalJSON decodes a number of milliseconds, which may have decimals.
func (m *Millis) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(b), 64)
	*m = Millis(f * 1e6)
	return err
}
