package event

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"time"
)

// A Source is a page that matchwire polls. The events that activate and deactivate a source contain
// the Source, and so does every polling task.
type Source struct {
	ID      string   `json:"id"`                // see [SourceID]
	URL     string   `json:"url"`               // can contain {date}, see docs/sources.md
	Profile string   `json:"profile"`           // name of the profile for the page
	Match   string   `json:"match,omitempty"`   // match ID; "" if the page contains it or has many matches
	Every   Interval `json:"every"`             // interval between polls while a match is live
	Request string   `json:"request,omitempty"` // name of the request settings in the config; they can contain secrets
	Zone    string   `json:"zone,omitempty"`    // time zone of {date}; "" means UTC
}

// SourceID returns the ID of a source. The same arguments give the same ID, so a source that is
// activated twice has one schedule. others are further settings that determine the fetched page. An
// empty setting has no effect.
func SourceID(url, match string, others ...string) string {
	text := url + "\n" + match
	for i, other := range others {
		if other != "" {
			text += fmt.Sprintf("\n%d %s", i, other)
		}
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// An Interval is a duration. Its text has the form "15s" or "1m30s".
type Interval time.Duration

// String returns the interval's text.
func (i Interval) String() string { return time.Duration(i).String() }

// MarshalText returns the interval's text.
func (i Interval) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText parses an interval. An interval of less than a second is an error.
func (i *Interval) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	if err != nil || d < time.Second {
		return fmt.Errorf("%q: want a duration of a second or more, like 15s", b)
	}
	*i = Interval(d)
	return nil
}

// abbreviation matches the abbreviation of a time zone, such as EST or EST5EDT.
var abbreviation = regexp.MustCompile(`^[A-Z]{2,5}(\d+([A-Z]+)?)?$`)

// LoadZone returns the time zone with the given IANA name, such as Europe/Berlin. It accepts UTC and GMT, but no
// other abbreviation, because most have several meanings or no summer time.
func LoadZone(name string) (*time.Location, error) {
	known := name == "UTC" || name == "GMT" || !abbreviation.MatchString(name)
	loc, err := time.LoadLocation(name)
	if err != nil || !known || name == "" || name == "Local" {
		return nil, fmt.Errorf("zone %q: want a time zone like Europe/Berlin, not an abbreviation", name)
	}
	return loc, nil
}
