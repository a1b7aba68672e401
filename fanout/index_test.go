package fanout

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout/filter"
	"github.com/matchwire/matchwire/fanout/internal/wire"
)

// While clients are added and removed, the index finds exactly the clients whose filters select an
// event.
func TestIndexFindsClientsWhoseFiltersSelectTheEvent(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	word := func(words ...string) string { return pick(append(words, "*", "#")...) }
	upToTwo := func(entry func() string) (l []string) {
		for range r.IntN(3) {
			l = append(l, entry())
		}
		return l
	}
	pattern := func() string {
		for {
			p := word("soccer", "ice_hockey") + "." + word("mls", "nhl") + "." + word("goal", "red_card")
			if r.IntN(4) == 0 {
				p = pick("#", "#.goal", "soccer.#", "soccer.#.goal", "#.mls.#", "*.*.goal.#")
			}
			if (filter.Filter{Topics: []string{p}}).Check() == nil {
				return p
			}
		}
	}
	x := newIndex()
	var clients []*client
	all := map[*client]filter.Filter{}
	for step := range 1500 {
		if len(clients) > 0 && r.IntN(3) == 0 {
			i := r.IntN(len(clients))
			x.remove(clients[i])
			delete(all, clients[i])
			clients = slices.Delete(clients, i, i+1)
		} else {
			f := filter.Filter{
				Topics:  upToTwo(pattern),
				Match:   upToTwo(func() string { return pick("m1", "m2", "m3") }),
				Team:    upToTwo(func() string { return pick("A", "b", "C", "ΟΛΥΜΠΙΑΚΌΣ", "ſ") }),
				Nothing: r.IntN(20) == 0,
			}
			if r.IntN(4) == 0 {
				f.Allowed = &filter.Filter{Topics: []string{pattern()}}
			}
			c := &client{codec: wire.Codec(r.IntN(int(wire.Codecs)))}
			x.add(c, f)
			clients, all[c] = append(clients, c), f
		}
		key := pick("soccer", "ice_hockey") + "." + pick("mls", "nhl") + "." + pick("goal", "red_card")
		var m *event.Match
		if r.IntN(5) > 0 {
			m = &event.Match{ID: pick("m1", "m2", "m3"), Home: pick("a", "B", "Ολυμπιακός"), Away: pick("c", "D", "S")}
		}
		found := map[*client]int{}
		x.find(key, m, func(g *group) {
			for _, members := range g.members {
				for _, c := range members {
					found[c]++
				}
			}
		})
		for c, f := range all {
			want := 0
			if f.Selects(key, m) {
				want = 1
			}
			if found[c] != want {
				t.Fatalf("step %d: find(%s, %v) visits the client with filter %+v %d times, want %d",
					step, key, m, f, found[c], want)
			}
		}
		if len(found) > len(all) || x.clients != len(all) || len(x.list()) != len(all) {
			t.Fatalf("step %d: the index counts %d clients and lists %d, and find visits %d, want %d clients",
				step, x.clients, len(x.list()), len(found), len(all))
		}
	}
	for _, c := range clients {
		x.remove(c)
	}
	if fmt.Sprint(len(x.groups), len(x.all), len(x.byMatch), len(x.byTeam), len(x.byTopic.words)) != "0 0 0 0 0" {
		t.Errorf("the index without clients is %+v, want it empty", x)
	}
}
