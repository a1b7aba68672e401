package poll

import "testing"

// recordPage returns true if and only if a newer page has already replaced the page.
func TestRecordPage(t *testing.T) {
	const first, second, third = 1, 2, 3
	var s sourceState
	for i, tc := range []struct {
		hash uint64
		old  bool
	}{
		{first, false}, {first, false}, {second, false},
		{first, true}, // a cache serves the first page again
		{second, false},
		{third, false}, {second, true}, {first, true}, {third, false},
	} {
		if old := s.recordPage(tc.hash); old != tc.old {
			t.Errorf("page %d, hash %d: old is %t, want %t", i+1, tc.hash, old, tc.old)
		}
	}
}

// The number of hashes of replaced pages is bounded. The oldest hashes are removed.
func TestRecordPageIsBounded(t *testing.T) {
	var s sourceState
	for hash := range uint64(1000) {
		s.recordPage(hash + 1)
	}
	if len(s.Superseded) != maxSuperseded {
		t.Errorf("Superseded contains %d hashes, want %d", len(s.Superseded), maxSuperseded)
	}
	if before, first := s.recordPage(999), s.recordPage(1); !before || first {
		t.Errorf("recordPage: %t for the page before the newest and %t for the first page, want true and false",
			before, first)
	}
}
