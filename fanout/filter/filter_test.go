package filter

import (
	"net/url"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// team= chooses a team in every spelling, and a token allows it in every spelling.
func TestTeamInEverySpelling(t *testing.T) {
	chooses := func(team, name string) bool {
		f, err := Parse(url.Values{"team": {team}})
		if err != nil {
			t.Fatal(err)
		}
		if allowed := f.Within(&Filter{Team: []string{name}}) == nil; allowed != f.Event("soccer.x.goal", &event.Match{Away: name}) {
			t.Errorf("team=%s about %q: a token that names it allows it: %v", team, name, allowed)
		}
		return f.Event("soccer.x.goal", &event.Match{Home: name})
	}
	for _, tc := range testenv.Spellings {
		if !chooses(tc.A, tc.B) || !chooses(tc.B, tc.A) {
			t.Errorf("team=%s does not choose %q, or the other way round", tc.A, tc.B)
		}
	}
	for _, n := range testenv.OtherNames {
		if chooses(n[0], n[1]) {
			t.Errorf("team=%s chooses %q", n[0], n[1])
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"soccer.mls.*", "soccer.#", true}, {"soccer.mls.*", "*.*.goal", true}, {"soccer.mls.goal", "soccer.nhl.*", false},
		{"#", "a.b.c", true}, {"#.goal", "soccer.#", true}, {"#.goal", "soccer.mls.red_card", false}, {"a.b.c", "a.b.c.#", true},
	} {
		w, may := Filter{Topics: []string{tc.a}}, Filter{Topics: []string{tc.b}}
		if got := w.Within(&may) == nil; got != tc.want {
			t.Errorf("%s within %s: %v", tc.a, tc.b, got)
		}
		if got := may.Within(&w) == nil; got != tc.want {
			t.Errorf("%s within %s: %v", tc.b, tc.a, got)
		}
	}
}
