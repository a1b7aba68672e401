package observation

import (
	"testing"

	"github.com/matchwire/matchwire/internal/testenv"
)

func TestSameNameInEverySpelling(t *testing.T) {
	for _, tc := range testenv.Spellings {
		if !sameName(tc.A, tc.B) {
			t.Errorf("sameName(%q, %q) = false, want true", tc.A, tc.B)
		}
	}
	for _, n := range testenv.DifferentNames {
		if sameName(n[0], n[1]) {
			t.Errorf("sameName(%q, %q) = true, want false", n[0], n[1])
		}
	}
}
