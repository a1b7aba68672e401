package event

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// A Source is a page to poll for the matches on it. It is part of the events that activate and
// deactivate it, and of every task to poll it.
type Source struct {
	ID      string   `json:"id"` // see [SourceID]
	URL     string   `json:"url"`
	Profile string   `json:"profile"`         // name of the profile that reads the page
	Match   string   `json:"match,omitempty"` // match ID; "" if the page gives it, or has many matches
	Every   Interval `json:"every"`           // between two polls while a match is live
}

// SourceID returns the ID of a source. The same URL and match give the same ID, so a source that is
// activated twice has one schedule.
func SourceID(url, match string) string {
	sum := sha256.Sum256([]byte(url + "\n" + match))
	return hex.EncodeToString(sum[:8])
}

// An Interval is a duration whose text is written like "15s" or "1m30s".
type Interval time.Duration

// String returns the interval's text.
func (i Interval) String() string { return time.Duration(i).String() }

// MarshalText returns the interval's text.
func (i Interval) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText parses an interval. It must be at least a second.
func (i *Interval) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	if err != nil || d < time.Second {
		return fmt.Errorf("%q: want a duration of a second or more, like 15s", b)
	}
	*i = Interval(d)
	return nil
}
