package broker

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/matchwire/matchwire/event"
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

// A Message is an encoded event or task. Its receivers share Body and must not change it.
type Message struct {
	Exchange Exchange  `json:",omitzero"` // LiveEvents, unless it is a task's
	Key      string    // routing key: an event's type, a task's name
	ID       string    // the event's or task's ID
	TID      event.TID // zero if another program made the message without one
	Match    string    // match ID; "" if there is none
	Time     time.Time // the event's time; a broker may keep whole seconds
	Expires  time.Time `json:",omitzero"` // when the message is dropped instead of handled; zero: never
	Body     []byte    // the CloudEvents object, or the task's JSON
	Attempt  int       // from 1, without attempts that an outage made fail; 0 when published

	// Last reports whether the message is dead-lettered if this attempt fails.
	Last bool `json:",omitzero"`
	// Retried reports whether an earlier attempt failed, or was postponed.
	Retried bool `json:",omitzero"`
	// Redelivered reports whether the message was delivered before, to a process that died or lost
	// the broker. It may have been handled.
	Redelivered bool `json:",omitzero"`
}

// NewMessage encodes an event as a message. The event must have a TID.
func NewMessage(e event.Event) (Message, error) {
	if e.TID.IsZero() {
		return Message{}, errors.New("event without a tid")
	}
	body, err := json.Marshal(e)
	if err != nil {
		return Message{}, err
	}
	return Message{Key: e.Type, ID: e.ID, TID: e.TID, Match: e.Subject, Time: e.Time, Body: body}, nil
}
