// Package filter decides which events a client receives.
package filter

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// maxEntries bounds each list of a filter.
const maxEntries = 200

// A Filter chooses events. An event must match one entry of each list that is
// not empty. It never changes: Add and Remove return another.
type Filter struct {
	Topics []string `json:"topics"` // AMQP patterns on the routing key
	Match  []string `json:"match"`  // match IDs
	Team   []string `json:"team"`   // team names, whatever their accents and capitals

	// Nothing says that the filter chooses no event. With it, all lists are empty.
	Nothing bool `json:"-"`
	// Allowed is what the client's token allows. An event must match it too.
	// nil allows everything.
	Allowed *Filter `json:"-"`

	teams []string // what Teams returns, if it was computed before
}

// New returns a filter with these lists, which it keeps. Names of teams are folded once, here.
func New(topics, matches, teams []string) Filter {
	f := Filter{Topics: topics, Match: matches, Team: teams}
	f.teams = f.Teams()
	return f
}

// Parse reads topics=a,b&match=ID&team=NAME.
func Parse(q url.Values) (Filter, error) {
	f := New(split(q["topics"]), split(q["match"]), q["team"])
	return f, f.Check()
}

// split splits each value at its commas.
func split(values []string) []string {
	var all []string
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if part != "" {
				all = append(all, part)
			}
		}
	}
	return all
}

// Key returns a text that is equal for equal filters.
func (f Filter) Key() string {
	var b strings.Builder
	if f.Nothing {
		b.WriteByte('-')
	}
	for _, l := range [][]string{f.Topics, f.Match, f.Team} {
		for _, s := range slices.Sorted(slices.Values(l)) {
			b.WriteString(strconv.Quote(s))
		}
		b.WriteByte(';')
	}
	if f.Allowed != nil {
		b.WriteString(f.Allowed.Key())
	}
	return b.String()
}

// Check returns an error if an entry is invalid or a list is too long.
func (f Filter) Check() error {
	for _, p := range f.Topics {
		if err := event.CheckPattern(p); err != nil {
			return err
		}
		if strings.Contains(p, "#.#") {
			return fmt.Errorf("topic pattern %q: write one # in place of two", p)
		}
	}
	for name, l := range map[string][]string{"topics": f.Topics, "match": f.Match, "team": f.Team} {
		if len(l) > maxEntries {
			return fmt.Errorf("%s: %d entries, at most %d", name, len(l), maxEntries)
		}
		for _, s := range l {
			if len(s) > 255 {
				return fmt.Errorf("%s: an entry of %d bytes, at most 255", name, len(s))
			}
		}
	}
	return nil
}

// Add returns f with the entries of more, list by list.
func (f Filter) Add(more Filter) (Filter, error) {
	merge := func(a, b []string) []string {
		a = slices.Clone(a)
		for _, s := range b {
			if !slices.Contains(a, s) {
				a = append(a, s)
			}
		}
		return a
	}
	sum := New(merge(f.Topics, more.Topics), merge(f.Match, more.Match), merge(f.Team, more.Team))
	sum.Allowed, sum.Nothing = f.Allowed, f.Nothing && sum.Empty()
	return sum, sum.Check()
}

// Remove returns f without the entries of less, list by list. Without its last
// entry a filter chooses nothing, not everything.
func (f Filter) Remove(less Filter) Filter {
	without := func(a, b []string) []string {
		return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
	}
	rest := New(without(f.Topics, less.Topics), without(f.Match, less.Match), without(f.Team, less.Team))
	rest.Allowed, rest.Nothing = f.Allowed, f.Nothing || rest.Empty() && !f.Empty()
	return rest
}

// Event reports whether f chooses an event with this routing key about m. m may be nil.
func (f Filter) Event(key string, m *event.Match) bool {
	return !f.Nothing && f.MatchOf(m) && f.Topic(key)
}

// Topic reports whether f chooses events with this routing key, about some match.
func (f Filter) Topic(key string) bool {
	return (len(f.Topics) == 0 || event.MatchAny(f.Topics, key)) && (f.Allowed == nil || f.Allowed.Topic(key))
}

// AnyTopic reports whether f chooses events with every routing key.
func (f Filter) AnyTopic() bool {
	return len(f.Topics) == 0 && (f.Allowed == nil || f.Allowed.AnyTopic())
}

// MatchOf reports whether f chooses events about m, with some routing key. m may be nil.
func (f Filter) MatchOf(m *event.Match) bool {
	if f.Nothing || len(f.Match) > 0 && (m == nil || !slices.Contains(f.Match, m.ID)) {
		return false
	}
	if teams := f.Teams(); len(teams) > 0 && (m == nil || !slices.Contains(teams, FoldTeam(m.Home)) && !slices.Contains(teams, FoldTeam(m.Away))) {
		return false
	}
	return f.Allowed == nil || f.Allowed.MatchOf(m)
}

// Empty reports whether all lists are empty.
func (f Filter) Empty() bool { return len(f.Topics)+len(f.Match)+len(f.Team) == 0 }

// Within returns an error that names the entry of f that allowed rules out, or
// nil. allowed also bounds the lists that are empty in f; that is no error.
func (f Filter) Within(allowed *Filter) error {
	if allowed == nil {
		return nil
	}
	for _, p := range f.Topics {
		if len(allowed.Topics) > 0 && !slices.ContainsFunc(allowed.Topics, func(a string) bool { return overlap(strings.Split(p, "."), strings.Split(a, ".")) }) {
			return fmt.Errorf("topics %q: the token allows %s", p, strings.Join(allowed.Topics, ", "))
		}
	}
	for _, id := range f.Match {
		if len(allowed.Match) > 0 && !slices.Contains(allowed.Match, id) {
			return fmt.Errorf("match %q: not allowed by the token", id)
		}
	}
	for _, t := range f.Team {
		if len(allowed.Team) > 0 && !slices.Contains(allowed.Teams(), FoldTeam(t)) {
			return fmt.Errorf("team %q: not allowed by the token", t)
		}
	}
	return nil
}

// overlap reports whether some routing key matches both topic patterns.
func overlap(a, b []string) bool {
	switch {
	case len(a) > 0 && a[0] == "#":
		return overlap(a[1:], b) || len(b) > 0 && overlap(a, b[1:])
	case len(b) > 0 && b[0] == "#":
		return overlap(b, a)
	case len(a) == 0 || len(b) == 0:
		return len(a) == len(b)
	}
	return (a[0] == "*" || b[0] == "*" || a[0] == b[0]) && overlap(a[1:], b[1:])
}

// FoldTeam returns what is equal for spellings of one team's name.
func FoldTeam(name string) string {
	if folded := event.Fold(name); folded != "" {
		return folded
	}
	return name // it has no letters and digits
}

// Teams returns the folded names of Team, each once.
func (f Filter) Teams() []string {
	if f.teams != nil || len(f.Team) == 0 {
		return f.teams
	}
	teams := make([]string, 0, len(f.Team))
	for _, t := range f.Team {
		if t = FoldTeam(t); !slices.Contains(teams, t) {
			teams = append(teams, t)
		}
	}
	return teams
}
