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

// A Message is an encoded event or task on its way. Whoever holds one must not
// change Body: the same bytes go to everybody.
type Message struct {
	Exchange Exchange  `json:",omitzero"` // LiveEvents, unless it is a task's
	Key      string    // routing key: an event's type, a task's name
	ID       string    // the event's or task's ID
	TID      event.TID // zero in a message that was not made by matchwire
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

// NewMessage encodes an event as the message that carries it. The event needs a TID.
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
