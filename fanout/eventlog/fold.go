package eventlog

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/matchwire/matchwire/event"
)

// Limits of a fold.
const (
	// DefaultMatches is the default maximum number of matches in States. If there would be more,
	// [States.Put] drops the match that has not changed for the longest time.
	DefaultMatches = 500
	// MaxRetracted is the maximum number of retracted incidents in a state. If there would be more, the
	// fold drops the incident that was retracted first.
	MaxRetracted = 50
	maxIncidents = 500 // maximum number of incidents of a match; above it, the fold drops the oldest incident
	// logAge is the age at which the event log drops events. A snapshot is complete without matches that
	// have no event in the log.
	logAge = 7 * 24 * time.Hour
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
	Updated   time.Time        `json:"updated"` // when the page of the latest event was read
	TID       event.TID        `json:"tid"`
	Incidents []*Incident      `json:"incidents"` // reported and not retracted, in the order of their first reports
	// Retracted holds the incidents that were retracted, in the order of their retractions: at most
	// MaxRetracted. They are not part of Incidents, so a client that ignores them counts no retracted goal.
	Retracted []*Incident `json:"retracted,omitempty"`

	Epoch string `json:"epoch,omitempty"`
	Seq   int64  `json:"seq,omitempty"`

	// Partial is true if the state lacks incidents: it began after the first event of the match, or had
	// more than maxIncidents incidents.
	Partial bool `json:"partial,omitempty"`
	// Scoreboard is true if the state comes from the scoreboard of the match, because the States lack
	// the match or some of its incidents. The state can then be newer than the position of the States.
	Scoreboard bool `json:"scoreboard,omitempty"`

	changed int64                  // value of fold.events after the latest event
	encoded atomic.Pointer[[]byte] // cache of Encode
}

// An Incident is a reported incident. Retraction is nil unless the incident was retracted.
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

	// Changes holds the members that corrections have changed, each with the first and the latest value.
	Changes map[string]event.Change `json:"changes,omitempty"`
	Reason  string                  `json:"reason,omitempty"` // reason for the latest correction

	Retraction *Retraction `json:"retraction,omitempty"`
}

