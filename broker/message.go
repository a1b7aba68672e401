package broker

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/matchwire/matchwire/event"
)

// An Exchange receives published messages of one kind and routes them to queues.
type Exchange int

// The exchanges.
const (
	// LiveEvents is a topic exchange for events. It routes a copy to the log and to each queue with
	// a matching pattern.
	LiveEvents Exchange = iota
	// Tasks is a direct exchange for tasks. It routes a task to the queue for the task's name.
	Tasks
)

// String returns the name of the exchange without a namespace.
func (e Exchange) String() string {
	if e == Tasks {
		return "tasks"
	}
	return "live_events"
}

// A Message is an encoded event or task. All receivers share Body and must not change it.
type Message struct {
	Exchange Exchange  `json:",omitzero"` // LiveEvents for an event, Tasks for a task
	Key      string    // routing key: the type of an event, the name of a task
	ID       string    // ID of the event or task
	TID      event.TID // zero if another program published the message without a TID
	Match    string    // match ID; "" if the message belongs to no match
	Time     time.Time // time of the event or task; a broker may truncate it to seconds
	Expires  time.Time `json:",omitzero"` // when to drop the message if it is not handled yet; zero means never
	Body     []byte    // the CloudEvents object, or the JSON of the task
	// Unsequenced reports whether the event has no seq. Readers of the log skip an event whose seq
	// is not greater than the last seq of its match. So a [Publisher] sends an event with a seq
	// only after the previous event of the match is confirmed. Unsequenced events of a match can be
	// in flight at the same time.
	Unsequenced bool `json:",omitzero"`
	// Attempt is the number of this attempt to handle the message, from 1. Outages and
	// postponements do not count. Attempt is 0 when the message is published.
	Attempt int
	// Last reports whether the message is dead-lettered if this attempt fails and the failure
	// counts.
	Last bool `json:",omitzero"`
	// Retried reports whether an earlier attempt failed or was postponed.
	Retried bool `json:",omitzero"`
	// Redelivered reports whether the message was delivered before, to a process that ended or lost
	// its connection. That process may have handled it.
	Redelivered bool `json:",omitzero"`
}

// NewMessage encodes an event as a message. The event must have a TID.
func NewMessage(e event.Event) (Message, error) {
	if e.TID.IsZero() {
		return Message{}, fmt.Errorf("event %s: the TID is missing", e.ID)
	}
	body, err := json.Marshal(e)
	if err != nil {
		return Message{}, fmt.Errorf("event %s: %w", e.ID, err)
	}
	return Message{Key: e.Type, ID: e.ID, TID: e.TID, Match: e.Subject, Time: e.Time, Body: body,
		Unsequenced: e.Data.Epoch == ""}, nil
}
