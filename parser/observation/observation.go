package observation

import (
	"fmt"

	"github.com/matchwire/matchwire/event"
)

// An Observation is all that one page says about one match.
type Observation struct {
	Sport     event.Sport  `json:"sport"`
	League    string       `json:"league,omitempty"`
	Match     event.Match  `json:"match"`           // ID is "" if the page has none
	Score     *event.Score `json:"score,omitempty"` // without a shoot-out; nil if the page has none
	Shootout  *event.Score `json:"shootout,omitempty"`
	Incidents []Incident   `json:"incidents"` // in page order

	// Blind is set if the profile has lists of incidents and the page has no row of any:
	// nothing has happened yet, or the layout has changed.
	Blind bool `json:"blind,omitempty"`

	// Lists says how many rows each of the profile's lists has. It is nil if they were not counted.
	Lists []int `json:"-"`
	// Shared is set if the page can have other matches too.
	Shared bool `json:"-"`
	// PageID is the page's own ID of the match, or "" if it has none.
	PageID string `json:"-"`
}

// An Incident is a row of a page: something that happened in the match.
type Incident struct {
	Kind   event.Kind  `json:"kind"`
	Detail string      `json:"detail"`
	Side   event.Side  `json:"side"`
	Player string      `json:"player"`
	Off    string      `json:"off,omitempty"`
	Assist string      `json:"assist,omitempty"`
	Clock  event.Clock `json:"clock"`
	Path   string      `json:"path"` // where on the page it stands

	Score *event.Score `json:"score,omitempty"` // after it, where scores are not goals
	List  int          `json:"-"`               // index of the profile's list that it is in
}

// A Problem is something that a profile did not find or could not read. The rest of the page is
// usable, unless there is no observation.
type Problem struct {
	Field   string `json:"field"` // "match.home", "matches row 7: match.home", "incidents[0] row 3: clock"
	Message string `json:"message"`
}

// String returns the field and the message, separated by a colon.
func (p Problem) String() string { return p.Field + ": " + p.Message }

// Count returns the number of incidents of kind k of side s.
func (o *Observation) Count(k event.Kind, s event.Side) int {
	n := 0
	for i := range o.Incidents {
		if in := &o.Incidents[i]; in.Kind == k && in.Side == s {
			n++
		}
	}
	return n
}

// ScoredKicks returns the tally of the shoot-out that the listed kicks make.
func (o *Observation) ScoredKicks() event.Score {
	var s event.Score
	for i := range o.Incidents {
		if in := &o.Incidents[i]; in.Kind == event.ShootoutKick {
			s = s.Add(in.Side, KickScored(in.Detail))
		}
	}
	return s
}

// KickScored returns 1 if a shoot-out kick with this detail was scored, and 0 if it was not.
func KickScored(detail string) int {
	if detail == event.Scored {
		return 1
	}
	return 0
}

// Contradictions returns the problems that the observation has with itself: the goals that are
// listed and the score differ. It returns nil if there is no score, or if the score does not count
// goals.
func (o *Observation) Contradictions() []Problem {
	if o.Score == nil || !o.Sport.CountsGoals() {
		return nil
	}
	listed := event.Score{Home: o.Count(event.Goal, event.Home), Away: o.Count(event.Goal, event.Away)}
	if listed == *o.Score {
		return nil
	}
	return []Problem{{"incidents", fmt.Sprintf("the goals listed make %s, the score is %s", listed, *o.Score)}}
}
