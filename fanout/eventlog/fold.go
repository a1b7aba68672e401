package eventlog

import (
	"cmp"
	"encoding/json"
	"slices"
	"sync/atomic"
	"time"

	"github.com/matchwire/matchwire/event"
)

// Limits of a fold.
const (
	maxMatches   = 500 // above this number, the fold drops the match that has not changed for the longest time
	maxIncidents = 500 // incidents of a match; above this number, the fold drops the oldest incident
)

// A MatchState is the state of one match after an event. It is immutable: the next event creates
// a new MatchState.
type MatchState struct {
	Match     event.Match      `json:"match"`
	Sport     event.Sport      `json:"sport"`
	League    string           `json:"league"`
	Score     *event.Score     `json:"score,omitempty"`
	Shootout  *event.Score     `json:"shootout,omitempty"`
	LineScore *event.LineScore `json:"line_score,omitempty"`
	Replay    bool             `json:"replay,omitempty"`
	Updated   time.Time        `json:"updated"` // when the page of the latest event was fetched
	TID       event.TID        `json:"tid"`
	Incidents []*Incident      `json:"incidents"` // reported and not retracted, in the order of their first reports

	Epoch string `json:"epoch,omitempty"`
	Seq   int64  `json:"seq,omitempty"`

	changed int64                  // value of fold.events after the latest event
	encoded atomic.Pointer[[]byte] // cache of Encode
}

// An Incident is an incident that was reported and not retracted.
type Incident struct {
	Incident  string         `json:"incident"`
	Key       string         `json:"key"` // routing key of the latest event about the incident
	Kind      event.Kind     `json:"kind"`
	Detail    string         `json:"detail,omitempty"`
	Side      event.Side     `json:"side,omitempty"`
	Team      string         `json:"team,omitempty"`
	Player    string         `json:"player,omitempty"`
	Off       string         `json:"off,omitempty"`
	Assist    string         `json:"assist,omitempty"`
	Points    int            `json:"points,omitempty"`
	Time      string         `json:"time,omitempty"`
	Clock     *event.Clock   `json:"clock,omitempty"`
	Score     *event.Score   `json:"score,omitempty"`
	Shootout  *event.Score   `json:"shootout,omitempty"`
	Winner    event.Winner   `json:"winner,omitempty"`
	DecidedBy event.Decision `json:"decided_by,omitempty"`
	Lineup    *event.Lineup  `json:"lineup,omitempty"`

	Rev         int       `json:"rev,omitempty"`
	Provisional bool      `json:"provisional,omitempty"`
	TID         event.TID `json:"tid"`
}

// Encode returns the state as JSON. The caller must not change the bytes. Encode caches them.
// [States.Put] clears the cache when the match has a newer state.
func (m *MatchState) Encode() ([]byte, error) {
	if t := m.encoded.Load(); t != nil {
		return *t, nil
	}
	t, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	m.encoded.Store(&t)
	return t, nil
}

// WithIncidents returns a copy with only the incidents for which keep returns true.
func (m *MatchState) WithIncidents(keep func(*Incident) bool) *MatchState {
	some := &MatchState{
		Match: m.Match, Sport: m.Sport, League: m.League, Score: m.Score, Shootout: m.Shootout, LineScore: m.LineScore,
		Replay:  m.Replay,
		Updated: m.Updated, TID: m.TID, Incidents: []*Incident{}, Epoch: m.Epoch, Seq: m.Seq, changed: m.changed,
	}
	for _, i := range m.Incidents {
		if keep(i) {
			some.Incidents = append(some.Incidents, i)
		}
	}
	return some
}

// States maps match IDs to the states of the matches at one position in the log.
type States map[string]*MatchState

// Put sets the state of a match. If there would be more than maxMatches matches, Put drops the match
// that has not changed for the longest time.
func (all States) Put(m *MatchState) {
	if all[m.Match.ID] == nil && len(all) >= maxMatches {
		var oldest *MatchState
		for _, o := range all {
			if oldest == nil || o.changed < oldest.changed {
				oldest = o
			}
		}
		delete(all, oldest.Match.ID)
	}
	if old := all[m.Match.ID]; old != nil {
		old.encoded.Store(nil) // frees memory; few snapshots contain the old state, so it is rarely encoded again
	}
	all[m.Match.ID] = m
}

