package observation

import (
	"fmt"

	"github.com/matchwire/matchwire/event"
)

// An Observation is everything that one page says about one match.
type Observation struct {
	Sport     event.Sport  `json:"sport"`
	League    string       `json:"league,omitempty"`
	Match     event.Match  `json:"match"`           // ID is "" if the page has none
	Score     *event.Score `json:"score,omitempty"` // without the kicks of a shoot-out; nil if the page has none
	Shootout  *event.Score `json:"shootout,omitempty"`
	Incidents []Incident   `json:"incidents"` // in page order

	// Blind is set if the profile has lists of incidents that are not optional, and all its lists
	// are empty. Nothing has happened yet, or the layout has changed.
	Blind bool `json:"blind,omitempty"`

	// Lists has the number of rows of each list in the profile. It is nil if the rows were not
	// counted.
	Lists []int `json:"-"`
	// Shared is set if the page can have other matches.
	Shared bool `json:"-"`
	// PageID is the page's own ID of the match, or "" if it has none.
	PageID string `json:"-"`
}

// An Incident is something that happened in the match, as one row of a page shows it.
type Incident struct {
	Kind   event.Kind  `json:"kind"`
	Detail string      `json:"detail"`
	Side   event.Side  `json:"side"`
	Player string      `json:"player"`
	Off    string      `json:"off,omitempty"`
	Assist string      `json:"assist,omitempty"`
	Clock  event.Clock `json:"clock"`
	Path   string      `json:"path"` // the row's place on the page, see event.Evidence

	Score *event.Score `json:"score,omitempty"` // after the incident, if the row shows it
	List  int          `json:"-"`               // index of its list in the profile
}

// A Problem is a value that a profile did not find or understand. The rest of the page is usable.
type Problem struct {
	Field   string `json:"field"` // "match.home", "matches row 7: match.home", "incidents[0] row 3: clock"
	Message string `json:"message"`
}

// String returns "field: message".
func (p Problem) String() string { return p.Field + ": " + p.Message }

// Count returns the number of incidents of kind k for side s.
func (o *Observation) Count(k event.Kind, s event.Side) int {
	n := 0
	for i := range o.Incidents {
		if in := &o.Incidents[i]; in.Kind == k && in.Side == s {
			n++
		}
	}
	return n
}

// ScoredKicks counts the listed shoot-out kicks that were scored.
func (o *Observation) ScoredKicks() event.Score {
	var s event.Score
	for i := range o.Incidents {
		if in := &o.Incidents[i]; in.Kind == event.ShootoutKick {
			s = s.Add(in.Side, KickScored(in.Detail))
		}
	}
	return s
}

// KickScored returns 1 if a shoot-out kick with this detail was scored, otherwise 0.
func KickScored(detail string) int {
	if detail == event.Scored {
		return 1
	}
	return 0
}

// Contradictions returns a problem if the listed goals do not add up to the score. It returns nil
// if there is no score, or if the sport's score is not the number of goals.
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
