package reconcile

import (
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A State is what is remembered about one match between pages. The zero State with an Epoch is the
// state before the first page.
type State struct {
	Epoch    string            `json:"epoch"` // a UUIDv7, minted when the state was created
	Seq      int64             `json:"seq"`   // of the latest event
	Sport    event.Sport       `json:"sport"`
	League   string            `json:"league"`
	Match    event.Match       `json:"match"`
	Score    *event.Score      `json:"score,omitempty"`
	Shootout *event.Score      `json:"shootout,omitempty"`
	Tracked  []TrackedIncident `json:"standing"` // in the order of first sight

	// Untracked counts the events so far whose incident is not tracked, such as
	// status_change. It makes their IDs unique.
	Untracked int `json:"told,omitempty"`

	// Blind counts pages in a row that list no incident although earlier pages
	// did. It is nil if the latest page lists any.
	Blind *Hold `json:"blind,omitempty"`

	// TakenBack counts retractions by series (see identity.go), so that what
	// comes in the place of a retracted incident gets an ID of its own.
	TakenBack map[string]int `json:"taken_back,omitempty"`

	// Views say what each site has shown, by [Provenance.Site].
	Views map[string]View `json:"views,omitempty"`

	// Seen says when each reader last had a page that was believed, to within
	// half a minute. Readers that had none for [StaleAfter] are dropped.
	Seen map[string]time.Time `json:"seen,omitempty"`
}

// Known reports whether a page of the match was reconciled before.
func (s *State) Known() bool { return s.Match.ID != "" }

// nothingPending reports whether a page that says the same as the last one of its site changes
// nothing: no page is held, no score is doubted, no source is stale or blind, no incident is missing.
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

// listedBefore returns how many tracked incidents some page has listed as a row.
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
	Provisional bool   `json:"provisional,omitempty"` // only the score says so; no page has listed it

	Backfill bool   `json:"backfill,omitempty"` // was reported as backfill
	Site     string `json:"source,omitempty"`   // of the page that gave the attributes
	List     int    `json:"list,omitempty"`     // index of the list in that site's profile
	Missing  *Hold  `json:"missing,omitempty"`  // counts complete pages in a row that lack it; nil if none does
}

// A View is what one site has shown of a match. A site is a profile; all its pages share one view.
// All of it comes from pages that were believed, except Hold.
type View struct {
	Rank       int          `json:"rank"`                 // of the status
	Clock      event.Clock  `json:"clock,omitzero"`       // the furthest shown
	Modified   time.Time    `json:"modified,omitzero"`    // the latest Last-Modified
	Score      *event.Score `json:"score,omitempty"`      // the latest that was not in doubt
	Rows       int          `json:"rows,omitempty"`       // number of incidents on the latest page
	Snapshot   string       `json:"snapshot,omitempty"`   // of the latest page, see snapshotOf
	Superseded []string     `json:"superseded,omitempty"` // snapshots of the pages before it
	Observed   uint64       `json:"observed,omitempty"`   // digest of the latest observation
	PageID     string       `json:"page_id,omitempty"`    // the site's own ID of the match

	Hold  *Hold  `json:"hold,omitempty"`  // counts pages in a row that look older; nil if the latest does not
	Doubt *Doubt `json:"doubt,omitempty"` // nil unless the latest page's score is in doubt
}

// A Hold counts polls in a row that found the same: a page that looks older, a row that is missing.
// When it is overdue, what they found counts as true.
type Hold struct {
	Polls  int           `json:"polls"`
	Lasted time.Duration `json:"lasted"` // a gap between two polls adds a minute at most
	Last   time.Time     `json:"last"`   // the latest poll
}

// firstHold returns a hold with one poll.
func firstHold(at time.Time) *Hold { return &Hold{Polls: 1, Last: at} }

// extended returns the hold with one more poll. h is not modified, and may be nil.
func (h *Hold) extended(at time.Time) *Hold {
	if h == nil {
		return firstHold(at)
	}
	gap := max(0, min(at.Sub(h.Last), time.Minute))
	return &Hold{Polls: h.Polls + 1, Lasted: h.Lasted + gap, Last: at}
}

// overdue reports whether the hold has at least this many polls over at least this long.
func (h *Hold) overdue(polls int, long time.Duration) bool {
	return h.Polls >= polls && h.Lasted >= long
}

// A Doubt is a score that one page is not enough for: it is below the known one, or far above it.
type Doubt struct {
	Hold              // counts the pages that agree; as polls only the fresh ones
	Score event.Score `json:"score"`
}
