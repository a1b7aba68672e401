package poll

import (
	"context"
	"strconv"

	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
)

// Parse parses a page as Ingest does, the latest page again included.
func (t *Tracker) Parse(ctx context.Context, p page.Page) ([]observation.Observation, error) {
	t.parsed = parse(ctx, t.profile, p, t.parsed)
	return t.parsed.observations, t.parsed.err
}

// Outbox is where Save puts the events.
func (s *Store) Outbox() *outbox.Store { return s.outbox }

// CachePages puts n pages of a size into a cache, one after the other. It returns which are left,
// and how many bytes the cache counted at most.
func CachePages(n, size int) (kept []int, most int) {
	var v pageCache
	for i := range n {
		v.put(strconv.Itoa(i), &cachedPage{page: page.Page{Body: make([]byte, size)}})
		most = max(most, v.bytes)
	}
	for i := range n {
		if v.take(strconv.Itoa(i)) != nil {
			kept = append(kept, i)
		}
	}
	return kept, most
}
