package parser

import (
	"github.com/matchwire/matchwire/event"
)

// A State is what is remembered of one match between pages.
type State struct {
	Epoch    string       `json:"epoch"` // a UUIDv7, minted when the state was created
	Seq      int64        `json:"seq"`   // of the latest event
	Sport    event.Sport  `json:"sport"`
	League   string       `json:"league"`
	Match    event.Match  `json:"match"`
	Period   event.Period `json:"period,omitempty"`
	Score    *event.Score `json:"score,omitempty"`
	Shootout *event.Score `json:"shootout,omitempty"`
	Changes  int          `json:"changes,omitempty"` // status_change events so far
	Standing []Standing   `json:"standing"`          // in the order of first sight
}

// A Standing is an incident that was reported and stands.
type Standing struct {
	Incident
	ID          string `json:"id"` // never changes, whatever becomes of the incident
	Rev         int    `json:"rev"`
	Event       string `json:"event"` // ID of the latest event about it
	Provisional bool   `json:"provisional,omitempty"`
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
