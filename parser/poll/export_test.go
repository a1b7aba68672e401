package poll

import (
	"context"
	"strconv"

	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
)

// Extract is what a watch does with the bytes of a page.
func (w *Tracker) Extract(ctx context.Context, p page.Page) ([]observation.Observation, error) {
	w.extract(ctx, p)
	return w.last.observations, w.last.err
}

// Outbox is where Save puts what it owes.
func (s *Store) Outbox() *outbox.Store { return s.outbox }

// KeepVisits keeps n pages of a size, one after the other, and says which are
// left and what all took at most.
func KeepVisits(n, size int) (kept []int, most int) {
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
