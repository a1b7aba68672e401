package filter

import "testing"

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
