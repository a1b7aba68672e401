package fanout

import (
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
)

// Bounds of the fold: beyond the first the match that was silent longest goes,
// beyond the second a match's oldest incident.
const (
	maxMatches   = 500
	maxIncidents = 500
)

// A MatchState is what the log says of one match so far.
type MatchState struct {
	Match     event.Match  `json:"match"`
	Sport     event.Sport  `json:"sport"`
	League    string       `json:"league"`
	Score     *event.Score `json:"score,omitempty"`
	Shootout  *event.Score `json:"shootout,omitempty"`
	Replay    bool         `json:"replay,omitempty"`
	Updated   time.Time    `json:"updated"` // when the page behind the latest event was read
	TID       event.TID    `json:"tid"`
	Incidents []Incident   `json:"incidents"` // those that stand, in the order they were reported

	Epoch string `json:"epoch,omitempty"`
	Seq   int64  `json:"seq,omitempty"`

	touched int64 // counts events; tells which match was silent longest
}

// An Incident is one that stands.
type Incident struct {
	Incident    string       `json:"incident"`
	Key         string       `json:"key"` // routing key of the latest event about it
	Kind        event.Kind   `json:"kind"`
	Detail      string       `json:"detail,omitempty"`
	Side        event.Side   `json:"side,omitempty"`
	Team        string       `json:"team,omitempty"`
	Player      string       `json:"player,omitempty"`
	Off         string       `json:"off,omitempty"`
	Assist      string       `json:"assist,omitempty"`
	Time        string       `json:"time,omitempty"`
	Clock       *event.Clock `json:"clock,omitempty"`
	Score       *event.Score `json:"score,omitempty"`
	Shootout    *event.Score `json:"shootout,omitempty"`
	Rev         int          `json:"rev,omitempty"`
	Provisional bool         `json:"provisional,omitempty"`
	TID         event.TID    `json:"tid"`
}

// A fold is the state of all matches at one position of the log.
type fold struct {
	matches map[string]*MatchState
	events  int64
	byHand  recent // IDs of events without a place in a sequence
}

func newFold() fold {
	return fold{matches: map[string]*MatchState{}, byHand: recent{has: map[string]bool{}}}
}

// maxRecent bounds how far apart two copies of an event may stand.
const maxRecent = 10_000

// recent is a set of the latest IDs.
type recent struct {
	has   map[string]bool
	order []string
}

// add reports whether the ID is new.
func (r *recent) add(id string) bool {
	if r.has[id] {
		return false
	}
	r.has[id], r.order = true, append(r.order, id)
	if len(r.order) > maxRecent {
		delete(r.has, r.order[0])
		r.order = r.order[1:]
	}
	return true
}

// take adds an event, and reports false if the fold has had it already: the
// log may hold an event twice.
func (f *fold) take(e event.Event) bool {
	d := e.Data
	if d.Epoch == "" && !f.byHand.add(e.ID) {
		return false
	}
	if d.Match == nil || e.Subject == "" {
		return true // about no match: nothing to fold
	}
	m := f.matches[e.Subject]
	if m == nil {
		m = &MatchState{Incidents: []Incident{}}
		f.add(e.Subject, m)
	}
	epoch, seq := d.Epoch, d.Seq
	switch {
	case epoch != "" && (epoch < m.Epoch || epoch == m.Epoch && seq <= m.Seq):
		return false
	case epoch == "" && (m.Epoch != "" || e.Time.Before(m.Updated)):
		return true // emitted by hand about a match that the parser, or a later one, knows better
	case epoch != m.Epoch && m.Epoch != "":
		m.Incidents = []Incident{} // the state was made anew; all that stands comes again
	}
	f.events++
	m.Epoch, m.Seq, m.touched = epoch, seq, f.events
	m.Match, m.Sport, m.League, m.Replay, m.Updated, m.TID = *d.Match, d.Sport, d.League, d.Replay, e.Time, e.TID
	if d.Score != nil {
		m.Score = d.Score
	}
	if d.Shootout != nil {
		m.Shootout = d.Shootout
	}
	m.put(e)
	return true
}

// put adds, replaces or removes the event's incident.
func (m *MatchState) put(e event.Event) {
	d := e.Data
	at := slices.IndexFunc(m.Incidents, func(i Incident) bool { return d.Incident != "" && i.Incident == d.Incident })
	if d.Action == event.Retracted {
		if at >= 0 {
			m.Incidents = slices.Delete(m.Incidents, at, at+1)
		}
		return
	}
	i := Incident{
		Incident: d.Incident, Key: e.Type, Kind: d.Kind, Detail: d.Detail, Side: d.Side, Team: d.Team, Player: d.Player,
		Off: d.Off, Assist: d.Assist, Time: d.Time, Clock: d.Clock, Score: d.Score, Shootout: d.Shootout, Rev: d.Rev, Provisional: d.Provisional, TID: e.TID,
	}
	if at >= 0 {
		i.Score, i.Shootout = m.Incidents[at].Score, m.Incidents[at].Shootout // as it was when it happened
		m.Incidents[at] = i
		return
	}
	m.Incidents = append(m.Incidents, i)
	if len(m.Incidents) > maxIncidents {
		m.Incidents = m.Incidents[1:]
	}
}

func (f *fold) add(id string, m *MatchState) {
	if len(f.matches) >= maxMatches {
		oldest := ""
		for k, v := range f.matches {
			if oldest == "" || v.touched < f.matches[oldest].touched {
				oldest = k
			}
		}
		delete(f.matches, oldest)
	}
	f.matches[id] = m
}

// snapshot lists the matches that w wants, the latest changed first.
func (f *fold) snapshot(w wants) []*MatchState {
	list := []*MatchState{}
	for _, m := range f.matches {
		if w.match(m) {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b *MatchState) int { return int(b.touched - a.touched) })
	return list
}
