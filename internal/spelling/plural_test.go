package spelling_test

import (
	"testing"

	"github.com/matchwire/matchwire/internal/spelling"
)

func TestPlural(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		n          int
		noun, want string
	}{
		{0, "event", "0 events"}, {1, "event", "1 event"}, {2, "dead letter", "2 dead letters"},
		{1, "fetch", "1 fetch"}, {2, "fetch", "2 fetches"},
	} {
		if got := spelling.Plural(tc.n, tc.noun); got != tc.want {
			t.Errorf("Plural(%d, %q) is %q, want %q", tc.n, tc.noun, got, tc.want)
		}
	}
}
