package event_test

import (
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

func TestFold(t *testing.T) {
	for _, tc := range testenv.Spellings {
		if a, b := event.Fold(tc.A), event.Fold(tc.B); a != b || a == "" {
			t.Errorf("Fold(%q) = %q, Fold(%q) = %q, want the same text", tc.A, a, tc.B, b)
		}
		if tc.Slug == "" {
			continue
		}
		if a, b := event.Slug(tc.A), event.Slug(tc.B); a != tc.Slug || b != tc.Slug {
			t.Errorf("Slug(%q) = %q, Slug(%q) = %q, want %q", tc.A, a, tc.B, b, tc.Slug)
		}
	}
	for _, n := range testenv.DifferentNames {
		if event.Fold(n[0]) == event.Fold(n[1]) {
			t.Errorf("Fold returns %q for both %q and %q, want different texts", event.Fold(n[0]), n[0], n[1])
		}
	}
	if got := event.Fold("…"); got != "" {
		t.Errorf("Fold returns %q for a name without letters, want \"\"", got)
	}
}
