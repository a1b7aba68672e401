package event_test

import (
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

func TestFold(t *testing.T) {
	for _, tc := range testenv.Spellings {
		if a, b := event.Fold(tc.A), event.Fold(tc.B); a != b || a == "" {
			t.Errorf("%q is folded to %q, %q to %q", tc.A, a, tc.B, b)
		}
		if tc.Slug == "" {
			continue
		}
		if a, b := event.Slug(tc.A), event.Slug(tc.B); a != tc.Slug || b != tc.Slug {
			t.Errorf("routing keys have %s for %q and %s for %q, want %s", a, tc.A, b, tc.B, tc.Slug)
		}
	}
	for _, n := range testenv.OtherNames {
		if event.Fold(n[0]) == event.Fold(n[1]) {
			t.Errorf("%q and %q are folded to the same", n[0], n[1])
		}
	}
	if got := event.Fold("…"); got != "" {
		t.Errorf("a name without letters is folded to %q", got)
	}
}
