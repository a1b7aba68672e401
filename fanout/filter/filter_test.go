package filter

import (
	"net/url"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// A filter and a token match a team name in every spelling.
func TestTeamInEverySpelling(t *testing.T) {
	selects := func(team, name string) bool {
		f, err := Parse(url.Values{"team": {team}})
		if err != nil {
			t.Fatal(err)
		}
		allowed := f.Within(&Filter{Team: []string{name}}) == nil
		selected := f.Selects("soccer.x.goal", &event.Match{Away: name})
		if allowed != selected {
			t.Errorf("team=%s: a token for %q allows the filter: %v, the filter selects that team: %v; want the same",
				team, name, allowed, selected)
		}
		return f.Selects("soccer.x.goal", &event.Match{Home: name})
	}
	for _, tc := range testenv.Spellings {
		if !selects(tc.A, tc.B) || !selects(tc.B, tc.A) {
			t.Errorf("team=%s does not select %q, or team=%[2]s does not select %[1]q", tc.A, tc.B)
		}
	}
	for _, n := range testenv.DifferentNames {
		if selects(n[0], n[1]) {
			t.Errorf("team=%s selects %q, which is the name of a different team", n[0], n[1])
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"soccer.mls.*", "soccer.#", true},
		{"soccer.mls.*", "*.*.goal", true},
		{"soccer.mls.goal", "soccer.nhl.*", false},
		{"#", "a.b.c", true},
		{"#.goal", "soccer.#", true},
		{"#.goal", "soccer.mls.red_card", false},
		{"a.b.c", "a.b.c.#", true},
	} {
		a, b := Filter{Topics: []string{tc.a}}, Filter{Topics: []string{tc.b}}
		if got := a.Within(&b) == nil; got != tc.want {
			t.Errorf("a token for %s allows %s: %v, want %v", tc.b, tc.a, got, tc.want)
		}
		if got := b.Within(&a) == nil; got != tc.want {
			t.Errorf("a token for %s allows %s: %v, want %v", tc.a, tc.b, got, tc.want)
		}
	}
}
