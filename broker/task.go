package broker

import (
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/google/uuid"

	"github.com/matchwire/matchwire/event"
)

// A Task is a unit of work for one worker. The exchange [Tasks] routes a task to the queue for its
// name. All workers for this name share the queue, round-robin. A task is acknowledged when its
// handler returns nil. If the worker stops first, another worker receives the task. An expired
// task is dropped.
type Task struct {
	ID          string          `json:"id"`                    // a UUID
	Name        string          `json:"name"`                  // such as parser.page.poll
	Source      string          `json:"source,omitempty"`      // creator, such as "/scheduler/<instance>"
	TID         event.TID       `json:"tid"`                   // TID of the job that the task belongs to
	CausationID string          `json:"causationid,omitempty"` // ID of the message that caused the task
	Time        time.Time       `json:"time"`                  // when the task was created, UTC
	Expires     time.Time       `json:"expires,omitzero"`      // after this time no worker starts the task; zero: never
	Data        json.RawMessage `json:"data,omitempty"`        // input for the worker
}

var taskNamePattern = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)*$`)

// CheckTaskName returns an error if name is not a valid task name.
func CheckTaskName(name string) error {
	if len(name) > 200 || !taskNamePattern.MatchString(name) {
		return fmt.Errorf("task name %q: want at most 200 characters: words of a-z, 0-9 and _, "+
			"separated by dots, like parser.page.poll", name)
	}
	return nil
}

// TaskQueue returns the name of the queue for tasks with the given name.
func TaskQueue(name string) string { return "task." + name }

// NewTask returns a task with a new ID. at is the time at which the task was created. NewTask encodes
// data as JSON. If lifetime is positive, the task expires that long after at.
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

// Message encodes the task. The task must have a TID.
func (t Task) Message() (Message, error) {
	if t.TID.IsZero() {
		return Message{}, fmt.Errorf("task %s: the TID is missing", t.ID)
	}
	body, err := json.Marshal(t)
	if err != nil {
		return Message{}, fmt.Errorf("task %s: %w", t.ID, err)
	}
	return Message{Exchange: Tasks, Key: t.Name, ID: t.ID, TID: t.TID, Time: t.Time, Expires: t.Expires, Body: body}, nil
}

// DecodeTask decodes a task. Its errors wrap [ErrPermanent], because retrying cannot fix the bytes.
func DecodeTask(body []byte) (Task, error) {
	var t Task
	if err := json.Unmarshal(body, &t); err != nil {
		return t, Permanent(fmt.Errorf("decoding task: %w", err))
	}
	if t.ID == "" || t.TID.IsZero() {
		return t, Permanent(fmt.Errorf("decoding task %q: the id or the tid is missing", t.Name))
	}
	if err := CheckTaskName(t.Name); err != nil {
		return t, Permanent(fmt.Errorf("decoding task: %w", err))
	}
	return t, nil
}
