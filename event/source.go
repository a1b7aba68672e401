package event

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// A Source is a page that is polled for the matches on it. It travels in the
// events that activate and deactivate it and in every task to read it.
type Source struct {
	ID      string   `json:"id"` // see [SourceID]
	URL     string   `json:"url"`
	Profile string   `json:"profile"`         // name of the profile that reads the page
	Match   string   `json:"match,omitempty"` // the match's ID; "" where the page has one of its own, or many matches
	Every   Interval `json:"every"`           // between two readings while a match is live
}

// SourceID is the identity of a source: one URL that is read for one match has
// one schedule, however often it is activated.
func SourceID(url, match string) string {
	sum := sha256.Sum256([]byte(url + "\n" + match))
	return hex.EncodeToString(sum[:8])
}

// An Interval is a duration that is written "15s" or "1m30s".
type Interval time.Duration

// String writes the interval.
func (i Interval) String() string { return time.Duration(i).String() }

// MarshalText writes the interval.
func (i Interval) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads an interval of a second or more.
func (i *Interval) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	if err != nil || d < time.Second {
		return fmt.Errorf("%q: want a duration of a second or more, like 15s", b)
	}
	*i = Interval(d)
	return nil
}
