package poll

import (
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A sourceState is the saved polling state of a source. It is saved as JSON. Other processes may
// run an older or a newer version, so the member names must not change, although the Go names are
// better.
type sourceState struct {
	Hash       uint64   `json:"hash,omitempty"`      // of the latest page's bytes
	Unchanged  int      `json:"unchanged,omitempty"` // pages in a row with the same bytes as the page before
	Newest     uint64   `json:"newest,omitempty"`    // hash of the newest page, see notePage
	Superseded []uint64 `json:"gone,omitempty"`      // hashes of the pages that newer ones replaced, oldest first

	Failures  int       `json:"fails,omitempty"`     // polls in a row without a usable page
	Usable    time.Time `json:"good,omitzero"`       // when the latest usable page was read, or tracking began
	Problems  string    `json:"said,omitempty"`      // problems of the latest page, as they were logged
	Warning   string    `json:"warned,omitempty"`    // why the latest page, or a match on it, was not ingested
	Forbidden string    `json:"forbidden,omitempty"` // why the site gets no more requests

	Shown map[string]time.Time `json:"shown,omitempty"`  // by match: when a page last showed it
	Stale map[string]bool      `json:"quiets,omitempty"` // by match: true if it need not be marked as stale

	Activated event.TID `json:"activated,omitzero"` // the job that activated the source
}

// maxSuperseded bounds the number of hashes in Superseded.
const maxSuperseded = 64

// notePage records the hash of a page. It reports whether the page is an old one, which others
// replaced before. A page that is neither old nor the newest becomes the newest.
func (s *sourceState) notePage(hash uint64) bool {
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

// countUnchanged sets Unchanged after a page with this hash.
func (s *sourceState) countUnchanged(hash uint64) {
	if s.Unchanged++; s.Hash != hash {
		s.Hash, s.Unchanged = hash, 0
	}
}

// noteShown records that a page showed a match.
func (s *sourceState) noteShown(match string, at time.Time) {
	if s.Shown == nil {
		s.Shown = map[string]time.Time{}
	}
	s.Shown[match] = at
	delete(s.Stale, match)
}

// noteStale records whether a match need not be marked as stale again.
func (s *sourceState) noteStale(match string, done bool) {
	if s.Stale == nil {
		s.Stale = map[string]bool{}
	}
	s.Stale[match] = done
}
