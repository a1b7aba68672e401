package poll

import (
	"context"
	"strconv"
	"time"

	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
)

// Parse parses a page as Ingest does. It does not parse an unchanged page again.
func (t *Tracker) Parse(ctx context.Context, p page.Page) ([]observation.Observation, error) {
	t.parsed = parse(ctx, t.profile, p, t.parsed)
	return t.parsed.observations, t.parsed.err
}

// SetNow replaces the clock of the worker for dates.
func (w *Worker) SetNow(now func() time.Time) { w.now = now }

// Outbox returns the outbox to which Save appends events.
func (s *Store) Outbox() *outbox.Store { return s.outbox }

// CachePages puts n pages of the given size into a cache, one after the other. It returns the pages
// that are still in the cache, and the maximum size that the cache counted, in bytes.
func CachePages(n, size int) (left []int, most int) {
	var c pageCache
	for i := range n {
		c.put(strconv.Itoa(i), &cachedPage{page: page.Page{Body: make([]byte, size)}})
		most = max(most, c.bytes)
	}
	for i := range n {
		if c.get(strconv.Itoa(i)) != nil {
			left = append(left, i)
		}
	}
	return left, most
}
