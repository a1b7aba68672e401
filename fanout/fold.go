package fanout

import (
	"cmp"
	"encoding/json"
	"slices"
	"sync/atomic"
	"time"

	"github.com/matchwire/matchwire/event"
)

// Bounds of the fold: beyond the first the match that was silent longest goes,
// beyond the second a match's oldest incident.
const (
	maxMatches   = 500
	maxIncidents = 500
)

// A MatchState is what the log says of one match up to some event. It never
// changes: the next event makes another.
type MatchState struct {
	Match     event.Match  `json:"match"`
	Sport     event.Sport  `json:"sport"`
	League    string       `json:"league"`
	Score     *event.Score `json:"score,omitempty"`
	Shootout  *event.Score `json:"shootout,omitempty"`
	Replay    bool         `json:"replay,omitempty"`
	Updated   time.Time    `json:"updated"` // when the page behind the latest event was read
	TID       event.TID    `json:"tid"`
	Incidents []*Incident  `json:"incidents"` // those that stand, in the order they were reported

	Epoch string `json:"epoch,omitempty"`
	Seq   int64  `json:"seq,omitempty"`

	touched int64 // counts events; tells which match was silent longest
	text    atomic.Pointer[[]byte]
}

// encoded is the state as JSON, encoded once for all snapshots.
func (m *MatchState) encoded() ([]byte, error) {
	if t := m.text.Load(); t != nil {
		return *t, nil
	}
	t, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	m.text.Store(&t)
	return t, nil
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

// allowed is the state as JSON, less the incidents that may does not allow.
func (m *MatchState) allowed(may *wants) ([]byte, error) {
	if may == nil || len(may.Topics) == 0 {
		return m.encoded()
	}
	some := &MatchState{
		Match: m.Match, Sport: m.Sport, League: m.League, Score: m.Score, Shootout: m.Shootout, Replay: m.Replay, Updated: m.Updated,
		TID: m.TID, Incidents: []*Incident{}, Epoch: m.Epoch, Seq: m.Seq,
	}
	for _, i := range m.Incidents {
		if event.MatchAny(may.Topics, i.Key) {
			some.Incidents = append(some.Incidents, i)
		}
	}
	return json.Marshal(some)
}

// matches are the states of all matches at one position of the log.
type matches map[string]*MatchState

// put adds a state, or replaces an older one.
func (all matches) put(m *MatchState) {
	if all[m.Match.ID] == nil && len(all) >= maxMatches {
		var silent *MatchState
		for _, o := range all {
			if silent == nil || o.touched < silent.touched {
				silent = o
			}
		}
		delete(all, silent.Match.ID)
	}
	if old := all[m.Match.ID]; old != nil {
		old.text.Store(nil) // hardly anybody will want it any more
	}
	all[m.Match.ID] = m
}

// wanted lists the matches that w wants, the latest changed first.
func (all matches) wanted(w wants) []*MatchState {
	list := []*MatchState{}
	known := map[string]bool{} // the keys of incidents that are asked for again and again
	for _, m := range all {
		if w.match(m, known) {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b *MatchState) int { return cmp.Compare(b.touched, a.touched) })
	return list
}

// A fold makes the states of all matches from the events of the log, one after
// the other.
type fold struct {
	matches matches
	events  int64
	byHand  recent // IDs of events without a place in a sequence
}

func newFold() fold { return fold{matches: matches{}, byHand: recent{has: map[string]bool{}}} }

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

// take adds an event. It returns the new state of its match, nil if there is
// none, and false if the fold has had the event already: the log may hold it
// twice.
func (f *fold) take(e event.Event) (*MatchState, bool) {
	d := e.Data
	if d.Epoch == "" && !f.byHand.add(e.ID) {
		return nil, false
	}
	if d.Match == nil || d.Match.ID == "" {
		return nil, true // about no match: nothing to fold
	}
	old := f.matches[d.Match.ID]
	if old == nil {
		old = &MatchState{}
	}
	incidents := old.Incidents
	switch {
	case d.Epoch != "" && (d.Epoch < old.Epoch || d.Epoch == old.Epoch && d.Seq <= old.Seq):
		return nil, false
	case d.Epoch == "" && (old.Epoch != "" || e.Time.Before(old.Updated)):
		return nil, true // emitted by hand about a match that the parser, or a later one, knows better
	case d.Epoch != old.Epoch && old.Epoch != "":
		incidents = nil // the state was made anew; all that stands comes again
	}
	f.events++
	m := &MatchState{
		Match: *d.Match, Sport: d.Sport, League: d.League, Score: cmp.Or(d.Score, old.Score), Shootout: cmp.Or(d.Shootout, old.Shootout),
		Replay: d.Replay, Updated: e.Time, TID: e.TID, Incidents: with(incidents, e), Epoch: d.Epoch, Seq: d.Seq, touched: f.events,
	}
	f.matches.put(m)
	return m, true
}

// with is a new list: old with the event's incident added, replaced or removed.
func with(old []*Incident, e event.Event) []*Incident {
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
		Off: d.Off, Assist: d.Assist, Time: d.Time, Clock: d.Clock, Score: d.Score, Shootout: d.Shootout, Rev: d.Rev, Provisional: d.Provisional, TID: e.TID,
	}
	if at >= 0 {
		i.Score, i.Shootout = all[at].Score, all[at].Shootout // as it was when it happened
		all[at] = i
		return all
	}
	if all = append(all, i); len(all) > maxIncidents {
		all = all[1:]
	}
	return all
}
