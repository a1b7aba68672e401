package notify

import (
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// A rule matches a team and a player in every spelling.
func TestRuleMatchesEverySpelling(t *testing.T) {
	matches := func(rule, name string) bool {
		byTeam := filter{Teams: []string{rule}}.matches(event.Event{Data: event.Data{Match: &event.Match{Home: name}}})
		byPlayer := filter{Players: []string{rule}}.matches(event.Event{Data: event.Data{Player: name}})
		if byTeam != byPlayer {
			t.Errorf("a rule %q about %q: %v as a team, %v as a player", rule, name, byTeam, byPlayer)
		}
		return byTeam
	}
	for _, tc := range testenv.Spellings {
		if !matches(tc.A, tc.B) || !matches(tc.B, tc.A) {
			t.Errorf("a rule %q does not match %q, or the other way round", tc.A, tc.B)
		}
	}
	for _, n := range testenv.OtherNames {
		if matches(n[0], n[1]) {
			t.Errorf("a rule %q matches %q", n[0], n[1])
		}
	}
}
