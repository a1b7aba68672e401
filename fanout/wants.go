package fanout

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/matchwire/matchwire/event"
)

// maxWants bounds each list of a subscription.
const maxWants = 200

// wants is what a client subscribes to. An event must match one entry of each
// list that is not empty.
type wants struct {
	Topics []string `json:"topics"` // AMQP patterns on the routing key
	Match  []string `json:"match"`  // match IDs
	Team   []string `json:"team"`   // team names, however they are capitalized

	nothing bool // it names nothing, and that is not everything: it asked so, or all was taken off
	// may is what the client's token allows: an event must match it too. nil:
	// everything.
	may *wants
}

// wantsOf reads ?topics=a,b&match=ID&team=NAME.
func wantsOf(q url.Values) (wants, error) {
	w := wants{Topics: list(q["topics"]), Match: list(q["match"]), Team: q["team"]}
	return w, w.check()
}

// key is equal for those who want the same.
func (w wants) key() string {
	var b strings.Builder
	if w.nothing {
		b.WriteByte('-')
	}
	for _, l := range [][]string{w.Topics, w.Match, w.Team} {
		for _, s := range slices.Sorted(slices.Values(l)) {
			b.WriteString(strconv.Quote(s))
		}
		b.WriteByte(';')
	}
	if w.may != nil {
		b.WriteString(w.may.key())
	}
	return b.String()
}

func list(values []string) []string {
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

func (w wants) check() error {
	for _, p := range w.Topics {
		if err := event.CheckPattern(p); err != nil {
			return err
		}
		if strings.Contains(p, "#.#") {
			return fmt.Errorf("topic pattern %q: two # in a row say no more than one", p)
		}
	}
	for name, l := range map[string][]string{"topics": w.Topics, "match": w.Match, "team": w.Team} {
		if len(l) > maxWants {
			return fmt.Errorf("%s: %d entries, at most %d", name, len(l), maxWants)
		}
		for _, s := range l {
			if len(s) > 255 {
				return fmt.Errorf("%s: an entry of %d bytes, at most 255", name, len(s))
			}
		}
	}
	return nil
}

// add is w with more, remove is w without less; each list by itself.
func (w wants) add(more wants) (wants, error) {
	merge := func(a, b []string) []string {
		a = slices.Clone(a)
		for _, s := range b {
			if !slices.Contains(a, s) {
				a = append(a, s)
			}
		}
		return a
	}
	sum := wants{Topics: merge(w.Topics, more.Topics), Match: merge(w.Match, more.Match), Team: merge(w.Team, more.Team), may: w.may}
	sum.nothing = w.nothing && sum.empty()
	return sum, sum.check()
}

func (w wants) remove(less wants) wants {
	without := func(a, b []string) []string {
		return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
	}
	rest := wants{Topics: without(w.Topics, less.Topics), Match: without(w.Match, less.Match), Team: without(w.Team, less.Team), may: w.may}
	rest.nothing = w.nothing || rest.empty() && !w.empty()
	return rest
}

// event reports whether w wants an event of that key and match.
func (w wants) event(key string, m *event.Match) bool {
	return !w.nothing && w.teams(m) && (w.may == nil || w.may.teams(m)) && w.topic(key)
}

// match reports whether w wants any of the events that made m. known is what it
// has found out of keys before.
func (w wants) match(m *MatchState, known map[string]bool) bool {
	if w.nothing || !w.teams(&m.Match) || w.may != nil && !w.may.teams(&m.Match) {
		return false
	}
	if w.anyTopic() {
		return true
	}
	return slices.ContainsFunc(m.Incidents, func(i *Incident) bool {
		wanted, ok := known[i.Key]
		if !ok {
			wanted = w.topic(i.Key)
			known[i.Key] = wanted
		}
		return wanted
	})
}

// topic reports whether w wants events of a key, of some match.
func (w wants) topic(key string) bool {
	return (len(w.Topics) == 0 || event.MatchAny(w.Topics, key)) && (w.may == nil || w.may.topic(key))
}

// teams reports whether w wants a match; nil is none.
func (w wants) teams(m *event.Match) bool {
	if len(w.Match) > 0 && (m == nil || !slices.Contains(w.Match, m.ID)) {
		return false
	}
	return len(w.Team) == 0 || m != nil && slices.ContainsFunc(w.Team, func(t string) bool {
		return strings.EqualFold(t, m.Home) || strings.EqualFold(t, m.Away)
	})
}

func (w wants) anyTopic() bool { return len(w.Topics) == 0 && (w.may == nil || w.may.anyTopic()) }

func (w wants) empty() bool { return len(w.Topics)+len(w.Match)+len(w.Team) == 0 }

// within says what w asks for and a token does not allow, or nil. What it does
// not name is bounded by the token all the same.
func (w wants) within(may *wants) error {
	if may == nil {
		return nil
	}
	for _, p := range w.Topics {
		if len(may.Topics) > 0 && !slices.ContainsFunc(may.Topics, func(m string) bool { return overlap(strings.Split(p, "."), strings.Split(m, ".")) }) {
			return fmt.Errorf("topics %q: the token allows %s", p, strings.Join(may.Topics, ", "))
		}
	}
	for _, id := range w.Match {
		if len(may.Match) > 0 && !slices.Contains(may.Match, id) {
			return fmt.Errorf("match %q: not allowed by the token", id)
		}
	}
	for _, t := range w.Team {
		if len(may.Team) > 0 && !slices.ContainsFunc(may.Team, func(m string) bool { return strings.EqualFold(m, t) }) {
			return fmt.Errorf("team %q: not allowed by the token", t)
		}
	}
	return nil
}

// overlap reports whether some key matches both of two topic patterns.
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

// folded is equal for names that differ in capitals alone, as strings.EqualFold
// has it.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, name)
}
