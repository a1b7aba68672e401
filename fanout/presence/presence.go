// Package presence counts the clients of all nodes, by the entries of their filters.
package presence

import (
	"cmp"
	"maps"
	"slices"
)

// maxCounts is the maximum length of each list of a Presence.
const maxCounts = 1000

// A Presence counts clients, in total and by filter entry. The lists are sorted by the number of
// clients, highest first.
type Presence struct {
	Nodes       int     `json:"nodes"`
	Connections int     `json:"connections"`
	Everything  int     `json:"everything"` // clients with an empty filter
	Topics      []Count `json:"topics"`
	Match       []Count `json:"match"`
	Team        []Count `json:"team"`
}

// A Count is the number of clients whose filters contain one entry.
type Count struct {
	Name    string `json:"name"` // the entry
	Clients int    `json:"clients"`
}

// Add returns the sum of p and o.
func (p Presence) Add(o Presence) Presence {
	return Presence{
		Nodes:       p.Nodes + o.Nodes,
		Connections: p.Connections + o.Connections,
		Everything:  p.Everything + o.Everything,
		Topics:      sum(slices.Concat(p.Topics, o.Topics)),
		Match:       sum(slices.Concat(p.Match, o.Match)),
		Team:        sum(slices.Concat(p.Team, o.Team)),
	}
}

// sum merges counts with equal names. It returns at most maxCounts counts, sorted by the number of
// clients, highest first.
func sum(counts []Count) []Count {
	clients := map[string]int{} // by name
	for _, c := range counts {
		clients[c.Name] += c.Clients
	}
	all := []Count{}
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		all = append(all, Count{name, clients[name]})
	}
	slices.SortStableFunc(all, func(a, b Count) int { return cmp.Compare(b.Clients, a.Clients) })
	return all[:min(len(all), maxCounts)]
}
