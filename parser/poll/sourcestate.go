package poll

import (
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A sourceState is what is known of a source from one page to the next. It is saved as JSON.
// Other processes may run an older or a newer version, so the member names stay as they are, also
// where the Go names are better.
type sourceState struct {
	Hash       uint64   `json:"hash,omitempty"`      // of the latest page's bytes
	Unchanged  int      `json:"unchanged,omitempty"` // pages in a row with the bytes of the one before
	Newest     uint64   `json:"newest,omitempty"`    // hash of the newest page, as far as bytes tell
	Superseded []uint64 `json:"gone,omitempty"`      // hashes of pages that newer ones replaced, oldest first

	Failures  int       `json:"fails,omitempty"`     // polls in a row without a usable page
	Usable    time.Time `json:"good,omitzero"`       // when the latest usable page was read, or tracking began
	Problems  string    `json:"said,omitempty"`      // what the latest page lacked, as it was logged
	Warning   string    `json:"warned,omitempty"`    // why the latest page was not ingested, wholly or in part
	Forbidden string    `json:"forbidden,omitempty"` // why the site is not asked any more

	Shown map[string]time.Time `json:"shown,omitempty"`  // match: when a page last showed it
	Stale map[string]bool      `json:"quiets,omitempty"` // match: whether it needs no more marking as stale

	Activated event.TID `json:"activated,omitzero"` // the job that activated the source
}

// maxSuperseded bounds the hashes of superseded pages that are kept.
const maxSuperseded = 64

// notePage notes a page by its hash, and reports whether it is an old one: its bytes were
// replaced by others before.
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

// countUnchanged counts pages in a row with the same bytes.
func (s *sourceState) countUnchanged(hash uint64) {
	if s.Unchanged++; s.Hash != hash {
		s.Hash, s.Unchanged = hash, 0
	}
}

// shows notes that a page showed a match.
func (s *sourceState) shows(match string, at time.Time) {
	if s.Shown == nil {
		s.Shown = map[string]time.Time{}
	}
	s.Shown[match] = at
	delete(s.Stale, match)
}

// noteStale notes whether a match needs no more marking as stale.
func (s *sourceState) noteStale(match string, done bool) {
	if s.Stale == nil {
		s.Stale = map[string]bool{}
	}
	s.Stale[match] = done
}
