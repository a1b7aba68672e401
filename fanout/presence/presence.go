// Package presence tells how many clients are connected, over all nodes, and what
// they ask for.
package presence

import (
	"cmp"
	"maps"
	"slices"
)

const maxCounts = 1000 // entries of each list

// A Presence is how many clients are connected, and how many of them asked for
// what, most clients first.
type Presence struct {
	Nodes       int     `json:"nodes"`
	Connections int     `json:"connections"`
	Everything  int     `json:"everything"` // clients with an empty filter
	Topics      []Count `json:"topics"`
	Match       []Count `json:"match"`
	Team        []Count `json:"team"`
}

// A Count is how many clients named something.
type Count struct {
	Name    string `json:"name"`
	Clients int    `json:"clients"`
}

// Add returns the presence of both.
func (p Presence) Add(o Presence) Presence {
	return Presence{
		Nodes: p.Nodes + o.Nodes, Connections: p.Connections + o.Connections, Everything: p.Everything + o.Everything,
		Topics: sum(slices.Concat(p.Topics, o.Topics)), Match: sum(slices.Concat(p.Match, o.Match)), Team: sum(slices.Concat(p.Team, o.Team)),
	}
}

// sum returns each name once, most clients first.
func sum(counts []Count) []Count {
	by := map[string]int{}
	for _, c := range counts {
		by[c.Name] += c.Clients
	}
	all := []Count{}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		all = append(all, Count{name, by[name]})
	}
	slices.SortStableFunc(all, func(a, b Count) int { return cmp.Compare(b.Clients, a.Clients) })
	return all[:min(len(all), maxCounts)]
}
