package poll

import (
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// A sourceState is the saved polling state of a source. It is stored as JSON. Other processes may
// run an older or a newer version, so the member names must not change.
type sourceState struct {
	Hash       uint64   `json:"hash,omitempty"`      // hash of the latest page
	Unchanged  int      `json:"unchanged,omitempty"` // number of polls in a row with the same hash as the poll before
	Newest     uint64   `json:"newest,omitempty"`    // for lists of matches: hash of the newest page, see recordPage
	Superseded []uint64 `json:"gone,omitempty"`      // hashes of the pages that newer pages replaced, oldest first

	Failures  int       `json:"fails,omitempty"`     // number of polls in a row without a usable page
	Usable    time.Time `json:"good,omitzero"`       // time of the latest usable page, or if none, the first failed poll
	Problems  string    `json:"said,omitempty"`      // problems of the latest page, as they were logged
	Warning   string    `json:"warned,omitempty"`    // why the latest page, or a match on it, was not ingested
	Forbidden string    `json:"forbidden,omitempty"` // why no more requests are sent to the site; "" if requests are sent

	// OtherSport records the latest page about another sport. A later page with a period of the
	// profile's sport sets it to nil.
	OtherSport *otherSport `json:"other_sport,omitempty"`

	Shown map[string]time.Time `json:"shown,omitempty"`  // key: match ID; when a page last showed the match
	Stale map[string]bool      `json:"quiets,omitempty"` // key: match ID; whether the match is done, see recordStale

	Refused map[string]string `json:"refused,omitempty"` // key: match ID; why the latest page was ignored for the match

	Activated event.TID `json:"activated,omitzero"` // TID of the job that activated the source

	// The fields below are used only if the page of the source depends on the date.
	Day      string       `json:"day,omitempty"`      // date of the page, like 2006-01-02
	Playing  []string     `json:"playing,omitempty"`  // matches that the latest usable page showed as begun and not final
	Played   time.Time    `json:"played,omitzero"`    // when a page last showed a match that was being played
	Previous *sourceState `json:"previous,omitempty"` // state for the page of the day before, while that page is polled
}

// An otherSport records a page that contradicted the sport of its profile.
type otherSport struct {
	Sport event.Sport `json:"sport"` // of the profile
	Why   string      `json:"why"`
	At    time.Time   `json:"at"`
}

// mayBeOtherSport reports whether a page without a period may be about another sport, because a page
// of the source was about another sport less than forgottenAfter ago. If the source has shown a
// match, mayBeOtherSport returns false until reconcile.StalePolls polls in a row have failed.
func (s *sourceState) mayBeOtherSport(sport event.Sport, at time.Time) bool {
	trusted := len(s.Shown) > 0 && s.Failures < reconcile.StalePolls
	return s.OtherSport != nil && s.OtherSport.Sport == sport && at.Sub(s.OtherSport.At) < forgottenAfter && !trusted
}

// maxSuperseded is the maximum number of hashes in Superseded.
const maxSuperseded = 64

// recordPage records the hash of a page, and reports whether a newer page has already replaced it.
// If not, the page becomes the newest.
func (s *sourceState) recordPage(hash uint64) bool {
	switch {
	case hash == s.Newest:
		return false
	case slices.Contains(s.Superseded, hash):
		return true
	}
	s.Superseded = append(s.Superseded, s.Newest)
	s.Superseded = s.Superseded[max(0, len(s.Superseded)-maxSuperseded):]
	s.Newest = hash
	return false
}

// countUnchanged updates Hash and Unchanged for a page with the given hash.
func (s *sourceState) countUnchanged(hash uint64) {
	if s.Unchanged++; s.Hash != hash {
		s.Hash, s.Unchanged = hash, 0
	}
}

// recordShown records that a page showed a match. The match can then become stale again.
func (s *sourceState) recordShown(match string, at time.Time) {
	if s.Shown == nil {
		s.Shown = map[string]time.Time{}
	}
	s.Shown[match] = at
	delete(s.Stale, match)
}

// recordRefused records why the page was ignored for a match. If no page has shown the match yet,
// recordRefused sets its time in Shown to at, so that the match can become stale.
func (s *sourceState) recordRefused(match string, at time.Time, why string) {
	if s.Refused == nil {
		s.Refused = map[string]string{}
	}
	s.Refused[match] = why
	if _, known := s.Shown[match]; !known {
		if s.Shown == nil {
			s.Shown = map[string]time.Time{}
		}
		s.Shown[match] = at
	}
}

// recordStale records whether a match is done. A match that is done need not be marked as stale again.
func (s *sourceState) recordStale(match string, done bool) {
	if s.Stale == nil {
		s.Stale = map[string]bool{}
	}
	s.Stale[match] = done
}
