package reconcile

import (
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A State is what is remembered of one match between pages.
type State struct {
	Epoch     string            `json:"epoch"` // a UUIDv7, minted when the state was created
	Seq       int64             `json:"seq"`   // of the latest event
	Sport     event.Sport       `json:"sport"`
	League    string            `json:"league"`
	Match     event.Match       `json:"match"`
	Score     *event.Score      `json:"score,omitempty"`
	Shootout  *event.Score      `json:"shootout,omitempty"`
	Tracked   []TrackedIncident `json:"standing"`        // in the order of first sight
	Untracked int               `json:"told,omitempty"`  // events so far that tell of no incident that stands
	Blind     *Hold             `json:"blind,omitempty"` // nil unless the latest pages list no incident any more

	// TakenBack counts retractions by what was taken back, so that what comes
	// in its place has an identity of its own.
	TakenBack map[string]int `json:"taken_back,omitempty"`

	// Views are what each source has shown, by [Provenance.Source]: only its own
	// pages tell whether a page of its is fresh.
	Views map[string]View `json:"views,omitempty"`
	// Seen is when each reader of each source last had a page that was
	// believed, give or take seenStep; those of the last minutes alone.
	Seen map[string]time.Time `json:"seen,omitempty"`
}

// settled reports whether a page that says the same as the last one of its
// source can change nothing: nothing is held, doubted or missing.
func (s *State) settled(v View) bool {
	return v.Hold == nil && v.Doubt == nil && s.Blind == nil && s.Match.Stale == nil &&
		!slices.ContainsFunc(s.Tracked, func(st TrackedIncident) bool { return st.Missing != nil })
}

// A Standing is an incident that was reported and stands.
type TrackedIncident struct {
	observation.Incident
	ID          string `json:"id"` // never changes, whatever becomes of the incident
	Rev         int    `json:"rev"`
	Event       string `json:"event"` // ID of the latest event about it
	Provisional bool   `json:"provisional,omitempty"`

	Backfill bool   `json:"backfill,omitempty"` // was reported as such: who scored it is no news either
	Source   string `json:"source,omitempty"`   // whose word it is
	List     int    `json:"list,omitempty"`     // of its profile
	Missing  *Hold  `json:"missing,omitempty"`  // nil unless complete pages lack it
}

// seen reports whether any page of the match was read before.
func (s *State) Known() bool { return s.Match.ID != "" }

// of lists the indexes of the incidents of a kind and side, in order.
func (s *State) of(k event.Kind, side event.Side) []int {
	var at []int
	for i := range s.Tracked {
		if s.Tracked[i].Kind == k && s.Tracked[i].Side == side {
			at = append(at, i)
		}
	}
	return at
}
