// Package emit creates events from facts that a person or another program states, for the command emit and the HTTP
// API.
package emit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/matchwire/matchwire/event"
)

// CheckKey returns an error if a routing key is invalid, or if its sport or kind is unknown and anyKind is not set.
// option is how the caller can set anyKind.
func CheckKey(key string, anyKind bool, option string) error {
	if anyKind {
		return event.CheckKey(key)
	}
	err := event.CheckKnownKey(key)
	if err != nil && event.CheckKey(key) == nil {
		err = fmt.Errorf("%w (%s publishes it anyway)", err, option)
	}
	return err
}

// Event returns an event with the given routing key, facts, TID and time. facts is a JSON object with members of
// [event.Data].
func Event(key string, facts []byte, tid event.TID, at time.Time) (event.Event, error) {
	var d event.Data
	dec := json.NewDecoder(bytes.NewReader(facts))
	dec.DisallowUnknownFields()
	err := dec.Decode(&d)
	if err == nil && dec.More() {
		err = errors.New("more than one JSON value")
	}
	var e event.Event
	if err == nil {
		e, err = event.Of(key, d, at)
	}
	if err != nil {
		return e, fmt.Errorf("facts: %w", err)
	}
	e.TID = tid
	return e, nil
}
