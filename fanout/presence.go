package fanout

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// maxPresence bounds each list of a presence.
const maxPresence = 1000

// A Presence is who is connected to a node: how many clients, and how many of
// them asked for what, most wanted first.
type Presence struct {
	Connections int     `json:"connections"`
	Everything  int     `json:"everything"` // clients that named nothing
	Topics      []Count `json:"topics"`
	Match       []Count `json:"match"`
	Team        []Count `json:"team"`
}

// A Count is how many clients named something.
type Count struct {
	Name    string `json:"name"`
	Clients int    `json:"clients"`
}

// Presence counts groups, not clients.
func (h *Hub) Presence() Presence {
	p := Presence{Connections: h.connected()}
	topics, match, team := map[string]int{}, map[string]int{}, map[string]int{}
	for _, l := range h.allLines() {
		l.mu.Lock()
		for _, g := range l.index.groups {
			n := g.size()
			w := g.wants
			if !w.nothing && len(w.Topics)+len(w.Match)+len(w.Team) == 0 {
				p.Everything += n
			}
			for _, add := range []struct {
				to    map[string]int
				names []string
			}{{topics, w.Topics}, {match, w.Match}, {team, w.Team}} {
				for _, name := range add.names {
					add.to[name] += n
				}
			}
		}
		l.mu.Unlock()
	}
	p.Topics, p.Match, p.Team = most(topics), most(match), most(team)
	return p
}

func most(counts map[string]int) []Count {
	all := []Count{}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, Count{name, counts[name]})
	}
	slices.SortStableFunc(all, func(a, b Count) int { return cmp.Compare(b.Clients, a.Clients) })
	return all[:min(len(all), maxPresence)]
}

// ServePresence answers with the node's Presence.
func (h *Hub) ServePresence(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(h.Presence())
}
