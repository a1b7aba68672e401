package notify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A rule chooses events for a channel. It also sets the time and the language of their notifications.
type rule struct {
	filter
	position int    // in the config, from 0; -1 for the default rule
	quiet    *quiet // nil for none
	delay    time.Duration
	before   time.Duration // time before kick-off; 0 for a rule that chooses events
	language string
}

// name returns the name of the rule, as in errors about the config.
func (r *rule) name() string {
	if r.position < 0 {
		return "default rule"
	}
	return fmt.Sprintf("rules[%d]", r.position)
}

// firstMatch returns the first rule whose filter matches an event, or nil.
func firstMatch(rules []rule, e event.Event) *rule {
	for i := range rules {
		if rules[i].matches(e) {
			return &rules[i]
		}
	}
	return nil
}

// A filter chooses events. An event must match every field that is not empty.
type filter struct {
	// Topics are topic patterns. A pattern that matches an event also matches its corrections and its
	// retraction.
	Topics  []string `json:"topics,omitempty"`
	Teams   []string `json:"teams,omitempty"`   // one of these teams must play in the match
	Players []string `json:"players,omitempty"` // one must be the event's Player, Assist or Off
	Kinds   []string `json:"kinds,omitempty"`
	Only    only     `json:"only,omitempty"`

	// usual is true if the rule sets none of kinds, topics and before. The filter then does not match
	// a status_change that match_end also reports.
	usual bool
}

// matches reports whether the filter matches an event.
func (f filter) matches(e event.Event) bool { return f.mismatch(e) == "" }

// mismatch returns the first member of the filter that does not match an event, or "".
func (f filter) mismatch(e event.Event) string {
	d := e.Data
	var teams []string
	if d.Match != nil {
		teams = []string{d.Match.Home, d.Match.Away}
	}
	switch {
	case f.usual && d.Kind == event.StatusChange && d.Match != nil && d.Match.Status.Decided():
		return "kinds"
	case len(f.Topics) > 0 && !event.MatchAny(f.Topics, e.Type) && !event.MatchAny(f.Topics, baseKey(e)):
		return "topics"
	case len(f.Kinds) > 0 && !slices.Contains(f.Kinds, string(d.Kind)):
		return "kinds"
	case !f.Only.matches(&d):
		return "only"
	case len(f.Teams) > 0 && !named(f.Teams, append(teams, d.Team)):
		return "teams"
	case len(f.Players) > 0 && !named(f.Players, []string{d.Player, d.Assist, d.Off}):
		return "players"
	}
	return ""
}

// baseKey returns the routing key of an event, without the suffix of a correction or retraction.
func baseKey(e event.Event) string {
	i := strings.LastIndex(e.Type, ".") + 1
	return e.Type[:i] + string(event.BaseKind(e.Type[i:]))
}

// named reports whether wanted contains one of names. It ignores accents and case.
func named(wanted, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		folded := event.Fold(name)
		return folded != "" && slices.ContainsFunc(wanted, func(w string) bool { return event.Fold(w) == folded })
	})
}

// keys returns topic patterns that match at least all events that the filter can match.
func (f filter) keys() []string {
	topics := f.Topics
	if len(topics) == 0 {
		topics = []string{"#"}
	}
	var all []string
	for _, t := range topics {
		words := strings.Split(t, ".")
		switch {
		case t == "#":
			words = []string{"*", "*", "*"}
		case len(words) != 3 || slices.Contains(words, "#"):
			return []string{"#"} // such patterns are rare; the filter rejects the other events
		}
		kinds := []string{words[2]}
		if words[2] == "*" && len(f.Kinds) > 0 {
			kinds = f.Kinds
		}
		for _, k := range kinds {
			league := words[0] + "." + words[1] + "."
			all = append(all, league+k)
			if k != "*" {
				all = append(all, league+event.Kind(k).Word(event.Corrected), league+event.Kind(k).Word(event.Retracted))
			}
		}
	}
	return all
}

// possible reports whether an event can match both the topics and the kinds. Neither may be empty.
func (f filter) possible() bool {
	for _, t := range f.Topics {
		words := strings.Split(t, ".")
		last := words[len(words)-1]
		if last == "*" || last == "#" {
			return true
		}
		if slices.Contains(f.Kinds, string(event.BaseKind(last))) {
			return true
		}
	}
	return false
}

// keys returns the topic patterns that bind the channel's queue to the exchange.
func (n *notifier) keys() []string {
	var all []string
	for _, r := range n.rules {
		all = append(all, r.keys()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// quiet holds quiet hours: a part of each day in which news is suppressed. If a recipient was notified
// of an incident, the corrections and the retraction of the incident are still sent.
type quiet struct {
	from, until time.Duration // since midnight; until is on the next day if it is less than from
	zone        *time.Location
}

// at reports whether t is in the quiet hours. If q is nil, at returns false.
func (q *quiet) at(t time.Time) bool {
	if q == nil {
		return false
	}
	t = t.In(q.zone)
	// t.Clock is the local time of day, even on days when daylight saving time begins or ends.
	hours, minutes, seconds := t.Clock()
	day := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute + time.Duration(seconds)*time.Second
	if q.from < q.until {
		return day >= q.from && day < q.until
	}
	return day >= q.from || day < q.until
}
