package fanout

import (
	"slices"
	"strings"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout/filter"
	"github.com/matchwire/matchwire/fanout/internal/wire"
)

// An index finds the clients whose filters select an event. The cost of a lookup does not grow with
// the number of clients that follow other matches, teams or topics. Clients with equal filters form
// a group. A group is indexed by the first list of its filter that is not empty, in the order match
// IDs, teams, topics. If the filter has only empty lists, the group is indexed by the lists that
// the token allows.
type index struct {
	groups  map[string]*group       // by filter.Key
	all     []*group                // groups that are indexed by no list
	byMatch map[string][]*group     // by match ID
	byTeam  map[string][]*group     // by folded team name
	byTopic topics                  // by topic pattern
	pings   [pingInterval][]*client // all clients, by the second in which they are pinged
	lookups uint64                  // number of calls of find
	clients int                     // number of clients
}

// A group holds the clients of one timeline that have equal filters.
type group struct {
	filter  filter.Filter
	key     string // filter.Key
	members [wire.Codecs][]*client
	lookup  uint64 // number of the latest lookup that found the group
	batch   *batch // batch of the current round; nil if there is none

	snapshot   *wire.Object // cache of the latest snapshot; nil if there is none
	snapshotAt uint64       // position of snapshot
}

func newIndex() index {
	return index{groups: map[string]*group{}, byMatch: map[string][]*group{}, byTeam: map[string][]*group{}}
}

// add adds a client with the filter f.
func (x *index) add(c *client, f filter.Filter) {
	key := f.Key()
	g := x.groups[key]
	if g == nil {
		g = &group{filter: f, key: key}
		x.groups[key] = g
		x.editLists(g, func(l []*group) []*group { return append(l, g) })
	}
	c.group, c.slot = g, len(g.members[c.codec])
	g.members[c.codec] = append(g.members[c.codec], c)
	c.pingSlot = len(x.pings[c.pingSecond])
	x.pings[c.pingSecond] = append(x.pings[c.pingSecond], c)
	x.clients++
}

// remove removes a client, if the index has it.
func (x *index) remove(c *client) {
	g := c.group
	if g == nil {
		return
	}
	c.group = nil
	g.members[c.codec] = removeSlot(g.members[c.codec], c.slot, func(moved *client) { moved.slot = c.slot })
	x.pings[c.pingSecond] = removeSlot(x.pings[c.pingSecond], c.pingSlot,
		func(moved *client) { moved.pingSlot = c.pingSlot })
	x.clients--
	if g.size() == 0 {
		delete(x.groups, g.key)
		x.editLists(g, func(l []*group) []*group {
			return slices.DeleteFunc(l, func(o *group) bool { return o == g })
		})
	}
}

// removeSlot removes the client at slot. It moves the last client of the list to this slot, and
// calls move for that client.
func removeSlot(list []*client, slot int, move func(moved *client)) []*client {
	last := len(list) - 1
	list[slot] = list[last]
	move(list[slot])
	list[last] = nil
	return list[:last]
}

// list returns all clients, in no particular order.
func (x *index) list() []*client { return slices.Concat(x.pings[:]...) }

// dropSnapshots drops the cached snapshots that are not at position.
func (x *index) dropSnapshots(position uint64) {
	for _, g := range x.groups {
		if g.snapshotAt != position {
			g.snapshot = nil
		}
	}
}

// size returns the number of clients in the group.
func (g *group) size() (n int) {
	for _, m := range g.members {
		n += len(m)
	}
	return n
}

// editLists replaces each list that g belongs to with the result of change. The filter of g
// determines these lists.
func (x *index) editLists(g *group, change func([]*group) []*group) {
	edit := func(lists map[string][]*group, keys []string) {
		for _, k := range keys {
			if l := change(lists[k]); len(l) > 0 {
				lists[k] = l
			} else {
				delete(lists, k)
			}
		}
	}
	f := g.filter
	if f.Empty() && !f.Nothing && f.Allowed != nil {
		f = *f.Allowed
	}
	switch {
	case f.Nothing: // g is in no list, so find does not find g
	case len(f.Match) > 0:
		edit(x.byMatch, f.Match)
	case len(f.Team) > 0:
		edit(x.byTeam, f.Teams())
	case len(f.Topics) > 0:
		for _, p := range f.Topics {
			x.byTopic.editList(strings.Split(p, "."), change)
		}
	default:
		x.all = change(x.all)
	}
}

// find calls visit once for each group whose filter selects an event with the given routing key and
// match. m may be nil.
func (x *index) find(key string, m *event.Match, visit func(*group)) {
	x.lookups++
	visitAll := func(l []*group) {
		for _, g := range l {
			if g.lookup != x.lookups {
				g.lookup = x.lookups
				if g.filter.Selects(key, m) {
					visit(g)
				}
			}
		}
	}
	visitAll(x.all)
	if m != nil {
		visitAll(x.byMatch[m.ID])
		visitAll(x.byTeam[filter.FoldTeam(m.Home)])
		visitAll(x.byTeam[filter.FoldTeam(m.Away)])
	}
	x.byTopic.find(key, visitAll)
}

// topics is a node in a trie of topic patterns, with one word per level.
type topics struct {
	words  map[string]*topics // child nodes by word, which can be * or #
	groups []*group           // groups with the pattern that ends at this node
}

// editList replaces the groups of a pattern with the result of change.
func (t *topics) editList(pattern []string, change func([]*group) []*group) {
	if len(pattern) == 0 {
		t.groups = change(t.groups)
		return
	}
	next := t.words[pattern[0]]
	if next == nil {
		next = &topics{}
	}
	next.editList(pattern[1:], change)
	switch {
	case len(next.groups) == 0 && len(next.words) == 0:
		delete(t.words, pattern[0])
	case t.words == nil:
		t.words = map[string]*topics{pattern[0]: next}
	default:
		t.words[pattern[0]] = next
	}
}

// find calls visit with the groups of each pattern that matches a routing key. It may visit groups
// more than once.
func (t *topics) find(key string, visit func([]*group)) {
	word, rest, more := strings.Cut(key, ".")
	if hash := t.words["#"]; hash != nil {
		hash.find(key, visit) // # matches no word
		if key != "" {
			hash.findAfterWords(rest, more, visit)
		}
	}
	if key == "" {
		visit(t.groups)
		return
	}
	for _, w := range []string{word, "*"} {
		if next := t.words[w]; next != nil {
			next.find(rest, visit)
		}
	}
}

// findAfterWords continues find below a # that has matched one word. The # can also match further
// words at the beginning of rest. more reports whether rest has any word.
func (t *topics) findAfterWords(rest string, more bool, visit func([]*group)) {
	for {
		t.find(rest, visit)
		if !more {
			return
		}
		_, rest, more = strings.Cut(rest, ".")
	}
}
