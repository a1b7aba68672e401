package parser

import (
	"fmt"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

// An Observation is all that one page says of one match. Nothing in it is
// remembered from other pages.
type Observation struct {
	Sport     event.Sport  `json:"sport"`
	League    string       `json:"league,omitempty"`
	Match     event.Match  `json:"match"`            // ID "" where the page has none
	Period    event.Period `json:"period,omitempty"` // being played, or the break
	Clock     event.Clock  `json:"clock,omitzero"`   // the page's own
	Score     *event.Score `json:"score,omitempty"`  // without a shoot-out
	Shootout  *event.Score `json:"shootout,omitempty"`
	Incidents []Incident   `json:"incidents"`
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
}

// A Problem is something a profile did not find or could not read. The rest of
// the page stands all the same, unless there is no observation.
type Problem struct {
	Field   string `json:"field"` // "match.home", "incidents[0] row 3: clock"
	Message string `json:"message"`
}

func (p Problem) String() string { return p.Field + ": " + p.Message }

// A Page is the bytes of one fetch of one URL.
type Page struct {
	URL         string
	ContentType string    // of the response; may be empty
	Body        []byte    // as sent, in the page's own charset
	At          time.Time // when it was read
}

// count is how many incidents of a kind a side has.
func (o *Observation) count(k event.Kind, s event.Side) int {
	n := 0
	for _, in := range o.Incidents {
		if in.Kind == k && in.Side == s {
			n++
		}
	}
	return n
}

// contradictions says where the observation disagrees with itself.
func (o *Observation) contradictions() []Problem {
	if o.Score == nil || len(o.Incidents) == 0 || !o.Sport.CountsGoals() {
		return nil
	}
	got := event.Score{Home: o.count(event.Goal, event.Home), Away: o.count(event.Goal, event.Away)}
	if got == *o.Score {
		return nil
	}
	return []Problem{{"incidents", fmt.Sprintf("the goals listed make %d-%d, the score is %d-%d",
		got.Home, got.Away, o.Score.Home, o.Score.Away)}}
}

// fold makes a name comparable: without case, diacritics and punctuation.
func fold(name string) string { return strings.ReplaceAll(event.Slug(name), "_", "") }
