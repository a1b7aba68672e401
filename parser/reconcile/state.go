package reconcile

import (
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A State is the saved state of one match. A State with an Epoch and nothing else is the state
// before the first page.
type State struct {
	Epoch    string            `json:"epoch"` // a UUIDv7, made when the state was created
	Seq      int64             `json:"seq"`   // of the latest event
	Sport    event.Sport       `json:"sport"`
	League   string            `json:"league"`
	Match    event.Match       `json:"match"`
	Score    *event.Score      `json:"score,omitempty"`
	Shootout *event.Score      `json:"shootout,omitempty"`
	Tracked  []TrackedIncident `json:"standing"` // in the order in which they were reported

	// Untracked is the number of events so far whose incident is not tracked, such as
	// status_change. It makes their IDs unique.
	Untracked int `json:"told,omitempty"`

	// Blind counts pages in a row that list no incident although earlier pages did. It is nil if
	// the latest page lists any.
	Blind *Hold `json:"blind,omitempty"`

	// Retractions counts retractions by series (see identity.go). The count is part of the IDs of
	// new incidents, so that they do not get the IDs of retracted ones.
	Retractions map[string]int `json:"taken_back,omitempty"`

	// Views has what each site has shown, by [Provenance.Site].
	Views map[string]View `json:"views,omitempty"`

	// Seen is when each reader last had a believed page, to within 30 seconds. Readers that had
	// none for [StaleAfter] are removed.
	Seen map[string]time.Time `json:"seen,omitempty"`
}

// Known reports whether a page of the match has been reconciled.
func (s *State) Known() bool { return s.Match.ID != "" }

// nothingPending reports whether another page that says the same would change nothing. That is so
// if no page is held, no score is in doubt, no source is stale or blind, and no incident is
// missing. v is the view of the page's site.
func (s *State) nothingPending(v *View) bool {
	return v.Hold == nil && v.Doubt == nil && s.Blind == nil && s.Match.Stale == nil &&
		!slices.ContainsFunc(s.Tracked, func(st TrackedIncident) bool { return st.Missing != nil })
}

// of returns the indexes of the tracked incidents of a kind and side, in order.
func (s *State) of(k event.Kind, side event.Side) []int {
	var at []int
	for i := range s.Tracked {
		if s.Tracked[i].Kind == k && s.Tracked[i].Side == side {
			at = append(at, i)
		}
	}
	return at
}

// listedBefore returns the number of tracked incidents that some page has listed.
func (s *State) listedBefore() (n int) {
	for i := range s.Tracked {
		if st := &s.Tracked[i]; st.Side != "" && !st.Provisional {
			n++
		}
	}
	return n
}

// A TrackedIncident is an incident that was reported and not retracted.
type TrackedIncident struct {
	observation.Incident
	ID          string `json:"id"`                    // never changes
	Rev         int    `json:"rev"`                   // 1, and one more with each correction
	Event       string `json:"event"`                 // ID of the latest event about it
	Provisional bool   `json:"provisional,omitempty"` // only the score implies it; no page has listed it

	Backfill bool   `json:"backfill,omitempty"` // it was reported as backfill
	Site     string `json:"source,omitempty"`   // of the page that gave its attributes
	List     int    `json:"list,omitempty"`     // index of its list in that site's profile
	Missing  *Hold  `json:"missing,omitempty"`  // counts complete pages in a row that lack it; nil if the latest does not
}

// A View is what one site has shown of a match. All pages with the same profile are one site. All
// fields but Hold are from believed pages.
type View struct {
	Rank       int          `json:"rank"`                 // of the status
	Clock      event.Clock  `json:"clock,omitzero"`       // the latest in the match
	Modified   time.Time    `json:"modified,omitzero"`    // the latest Last-Modified
	Score      *event.Score `json:"score,omitempty"`      // the latest that was not in doubt
	Rows       int          `json:"rows,omitempty"`       // number of incidents on the latest page
	Snapshot   string       `json:"snapshot,omitempty"`   // of the latest page, see snapshotOf
	Superseded []string     `json:"superseded,omitempty"` // snapshots of the pages before it
	Observed   uint64       `json:"observed,omitempty"`   // digest of the latest observation
	PageID     string       `json:"page_id,omitempty"`    // the site's own ID of the match

	Hold  *Hold  `json:"hold,omitempty"`  // counts pages in a row that look older; nil if the latest does not
	Doubt *Doubt `json:"doubt,omitempty"` // nil unless the score of the latest page is in doubt
}

// A Hold counts polls in a row with the same finding, such as a page that looks older or a missing
// row. When the hold is overdue, the finding is believed.
type Hold struct {
	Polls  int           `json:"polls"`
	Lasted time.Duration `json:"lasted"` // each time between two polls adds at most a minute
	Last   time.Time     `json:"last"`   // the latest poll
}

// firstHold returns a hold with one poll.
func firstHold(at time.Time) *Hold { return &Hold{Polls: 1, Last: at} }

// extended returns the hold with one more poll. It does not modify h, which may be nil.
func (h *Hold) extended(at time.Time) *Hold {
	if h == nil {
		return firstHold(at)
	}
	gap := max(0, min(at.Sub(h.Last), time.Minute))
	return &Hold{Polls: h.Polls + 1, Lasted: h.Lasted + gap, Last: at}
}

// overdue reports whether the hold has at least this many polls, and has lasted at least this long.
func (h *Hold) overdue(polls int, long time.Duration) bool {
	return h.Polls >= polls && h.Lasted >= long
}

// A Doubt is a score that one page is not enough to believe, because it is below the known one or
// far above it.
type Doubt struct {
	Hold              // of the pages that agree; Polls only counts fresh ones
	Score event.Score `json:"score"`
}
