// Package filter selects the events that a client receives.
package filter

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// maxEntries is the maximum number of entries in each list of a Filter.
const maxEntries = 200

// A Filter selects events. An event must match an entry of each list that is not empty. A Filter is
// immutable: Add and Remove return a new Filter.
type Filter struct {
	Topics []string `json:"topics"` // AMQP topic patterns for the routing key
	Match  []string `json:"match"`  // match IDs
	Team   []string `json:"team"`   // team names; case, accents, spaces and punctuation are ignored

	// Nothing is true if the Filter selects no event. Then all lists are empty.
	Nothing bool `json:"-"`
	// Allowed is the Filter of the client's token. If Allowed is not nil, the Filter selects only
	// events that Allowed selects too.
	Allowed *Filter `json:"-"`

	teams []string // result of Teams; nil if New did not compute it
}

// New returns a Filter with the given lists. The caller must not change the slices afterwards.
func New(topics, matches, teams []string) Filter {
	f := Filter{Topics: topics, Match: matches, Team: teams}
	f.teams = f.Teams()
	return f
}

// Parse parses a query like topics=a,b&match=ID&team=NAME, and checks the resulting Filter. It
// ignores the parameter "nothing".
func Parse(q url.Values) (Filter, error) {
	f := New(split(q["topics"]), split(q["match"]), q["team"])
	return f, f.Check()
}

// split splits each value at its commas, and drops empty parts.
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

// Key returns a string that identifies what f selects. It depends on the entries of f, but not on their
// order, and on Nothing and Allowed.
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
		if err := event.CheckTopic(p); err != nil {
			return err
		}
		if strings.Contains(p, "#.#") {
			return fmt.Errorf("topic pattern %q: want # instead of #.#", p)
		}
	}
	for name, l := range map[string][]string{"topics": f.Topics, "match": f.Match, "team": f.Team} {
		if len(l) > maxEntries {
			return fmt.Errorf("%s: %d entries: want at most %d", name, len(l), maxEntries)
		}
		for _, s := range l {
			if len(s) > 255 {
				return fmt.Errorf("%s: an entry of %d bytes: want at most 255", name, len(s))
			}
		}
	}
	return nil
}

// Add returns f with the entries of more added to its lists. It returns an error if the result is
// invalid.
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

// Remove returns f without the entries of less. If that removes the last entry of f, the result
// selects nothing.
func (f Filter) Remove(less Filter) Filter {
	without := func(a, b []string) []string {
		return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
	}
	rest := New(without(f.Topics, less.Topics), without(f.Match, less.Match), without(f.Team, less.Team))
	rest.Allowed, rest.Nothing = f.Allowed, f.Nothing || rest.Empty() && !f.Empty()
	return rest
}

// Selects reports whether f selects an event with the given routing key and match. m may be nil.
func (f Filter) Selects(key string, m *event.Match) bool {
	return !f.Nothing && f.SelectsMatch(m) && f.SelectsTopic(key)
}

// SelectsTopic reports whether the topic patterns of f, and those of Allowed, match the routing key. An
// empty list of patterns matches every key.
func (f Filter) SelectsTopic(key string) bool {
	return (len(f.Topics) == 0 || event.MatchAny(f.Topics, key)) && (f.Allowed == nil || f.Allowed.SelectsTopic(key))
}

// SelectsEveryTopic reports whether neither f nor Allowed has topic patterns.
func (f Filter) SelectsEveryTopic() bool {
	return len(f.Topics) == 0 && (f.Allowed == nil || f.Allowed.SelectsEveryTopic())
}

// SelectsMatch reports whether f can select events of m. It ignores topic patterns. m may be nil.
func (f Filter) SelectsMatch(m *event.Match) bool {
	if f.Nothing || len(f.Match) > 0 && (m == nil || !slices.Contains(f.Match, m.ID)) {
		return false
	}
	teams := f.Teams()
	if len(teams) > 0 &&
		(m == nil || !slices.Contains(teams, FoldTeam(m.Home)) && !slices.Contains(teams, FoldTeam(m.Away))) {
		return false
	}
	return f.Allowed == nil || f.Allowed.SelectsMatch(m)
}

// Empty reports whether all lists are empty.
func (f Filter) Empty() bool { return len(f.Topics)+len(f.Match)+len(f.Team) == 0 }

// Within returns an error if allowed does not allow an entry of f. A topic pattern of f is allowed if
// some routing key matches both this pattern and a pattern of allowed. An empty list of f is not an
// error. If allowed is nil, it allows everything.
func (f Filter) Within(allowed *Filter) error {
	if allowed == nil {
		return nil
	}
	for _, p := range f.Topics {
		overlaps := func(a string) bool { return overlap(strings.Split(p, "."), strings.Split(a, ".")) }
		if len(allowed.Topics) > 0 && !slices.ContainsFunc(allowed.Topics, overlaps) {
			return fmt.Errorf("topics %q: the token allows only %s", p, strings.Join(allowed.Topics, ", "))
		}
	}
	for _, id := range f.Match {
		if len(allowed.Match) > 0 && !slices.Contains(allowed.Match, id) {
			return fmt.Errorf("match %q: the token does not allow this match", id)
		}
	}
	for _, t := range f.Team {
		if len(allowed.Team) > 0 && !slices.Contains(allowed.Teams(), FoldTeam(t)) {
			return fmt.Errorf("team %q: the token does not allow this team", t)
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

// FoldTeam returns a key that is the same for all spellings of a team name.
func FoldTeam(name string) string {
	if folded := event.Fold(name); folded != "" {
		return folded
	}
	return name // the name has no letters or digits
}

// Teams returns the folded names in Team without duplicates.
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
