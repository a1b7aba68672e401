package poll

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// A Source is a page to poll.
type Source struct {
	URL     string
	Profile *profile.Profile
	Match   string        // "" where the page names its match
	Every   time.Duration // between two polls while a match is live; at least a second
}

const (
	// DefaultEvery is the time between two polls while a match is live.
	DefaultEvery = 15 * time.Second
	maxEvery     = 24 * time.Hour
)

// A SourceError says which field of a source is wrong.
type SourceError struct {
	Field string // url, match or every
	Err   error
}

func (e *SourceError) Error() string { return e.Err.Error() }
func (e *SourceError) Unwrap() error { return e.Err }

// Resolve checks a source, and returns it as tasks and events name it. Its URL must be of the
// profile's hosts and hold no password, since every event names it; it must name no private address
// unless private is true; and the match must have an ID. An error is a [SourceError].
func (s Source) Resolve(private bool) (event.Source, error) {
	fault := func(field string, err error) (event.Source, error) {
		return event.Source{}, &SourceError{field, err}
	}
	u, err := s.Profile.CheckURL(s.URL)
	if err != nil {
		return fault("url", err)
	}
	if u.User != nil {
		return fault("url", fmt.Errorf("URL %q: a user or password would stand in every event", u.Redacted()))
	}
	if !private && page.IsPrivate(u) {
		return fault("url", &page.PrivateError{Host: u.Hostname()})
	}
	if err := s.Profile.CheckMatch(s.Match); err != nil {
		return fault("match", err)
	}
	if s.Every == 0 {
		s.Every = DefaultEvery
	}
	if s.Every < time.Second || s.Every > maxEvery {
		return fault("every", errors.New("every "+event.Interval(s.Every).String()+": want a second to a day"))
	}
	u.Scheme, u.Host, u.Fragment, u.RawFragment = strings.ToLower(u.Scheme), strings.ToLower(u.Host), "", ""
	url := u.String()
	return event.Source{ID: event.SourceID(url, s.Match), URL: url, Profile: s.Profile.Name, Match: s.Match, Every: event.Interval(s.Every)}, nil
}
