package fanout

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

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

	nothing bool // the last entry of a list was taken off: no longer everything
}

// wantsOf reads ?topics=a,b&match=ID&team=NAME. A parameter that is not of the
// protocol is an error: misspelt, it would mean everything.
func wantsOf(q url.Values) (wants, error) {
	for name := range q {
		if !slices.Contains([]string{"topics", "match", "team", "cursor"}, name) {
			return wants{}, fmt.Errorf("parameter %q: there are topics, match, team and cursor", name)
		}
	}
	w := wants{Topics: list(q["topics"]), Match: list(q["match"]), Team: q["team"]}
	return w, w.check()
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
	sum := wants{Topics: merge(w.Topics, more.Topics), Match: merge(w.Match, more.Match), Team: merge(w.Team, more.Team)}
	return sum, sum.check()
}

func (w wants) remove(less wants) wants {
	without := func(a, b []string) []string {
		return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
	}
	rest := wants{Topics: without(w.Topics, less.Topics), Match: without(w.Match, less.Match), Team: without(w.Team, less.Team), nothing: w.nothing}
	for _, l := range [][2][]string{{w.Topics, rest.Topics}, {w.Match, rest.Match}, {w.Team, rest.Team}} {
		rest.nothing = rest.nothing || len(l[0]) > 0 && len(l[1]) == 0
	}
	return rest
}

// event reports whether w wants an event of that key and match.
func (w wants) event(key string, m *event.Match) bool {
	if w.nothing {
		return false
	}
	if len(w.Topics) > 0 && !event.MatchAny(w.Topics, key) {
		return false
	}
	if len(w.Match) > 0 && (m == nil || !slices.Contains(w.Match, m.ID)) {
		return false
	}
	return len(w.Team) == 0 || m != nil && slices.ContainsFunc(w.Team, func(t string) bool {
		return strings.EqualFold(t, m.Home) || strings.EqualFold(t, m.Away)
	})
}

// match reports whether w wants any of the events that made m.
func (w wants) match(m *MatchState) bool {
	if len(w.Topics) == 0 {
		return w.event("", &m.Match)
	}
	return slices.ContainsFunc(m.Incidents, func(i Incident) bool { return w.event(i.Key, &m.Match) })
}
