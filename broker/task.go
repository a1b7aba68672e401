package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/google/uuid"

	"github.com/matchwire/matchwire/event"
)

// A Task asks exactly one worker for one piece of work. Tasks go by the Tasks
// exchange to the queue of their name, whose workers take them round-robin:
// acknowledged when done, handed to another when a worker dies, and dropped
// unseen once they have expired.
type Task struct {
	ID          string          `json:"id"`                    // a UUID
	Name        string          `json:"name"`                  // what to do, like parser.page.poll
	Source      string          `json:"source,omitempty"`      // who made it, like "/scheduler/<instance>"
	TID         event.TID       `json:"tid"`                   // the job that this belongs to
	CausationID string          `json:"causationid,omitempty"` // ID of the message that caused it
	Time        time.Time       `json:"time"`                  // when it was made, UTC
	Expires     time.Time       `json:"expires,omitzero"`      // when it is too late to begin; zero: never
	Data        json.RawMessage `json:"data,omitempty"`        // what the worker has to know
}

var taskShape = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)*$`)

// CheckTaskName says what is wrong with a task's name, or nil.
func CheckTaskName(name string) error {
	if len(name) > 200 || !taskShape.MatchString(name) {
		return fmt.Errorf("task name %q: want words of a-z, 0-9 and _, parted by dots, like parser.page.poll", name)
	}
	return nil
}

// TaskQueue is the queue of the tasks of a name.
func TaskQueue(name string) string { return "task." + name }

// NewTask makes a task with a new ID. data is what the worker has to know, as
// JSON has it; lifetime is how long it is worth beginning, 0: for ever.
func NewTask(name string, tid event.TID, data any, at time.Time, lifetime time.Duration) (Task, error) {
	if err := CheckTaskName(name); err != nil {
		return Task{}, err
	}
	b, err := json.Marshal(data)
	if err != nil {
		return Task{}, fmt.Errorf("task %s: %w", name, err)
	}
	t := Task{ID: uuid.Must(uuid.NewV7()).String(), Name: name, TID: tid, Time: at.UTC(), Data: b}
	if lifetime > 0 {
		t.Expires = t.Time.Add(lifetime)
	}
	return t, nil
}

// Message encodes the task as the bytes that will travel.
func (t Task) Message() (Message, error) {
	if t.TID.IsZero() {
		return Message{}, errors.New("task without a tid")
	}
	body, err := json.Marshal(t)
	if err != nil {
		return Message{}, err
	}
	return Message{Exchange: Tasks, Key: t.Name, ID: t.ID, TID: t.TID, Time: t.Time, Expires: t.Expires, Body: body}, nil
}

// DecodeTask reads an encoded task. An error wraps [ErrPermanent]: the same
// bytes will never decode.
func DecodeTask(body []byte) (Task, error) {
	var t Task
	if err := json.Unmarshal(body, &t); err != nil {
		return t, Permanent(fmt.Errorf("decoding task: %w", err))
	}
	if t.ID == "" || t.TID.IsZero() {
		return t, Permanent(errors.New("decoding task: id or tid missing"))
	}
	if err := CheckTaskName(t.Name); err != nil {
		return t, Permanent(fmt.Errorf("decoding task: %w", err))
	}
	return t, nil
}
