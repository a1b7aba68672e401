package reconcile

import (
	"maps"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A View is what one source has shown of a match.
type View struct {
	Rank       int          `json:"rank"` // of the newest page that was believed, as are all of these
	Clock      event.Clock  `json:"clock,omitzero"`
	Modified   time.Time    `json:"modified,omitzero"` // its Last-Modified
	Score      *event.Score `json:"score,omitempty"`
	Rows       int          `json:"rows,omitempty"`       // incidents that it listed
	Snapshot   string       `json:"snapshot,omitempty"`   // digest of its bytes; the same for all where the bytes are of many matches
	Superseded []string     `json:"superseded,omitempty"` // digests of pages that it and others replaced
	Observed   uint64       `json:"observed,omitempty"`   // digest of what it said
	PageID     string       `json:"page_id,omitempty"`    // what the source calls the match

	Hold  *Hold  `json:"hold,omitempty"`  // nil unless the latest pages looked older
	Doubt *Doubt `json:"doubt,omitempty"` // nil unless the latest fresh page had fewer goals
}

// A Hold counts polls in a row that were alike.
type Hold struct {
	Polls  int           `json:"polls"`
	Lasted time.Duration `json:"lasted"` // a gap between two polls counts for a minute at most: nobody looked
	Last   time.Time     `json:"last"`
}

// again is the hold after one more poll; h may be nil.
func (h *Hold) again(at time.Time) *Hold {
	if h == nil {
		return &Hold{Polls: 1, Last: at}
	}
	gap := max(0, min(at.Sub(h.Last), time.Minute))
	return &Hold{Polls: h.Polls + 1, Lasted: h.Lasted + gap, Last: at}
}

// overdue reports whether it has been for so many polls over so long.
func (h *Hold) overdue(polls int, long time.Duration) bool {
	return h.Polls >= polls && h.Lasted >= long
}

// keepView puts the view back into the state.
func (c *comparison) keepView() {
	views := maps.Clone(c.state.Views)
	if views == nil {
		views = map[string]View{}
	}
	views[c.reading.Source] = c.view
	c.state.Views = views
}