// Select returns the states for which wanted returns true. The match that changed last comes first.
func (all States) Select(wanted func(*MatchState) bool) []*MatchState {
	var list []*MatchState
	for _, m := range all {
		if wanted(m) {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b *MatchState) int { return cmp.Compare(b.changed, a.changed) })
	return list
}

// A fold computes the states of all matches from the events of the log, in log order.
type fold struct {
	states      States
	events      int64     // number of events that changed a state
	unsequenced recentIDs // IDs of events without an epoch or seq, such as those from matchwire emit
}

func newFold() fold { return fold{states: States{}, unsequenced: recentIDs{has: map[string]bool{}}} }

// maxRecent is the maximum number of IDs that a fold stores to detect copies of events without an epoch or seq.
const maxRecent = 10_000

// recentIDs is a set of the maxRecent IDs that were added last.
type recentIDs struct {
	has   map[string]bool
	order []string // the IDs, oldest first
}

// add adds an ID. It reports whether the ID is new.
func (r *recentIDs) add(id string) bool {
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

// apply applies an event. It returns the new state of the event's match, or nil if the event changes
// no state. isNew is false if the event is a copy of an earlier event, or belongs to an older epoch.
func (f *fold) apply(e event.Event) (state *MatchState, isNew bool) {
	d := e.Data
	if d.Epoch == "" && !f.unsequenced.add(e.ID) {
		return nil, false
	}
	if d.Match == nil || d.Match.ID == "" {
		return nil, true // not about a match
	}
	old := f.states[d.Match.ID]
	if old == nil {
		old = &MatchState{}
	}
	incidents := old.Incidents
	switch {
	case d.Epoch != "" && (d.Epoch < old.Epoch || d.Epoch == old.Epoch && d.Seq <= old.Seq):
		return nil, false
	case d.Epoch == "" && (old.Epoch != "" || e.Time.Before(old.Updated)):
		return nil, true // no epoch; the state from the parser, or from a later event, has precedence
	case d.Epoch != old.Epoch && old.Epoch != "":
		incidents = nil // the parser lost its state, and reports all incidents again
	}
	f.events++
	m := &MatchState{
		Match: *d.Match, Sport: d.Sport, League: d.League,
		Score: cmp.Or(d.Score, old.Score), Shootout: cmp.Or(d.Shootout, old.Shootout),
		LineScore: old.LineScore,
		Replay:    d.Replay, Updated: e.Time, TID: e.TID, Incidents: applyIncident(incidents, e),
		Epoch: d.Epoch, Seq: d.Seq, changed: f.events,
	}
	if d.Score != nil {
		m.LineScore = d.LineScore
	}
	f.states.Put(m)
	return m, true
}

// applyIncident returns a copy of old in which the incident of the event is added, replaced or
// removed.
func applyIncident(old []*Incident, e event.Event) []*Incident {
	d := e.Data
	all := append(make([]*Incident, 0, len(old)+1), old...)
	at := slices.IndexFunc(all, func(i *Incident) bool { return d.Incident != "" && i.Incident == d.Incident })
	if d.Action == event.Retracted {
		if at >= 0 {
			all = slices.Delete(all, at, at+1)
		}
		return all
	}
	i := &Incident{
		Incident: d.Incident, Key: e.Type, Kind: d.Kind, Detail: d.Detail, Side: d.Side, Team: d.Team, Player: d.Player,
		Off: d.Off, Assist: d.Assist, Points: d.Points, Time: d.Time, Clock: d.Clock, Score: d.Score, Shootout: d.Shootout,
		Winner: d.Winner, DecidedBy: d.DecidedBy, Lineup: d.Lineup, Rev: d.Rev, Provisional: d.Provisional, TID: e.TID,
	}
	if at >= 0 {
		i.Score, i.Shootout = all[at].Score, all[at].Shootout // the score at the incident, not at the correction
		all[at] = i
		return all
	}
	if all = append(all, i); len(all) > maxIncidents {
		all = all[1:]
	}
	return all
}
