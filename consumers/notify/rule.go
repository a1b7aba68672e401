package notify

import (
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A rule says what a channel is told, and how.
type rule struct {
	filter
	quiet    *quiet
	delay    time.Duration
	language string
}

// first is the first rule that wants an event, or nil.
func first(rules []rule, e event.Event) *rule {
	for i := range rules {
		if rules[i].matches(e) {
			return &rules[i]
		}
	}
	return nil
}

// A filter chooses events. What is empty chooses all.
type filter struct {
	Topics  []string `json:"topics,omitempty"` // patterns; a correction goes by the key of what it corrects
	Teams   []string `json:"teams,omitempty"`  // that play
	Players []string `json:"players,omitempty"`
	Kinds   []string `json:"kinds,omitempty"`

	usual bool // nobody has named kinds or topics: what match_end says is not said again
}

func (f filter) matches(e event.Event) bool {
	d := e.Data
	if f.usual && d.Kind == event.StatusChange && d.Match != nil && d.Match.Status.Over() {
		return false
	}
	var teams []string
	if d.Match != nil {
		teams = []string{d.Match.Home, d.Match.Away}
	}
	return (len(f.Topics) == 0 || event.MatchAny(f.Topics, e.Type) || event.MatchAny(f.Topics, baseKey(e))) &&
		(len(f.Kinds) == 0 || slices.Contains(f.Kinds, string(d.Kind))) &&
		(len(f.Teams) == 0 || named(f.Teams, append(teams, d.Team))) &&
		(len(f.Players) == 0 || named(f.Players, []string{d.Player, d.Assist, d.Off}))
}

// baseKey is the routing key of what an event reports, corrects or takes back.
func baseKey(e event.Event) string {
	return strings.TrimSuffix(strings.TrimSuffix(e.Type, "_"+string(event.Corrected)), "_"+string(event.Retracted))
}

// named reports whether one of names is among those wanted, whatever their accents and
// capitals.
func named(wanted, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		folded := event.Fold(name)
		return folded != "" && slices.ContainsFunc(wanted, func(w string) bool { return event.Fold(w) == folded })
	})
}

// keys are topic patterns for all events that a filter can want.
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
			return []string{"#"} // rare, and the filter chooses
		}
		kinds := []string{words[2]}
		if words[2] == "*" && len(f.Kinds) > 0 {
			kinds = f.Kinds
		}
		for _, k := range kinds {
			all = append(all, words[0]+"."+words[1]+"."+k)
			if k != "*" {
				all = append(all, words[0]+"."+words[1]+"."+k+"_"+string(event.Corrected), words[0]+"."+words[1]+"."+k+"_"+string(event.Retracted))
			}
		}
	}
	return all
}

// possible reports whether some event has a topic and a kind of those wanted.
func (f filter) possible() bool {
	for _, t := range f.Topics {
		words := strings.Split(t, ".")
		last := words[len(words)-1]
		if last == "*" || last == "#" {
			return true
		}
		base := strings.TrimSuffix(strings.TrimSuffix(last, "_"+string(event.Corrected)), "_"+string(event.Retracted))
		if slices.Contains(f.Kinds, base) {
			return true
		}
	}
	return false
}

// keys are topic patterns for all that the channel is told.
func (n *notifier) keys() []string {
	var all []string
	for _, r := range n.rules {
		all = append(all, r.keys()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// quiet are hours of the day in which nobody is alerted.
type quiet struct {
	from, until time.Duration // since midnight; until may be on the next day
	zone        *time.Location
}

// at reports whether t lies in the quiet hours; nil has none.
func (q *quiet) at(t time.Time) bool {
	if q == nil {
		return false
	}
	t = t.In(q.zone)
	// By the clock on the wall, also on days when it is changed.
	day := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
	if q.from < q.until {
		return day >= q.from && day < q.until
	}
	return day >= q.from || day < q.until
}