// A Retraction says when and why an incident was retracted.
type Retraction struct {
	At     time.Time    `json:"at,omitzero"`      // when the page without the incident was read; zero if unknown
	Clock  *event.Clock `json:"clock,omitempty"`  // clock of the match at this time; nil if unknown
	Reason string       `json:"reason,omitempty"` // in plain words
	TID    event.TID    `json:"tid"`
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

// IsBefore reports whether the latest event of m is earlier than that of o, a state of the same match.
func (m *MatchState) IsBefore(o *MatchState) bool {
	return cmp.Or(cmp.Compare(m.Epoch, o.Epoch), cmp.Compare(m.Seq, o.Seq)) < 0
}

// WithIncidents returns a copy with only the incidents for which keep returns true.
func (m *MatchState) WithIncidents(keep func(*Incident) bool) *MatchState {
	some := &MatchState{
		Match: m.Match, Sport: m.Sport, League: m.League, Score: m.Score, Shootout: m.Shootout, LineScore: m.LineScore,
		Replay:  m.Replay,
		Updated: m.Updated, TID: m.TID, Incidents: []*Incident{}, Epoch: m.Epoch, Seq: m.Seq,
		Partial: m.Partial, Scoreboard: m.Scoreboard, changed: m.changed,
	}
	for _, i := range m.Incidents {
		if keep(i) {
			some.Incidents = append(some.Incidents, i)
		}
	}
	for _, i := range m.Retracted {
		if keep(i) {
			some.Retracted = append(some.Retracted, i)
		}
	}
	return some
}

// States holds the states of the matches that changed last, at one position in the log. A copy shares
// its matches with the original; see Clone.
type States struct {
	byID  map[string]*MatchState
	limit int // maximum number of matches
	// dropped is the time of the latest event of any dropped match. For a replayed match, it is the time
	// when the match was dropped. It is zero if no match was dropped.
	dropped time.Time
}

// NewStates returns States without matches, for at most limit matches.
func NewStates(limit int) States { return States{byID: map[string]*MatchState{}, limit: limit} }

// Clone returns a copy that shares no memory with the original, except the states, which are immutable.
func (all States) Clone() States {
	all.byID = maps.Clone(all.byID)
	return all
}

// Len returns the number of matches.
func (all States) Len() int { return len(all.byID) }

// Get returns the state of a match, or nil.
func (all States) Get(match string) *MatchState { return all.byID[match] }

// Partial reports whether the event log may still have events of a dropped match.
func (all States) Partial() bool { return time.Since(all.dropped) < logAge }

// Put sets the state of a match. If there would be more matches than the limit, Put drops the match
// that has not changed for the longest time.
func (all *States) Put(m *MatchState) {
	old := all.byID[m.Match.ID]
	if old == nil {
		all.shrink(all.limit - 1)
	} else {
		old.encoded.Store(nil) // frees memory; few snapshots contain the old state, so it is rarely encoded again
	}
	all.byID[m.Match.ID] = m
}

// shrink drops the matches that have not changed for the longest time, until at most n are left.
func (all *States) shrink(n int) {
	for len(all.byID) > n {
		var oldest *MatchState
		for _, m := range all.byID {
			if oldest == nil || m.changed < oldest.changed {
				oldest = m
			}
		}
		delete(all.byID, oldest.Match.ID)
		at := oldest.Updated
		if oldest.Replay {
			at = time.Now() // the time of a replayed event may be years ago
		}
		if at.After(all.dropped) {
			all.dropped = at
		}
	}
}

// Select returns the states for which wanted returns true. The match that changed last comes first.
func (all States) Select(wanted func(*MatchState) bool) []*MatchState {
	var list []*MatchState
	for _, m := range all.byID {
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
	unsequenced recentIDs // IDs of events without epoch or seq, such as those from matchwire emit
}

func newFold() fold {
	return fold{states: NewStates(DefaultMatches), unsequenced: recentIDs{has: map[string]bool{}}}
}

// maxRecent is the maximum number of IDs that a fold stores to detect copies of events without epoch or seq.
const maxRecent = 10_000

// recentIDs is a set of IDs. It keeps the maxRecent IDs that were added last.
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
// no state. isNew is false if the event is a copy of an earlier event, or is older than the state: its
// epoch is older, or its seq in the same epoch is lower.
func (f *fold) apply(e event.Event) (state *MatchState, isNew bool) {
	d := e.Data
	if d.Epoch == "" && !f.unsequenced.add(e.ID) {
		return nil, false
	}
	if d.Match == nil || d.Match.ID == "" {
		return nil, true // not about a match
	}
	old := f.states.byID[d.Match.ID]
	// Without an earlier state of this epoch, the new state lacks the incidents of earlier events, if there are any.
	empty := &MatchState{Partial: d.Epoch != "" && d.Seq > 1}
	if old == nil {
		old = empty
	}
	switch {
	case d.Epoch != "" && (d.Epoch < old.Epoch || d.Epoch == old.Epoch && d.Seq <= old.Seq):
		return nil, false
	case d.Epoch == "" && (old.Epoch != "" || e.Time.Before(old.Updated)):
		return nil, true // no epoch; the state from the parser, or from a later event, has precedence
	case d.Epoch != old.Epoch && old.Epoch != "":
		old = empty // the parser lost its state, and reports the score and all incidents again
	}
	f.events++
	incidents, retracted, cut := applyIncident(old, e)
	m := &MatchState{
		Match: *d.Match, Sport: d.Sport, League: d.League,
		Score: cmp.Or(d.Score, old.Score), Shootout: cmp.Or(d.Shootout, old.Shootout),
		LineScore: old.LineScore,
		Replay:    d.Replay, Updated: e.Time, TID: e.TID,
		Incidents: incidents, Retracted: retracted,
		Epoch: d.Epoch, Seq: d.Seq, Partial: old.Partial || cut, changed: f.events,
	}
	if d.Score != nil {
		m.LineScore = d.LineScore
	}
	f.states.Put(m)
	return m, true
}

// applyIncident returns the incidents and the retracted incidents of a match after an event. It does
// not change those of old, the state before the event. cut is true if applyIncident dropped the oldest
// incident.
func applyIncident(old *MatchState, e event.Event) (all, retracted []*Incident, cut bool) {
	d := e.Data
	same := func(i *Incident) bool { return d.Incident != "" && i.Incident == d.Incident }
	all = append(make([]*Incident, 0, len(old.Incidents)+1), old.Incidents...)
	at := slices.IndexFunc(all, same)
	retracted = old.Retracted
	if d.Action == event.Retracted {
		if at >= 0 {
			retracted = append(slices.Clip(retracted), retract(all[at], e))
			retracted = retracted[max(0, len(retracted)-MaxRetracted):]
			all = slices.Delete(all, at, at+1)
		}
		return all, retracted, false
	}
	if slices.ContainsFunc(retracted, same) { // it is reported again
		retracted = slices.DeleteFunc(slices.Clone(retracted), same)
	}
	i := &Incident{
		Incident: d.Incident, Key: e.Type, Kind: d.Kind, Detail: d.Detail, Side: d.Side, Team: d.Team, Player: d.Player,
		Off: d.Off, Assist: d.Assist, Points: d.Points, Time: d.Time, Clock: d.Clock, Score: d.Score, Shootout: d.Shootout,
		Winner: d.Winner, DecidedBy: d.DecidedBy, Lineup: d.Lineup, Rev: d.Rev, Provisional: d.Provisional, TID: e.TID,
	}
	if at >= 0 {
		i.Score, i.Shootout = all[at].Score, all[at].Shootout // the score at the incident, not at the correction
		i.Changes, i.Reason = mergeChanges(all[at].Changes, d.Changes), d.Reason
		all[at] = i
		return all, retracted, false
	}
	if all = append(all, i); len(all) > maxIncidents {
		return all[1:], retracted, true
	}
	return all, retracted, false
}

// retract returns a copy of an incident with the retraction that an event reports.
func retract(i *Incident, e event.Event) *Incident {
	gone := *i
	gone.Retraction = &Retraction{At: e.Time, Reason: e.Data.Reason, TID: e.TID}
	if clock := e.Data.Match.Clock; !clock.IsZero() {
		gone.Retraction.Clock = &clock
	}
	return &gone
}

// mergeChanges returns the changes of several corrections as changes from the first to the latest
// values. It leaves out members that have their first value again.
func mergeChanges(earlier, later map[string]event.Change) map[string]event.Change {
	all := map[string]event.Change{}
	maps.Copy(all, earlier)
	for name, c := range later {
		if first, changed := earlier[name]; changed {
			c.Old = first.Old
		}
		if all[name] = c; c.Old == c.New {
			delete(all, name)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}
