// Package deadletters lists, replays and deletes dead letters, for the commands and the HTTP API. Package broker
// defines what a dead letter is.
package deadletters

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
)

// A Store gives access to the dead letters of an installation. A consumer is the name of a consumer, of a part of a
// consumer, or of a queue.
type Store interface {
	// Counts returns the number of dead letters of each consumer.
	Counts(ctx context.Context) ([]Count, error)

	// List calls show for at most limit dead letters of a consumer, oldest first, and returns the number of all its
	// dead letters. It can show fewer than limit. If show returns an error, List returns that error.
	List(ctx context.Context, consumer string, limit int, show func(Letter) error) (total int, err error)

	// Find calls show for the dead letters of a consumer with the given IDs. If an ID does not exist, Find returns an
	// error. If show returns an error, Find returns that error.
	Find(ctx context.Context, consumer string, ids []string, show func(Letter) error) error

	// Move performs an action with selected dead letters of a consumer. It returns their number, even if it also
	// returns an error. If an ID does not exist, Move continues with the other IDs, and then returns an error.
	Move(ctx context.Context, consumer string, s Selection, action broker.DeadAction) (int, error)
}

// A Selection selects dead letters of a consumer.
type Selection struct {
	IDs []string
	All bool // select all; IDs is then empty
}

// A Count is the number of dead letters of a consumer.
type Count struct {
	Consumer string `json:"consumer"`
	Dead     *int   `json:"dead"` // nil if the consumer has no queue yet
}

// A Letter is the JSON form of a dead letter.
type Letter struct {
	ID        string    `json:"id"`
	TID       event.TID `json:"tid,omitzero"`
	Key       string    `json:"key"`
	Attempts  int       `json:"attempts"`
	FirstSeen time.Time `json:"first_seen"`
	Reason    string    `json:"reason"`
	// Message is the body of the message. A body that is not valid JSON is encoded as a string.
	Message json.RawMessage `json:"message"`
}

// letterOf returns the JSON form of a dead letter.
func letterOf(l broker.DeadLetter) Letter {
	body := json.RawMessage(l.Body)
	if !json.Valid(l.Body) {
		body, _ = json.Marshal(string(l.Body)) // a string always has a JSON encoding
	}
	return Letter{l.ID, l.TID, l.Key, l.Attempt, l.FirstSeen, l.Reason, body}
}

// Queue returns the name of the queue of a consumer, without the suffix .dead. It also accepts the name
// of a queue.
func Queue(consumer string) string {
	if strings.HasPrefix(consumer, "consumer.") || strings.HasPrefix(consumer, "task.") {
		return strings.TrimSuffix(consumer, ".dead")
	}
	return consumers.QueueName(consumer)
}

// A MissingError reports that a queue has no dead letters with some IDs.
type MissingError struct {
	Queue string
	IDs   []string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s has no dead letters with these IDs: %s", e.Queue, strings.Join(e.IDs, ", "))
}
