package fanout

import (
	"slices"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// An index finds who wants an event at a cost that does not depend on those who
// do not. Clients that want the same are one group, and a group is found by the
// list of its wants that says most: a match, else a team, else a topic.
type index struct {
	groups  map[string]*group
	all     []*group
	byMatch map[string][]*group
	byTeam  map[string][]*group // by folded name
	byTopic topics
	turns   [pingEvery][]*client // all clients, by their turn
	asked   uint64               // how many events were looked up
	clients int
}

// A group is the clients of one line that want the same.
type group struct {
	wants   wants
	key     string
	members [codecs][]*client
	asked   uint64 // the event that found it last
	batch   *batch // of the round

	greeting   *text // the snapshot for those that join at a position
	greetingAt uint64
}

func newIndex() index {
	return index{groups: map[string]*group{}, byMatch: map[string][]*group{}, byTeam: map[string][]*group{}}
}

// add puts a client among those that want the same.
func (x *index) add(c *client, w wants) {
	key := w.key()
	g := x.groups[key]
	if g == nil {
		g = &group{wants: w, key: key}
		x.groups[key] = g
		x.place(g, func(l []*group) []*group { return append(l, g) })
	}
	c.group, c.slot = g, len(g.members[c.codec])
	g.members[c.codec] = append(g.members[c.codec], c)
	c.turnSlot = len(x.turns[c.turn])
	x.turns[c.turn] = append(x.turns[c.turn], c)
	x.clients++
}

// remove takes a client out of its group.
func (x *index) remove(c *client) {
	g := c.group
	if g == nil {
		return
	}
	c.group = nil
	g.members[c.codec] = takeOut(g.members[c.codec], c.slot, func(moved *client) { moved.slot = c.slot })
	x.turns[c.turn] = takeOut(x.turns[c.turn], c.turnSlot, func(moved *client) { moved.turnSlot = c.turnSlot })
	x.clients--
	if g.size() == 0 {
		delete(x.groups, g.key)
		x.place(g, func(l []*group) []*group {
			return slices.DeleteFunc(l, func(o *group) bool { return o == g })
		})
	}
}

// takeOut is a list less one client, whose place the last one takes.
func takeOut(list []*client, slot int, took func(moved *client)) []*client {
	last := len(list) - 1
	list[slot] = list[last]
	took(list[slot])
	list[last] = nil
	return list[:last]
}

// list is all clients, in no order.
func (x *index) list() []*client { return slices.Concat(x.turns[:]...) }

// forgetGreetings frees the snapshots of other positions.
func (x *index) forgetGreetings(position uint64) {
	for _, g := range x.groups {
		if g.greetingAt != position {
			g.greeting = nil
		}
	}
}

func (g *group) size() (n int) {
	for _, m := range g.members {
		n += len(m)
	}
	return n
}

// place changes every list that a group is found by.
func (x *index) place(g *group, change func([]*group) []*group) {
	in := func(lists map[string][]*group, keys []string) {
		for _, k := range keys {
			if l := change(lists[k]); len(l) > 0 {
				lists[k] = l
			} else {
				delete(lists, k)
			}
		}
	}
	w := g.wants
	if w.empty() && !w.nothing && w.may != nil {
		w = *w.may
	}
	switch {
	case w.nothing:
	case len(w.Match) > 0:
		in(x.byMatch, w.Match)
	case len(w.Team) > 0:
		teams := []string{}
		for _, t := range w.Team {
			if t = folded(t); !slices.Contains(teams, t) {
				teams = append(teams, t)
			}
		}
		in(x.byTeam, teams)
	case len(w.Topics) > 0:
		for _, p := range w.Topics {
			x.byTopic.place(strings.Split(p, "."), change)
		}
	default:
		x.all = change(x.all)
	}
}

// find calls visit once for every group that wants an event of that key and
// match.
func (x *index) find(key string, m *event.Match, visit func(*group)) {
	x.asked++
	visitAll := func(l []*group) {
		for _, g := range l {
			if g.asked != x.asked {
				g.asked = x.asked
				if g.wants.event(key, m) {
					visit(g)
				}
			}
		}
	}
	visitAll(x.all)
	if m != nil {
		visitAll(x.byMatch[m.ID])
		visitAll(x.byTeam[folded(m.Home)])
		visitAll(x.byTeam[folded(m.Away)])
	}
	x.byTopic.find(key, visitAll)
}

// topics is a trie of topic patterns, a word a level.
type topics struct {
	words  map[string]*topics // by word, * and # among them
	groups []*group           // of the patterns that end here
}

// place changes the list at the end of a pattern.
func (t *topics) place(pattern []string, change func([]*group) []*group) {
	if len(pattern) == 0 {
		t.groups = change(t.groups)
		return
	}
	next := t.words[pattern[0]]
	if next == nil {
		next = &topics{}
	}
	next.place(pattern[1:], change)
	switch {
	case len(next.groups) == 0 && len(next.words) == 0:
		delete(t.words, pattern[0])
	case t.words == nil:
		t.words = map[string]*topics{pattern[0]: next}
	default:
		t.words[pattern[0]] = next
	}
}

// find calls visit with the groups of every pattern that matches a key, maybe
// more than once.
func (t *topics) find(key string, visit func([]*group)) {
	word, rest, more := strings.Cut(key, ".")
	if hash := t.words["#"]; hash != nil {
		hash.find(key, visit) // no word
		if key != "" {
			t.hash(hash, rest, more, visit)
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

// hash goes on below a # that has taken at least one word.
func (t *topics) hash(below *topics, rest string, more bool, visit func([]*group)) {
	for {
		below.find(rest, visit)
		if !more {
			return
		}
		_, rest, more = strings.Cut(rest, ".")
	}
}
