package poll

import (
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
	Match   string        // match ID; "" if the page contains it
	Every   time.Duration // interval between polls while a match is live, a second to a day; 0 means DefaultEvery
	Request string        // name of request settings, see Requests; "" for none
	Zone    string        // time zone of the dates in the URL and in the request settings; "" means UTC
}

// Requests holds request settings by name. Events and tasks contain only the name.
type Requests map[string]*page.Request

const (
	// DefaultEvery is the default interval between polls while a match is live.
	DefaultEvery = 15 * time.Second
	maxEvery     = 24 * time.Hour
)

// A SourceError is an error in one field of a source.
type SourceError struct {
	Field string // url, match, every or zone
	Err   error
}

func (e *SourceError) Error() string { return e.Err.Error() }
func (e *SourceError) Unwrap() error { return e.Err }

// Resolve checks a source and returns it in the form that tasks and events contain. If the profile
// names hosts, the URL must have one of them. The URL must not contain a user or password, because
// events contain the URL. It must not contain an address or a port that p refuses. If the profile
// has no rule for the match ID, s.Match must be set. The error is a [SourceError].
func (s Source) Resolve(p page.Policy) (event.Source, error) {
	fault := func(field string, err error) (event.Source, error) {
		return event.Source{}, &SourceError{field, err}
	}
	u, err := s.Profile.CheckURL(s.URL)
	if err != nil {
		return fault("url", err)
	}
	if u.User != nil {
		return fault("url", fmt.Errorf("URL %q: remove the user or password, which every event would show", u.Redacted()))
	}
	if err := page.CheckAddress(u, p); err != nil {
		return fault("url", err)
	}
	if err := s.Profile.CheckMatch(s.Match); err != nil {
		return fault("match", err)
	}
	if err := CheckDates(s.URL); err != nil {
		return fault("url", fmt.Errorf("URL %w", err))
	}
	if _, err := zoneOf(event.Source{Zone: s.Zone}); err != nil {
		return fault("zone", err)
	}
	if s.Every == 0 {
		s.Every = DefaultEvery
	}
	if s.Every < time.Second || s.Every > maxEvery {
		return fault("every", fmt.Errorf("every %v: want a duration from a second to a day", s.Every))
	}
	u.Scheme, u.Host, u.Fragment, u.RawFragment = strings.ToLower(u.Scheme), strings.ToLower(u.Host), "", ""
	url := withDates(u)
	return event.Source{
		ID: event.SourceID(url, s.Match, s.Request, s.Zone), URL: url, Profile: s.Profile.Name, Match: s.Match,
		Every: event.Interval(s.Every), Request: s.Request, Zone: s.Zone,
	}, nil
}
