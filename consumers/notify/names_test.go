package notify

import (
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// A rule for a team or a player matches every spelling of its name. It does not match a different
// name.
func TestRuleMatchesEverySpelling(t *testing.T) {
	matches := func(rule, name string) bool {
		byTeam := filter{Teams: []string{rule}}.matches(event.Event{Data: event.Data{Match: &event.Match{Home: name}}})
		byPlayer := filter{Players: []string{rule}}.matches(event.Event{Data: event.Data{Player: name}})
		if byTeam != byPlayer {
			t.Errorf("rule %q matches %q: %v as a team, %v as a player, want the same", rule, name, byTeam, byPlayer)
		}
		return byTeam
	}
	for _, tc := range testenv.Spellings {
		if !matches(tc.A, tc.B) || !matches(tc.B, tc.A) {
			t.Errorf("names %q and %q: a rule with one does not match the other, want a match both ways", tc.A, tc.B)
		}
	}
	for _, n := range testenv.DifferentNames {
		if matches(n[0], n[1]) {
			t.Errorf("rule %q matches the different name %q, want no match", n[0], n[1])
		}
	}
}
