// Package snapshot encodes the states of the matches that a client asks for.
package snapshot

import (
	"fmt"
	"slices"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/fanout/eventlog"
	"github.com/matchwire/matchwire/fanout/filter"
	"github.com/matchwire/matchwire/fanout/internal/wire"
)

// A Snapshot holds the data that Encode encodes as a snapshot frame for a client.
type Snapshot struct {
	States eventlog.States
	At     broker.Cursor // cursor of the latest frame in States
	Filter filter.Filter // selects the matches
	// Boards are states from scoreboards. They replace states that are missing or lack incidents.
	Boards []*eventlog.MatchState
	// Shows is the time that the clock of the timeline shows. Boards with later events are ignored. A
	// live timeline has the zero time, and ignores no boards.
	Shows time.Time
}

// Missing returns the IDs of the matches that a filter names and whose states are missing, or lack
// incidents.
func Missing(states eventlog.States, f filter.Filter) (ids []string) {
	for _, id := range named(f) {
		if m := states.Get(id); m == nil || m.Partial {
			ids = append(ids, id)
		}
	}
	return ids
}

// named returns the IDs of the only matches that a filter can select. It returns no ID if the filter
// selects nothing, or does not restrict the IDs.
func named(f filter.Filter) []string {
	switch {
	case f.Nothing:
		return nil
	case len(f.Match) == 0 && f.Allowed != nil:
		return f.Allowed.Match
	}
	return f.Match
}

// Encode returns the frame. It omits the incidents that the token of the client does not allow.
func (s Snapshot) Encode() (*wire.Object, error) {
	b := []byte(`{"snapshot":{"matches":[`)
	list, partial := s.list()
	for i, m := range list {
		if allowed := s.Filter.Allowed; allowed != nil && len(allowed.Topics) > 0 {
			m = m.WithIncidents(func(i *eventlog.Incident) bool { return allowed.SelectsTopic(i.Key) })
		}
		one, err := m.Encode()
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, one...)
	}
	b = append(b, ']')
	if partial {
		b = append(b, `,"partial":true`...)
	}
	return wire.NewObject(s.At.String(), fmt.Appendf(b, `},"cursor":"%s","resumed":false}`, s.At)), nil
}

// list returns the states of the selected matches: first those from States, then those from Boards.
// Within each part, the match that changed last comes first. partial reports whether matches or
// incidents can be missing.
func (s Snapshot) list() (list []*eventlog.MatchState, partial bool) {
	selects := selector(s.Filter)
	boards := s.boards()
	list = s.States.Select(func(m *eventlog.MatchState) bool { return boards[m.Match.ID] == nil && selects(m) })
	var fromBoards []*eventlog.MatchState
	for _, m := range boards {
		if selects(m) {
			fromBoards = append(fromBoards, m)
		}
	}
	slices.SortFunc(fromBoards, func(a, b *eventlog.MatchState) int { return b.Updated.Compare(a.Updated) })
	list = append(list, fromBoards...)
	ids := named(s.Filter)
	missing := func(id string) bool { return boards[id] == nil && s.States.Get(id) == nil }
	return list, slices.ContainsFunc(list, func(m *eventlog.MatchState) bool { return m.Partial }) ||
		s.States.Partial() && !s.Filter.Nothing && (len(ids) == 0 || slices.ContainsFunc(ids, missing))
}

// boards returns the boards to use, by match ID.
func (s Snapshot) boards() map[string]*eventlog.MatchState {
	boards := map[string]*eventlog.MatchState{}
	for _, b := range s.Boards {
		m := s.States.Get(b.Match.ID)
		later := !s.Shows.IsZero() && b.Updated.After(s.Shows)
		if !later && (m == nil || m.Partial && !b.IsBefore(m)) {
			boards[b.Match.ID] = b
		}
	}
	return boards
}

// selector returns a function that reports whether a filter selects a match. If the filter or its token
// has topic patterns, they must match the routing key of an incident.
func selector(f filter.Filter) func(*eventlog.MatchState) bool {
	selected := map[string]bool{} // cache by routing key, which many incidents share
	return func(m *eventlog.MatchState) bool {
		if !f.SelectsMatch(&m.Match) {
			return false
		}
		if f.SelectsEveryTopic() {
			return true
		}
		for _, i := range m.Incidents {
			ok, cached := selected[i.Key]
			if !cached {
				ok = f.SelectsTopic(i.Key)
				selected[i.Key] = ok
			}
			if ok {
				return true
			}
		}
		return false
	}
}
