package poll_test

import (
	"testing"

	"github.com/matchwire/matchwire/parser/poll"
)

// Pages that a worker keeps for the next visit take bounded memory; those that
// were not used for longest go first.
func TestVisitsAreBounded(t *testing.T) {
	if kept, most := poll.CachePages(100, 2<<20); most > 64<<20 || len(kept) < 10 || kept[len(kept)-1] != 99 || kept[0] != 100-len(kept) {
		t.Errorf("kept %v, %d bytes at most", kept, most)
	}
}
