package poll_test

import (
	"testing"

	"github.com/matchwire/matchwire/parser/poll"
)

// The page cache is bounded. It removes the least recently used pages.
func TestPageCacheIsBounded(t *testing.T) {
	left, most := poll.CachePages(100, 2<<20)
	if most > 64<<20 || len(left) < 10 || left[len(left)-1] != 99 || left[0] != 100-len(left) {
		t.Errorf("pages %v are left, and the maximum size was %d bytes; want the latest 10 or more, and at most 64 MiB",
			left, most)
	}
}
