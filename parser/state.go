package parser

import (
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A State is what is remembered of one match between pages.
type State struct {
	Epoch    string       `json:"epoch"` // a UUIDv7, minted when the state was created
	Seq      int64        `json:"seq"`   // of the latest event
	Sport    event.Sport  `json:"sport"`
	League   string       `json:"league"`
	Match    event.Match  `json:"match"`
	Score    *event.Score `json:"score,omitempty"`
	Shootout *event.Score `json:"shootout,omitempty"`
	Changes  int          `json:"changes,omitempty"` // status_change events so far
	Standing []Standing   `json:"standing"`          // in the order of first sight

	// TakenBack counts retractions by what was taken back, so that what comes
	// in its place has an identity of its own.
	TakenBack map[string]int `json:"taken_back,omitempty"`

	Frontier   Frontier          `json:"frontier"`
	Hold       *Hold             `json:"hold,omitempty"`       // nil unless the latest pages looked older
	Doubt      *Doubt            `json:"doubt,omitempty"`      // nil unless a fresh page had fewer goals
	Snapshot   string            `json:"snapshot,omitempty"`   // digest of the newest page believed
	Superseded []string          `json:"superseded,omitempty"` // digests of pages that it and others replaced
	Observed   uint64            `json:"observed,omitempty"`   // digest of what that page said
	PageIDs    map[string]string `json:"page_ids,omitempty"`   // what each source's pages call the match

	Seen   time.Time `json:"seen,omitzero"`    // when a page was last believed, give or take seenStep
	Blind  *Hold     `json:"blind,omitempty"`  // nil unless the latest pages list no incident any more
	Health int       `json:"health,omitempty"` // source_stale and source_fresh events so far
}

// settled reports whether a page that says the same as the last one can change
// nothing: no page is held or doubted, and nothing is missing.
func (s *State) settled() bool {
	return s.Hold == nil && s.Doubt == nil && s.Blind == nil && s.Match.Stale == nil &&
		!slices.ContainsFunc(s.Standing, func(st Standing) bool { return st.Missing > 0 })
}

// A Standing is an incident that was reported and stands.
type Standing struct {
	Incident
	ID          string `json:"id"` // never changes, whatever becomes of the incident
	Rev         int    `json:"rev"`
	Event       string `json:"event"` // ID of the latest event about it
	Provisional bool   `json:"provisional,omitempty"`

	Missing int       `json:"missing,omitempty"` // complete pages in a row that lack it
	Since   time.Time `json:"since,omitzero"`    // the first of them
}

// seen reports whether any page of the match was read before.
func (s *State) seen() bool { return s.Match.ID != "" }

// find is the index of the incident with this identity, or -1.
func (s *State) find(id string) int {
	for i := range s.Standing {
		if s.Standing[i].ID == id {
			return i
		}
	}
	return -1
}

// of lists the indexes of the incidents of a kind and side, in order.
func (s *State) of(k event.Kind, side event.Side) []int {
	var at []int
	for i := range s.Standing {
		if s.Standing[i].Kind == k && s.Standing[i].Side == side {
			at = append(at, i)
		}
	}
	return at
}
