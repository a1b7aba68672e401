package parser

import (
	"context"
	"strconv"

	"github.com/matchwire/matchwire/outbox"
)

// NewClientOver is NewClient with a transport of the test's own.
var NewClientOver = newClient

// Extract is what a watch does with the bytes of a page.
func (w *Watch) Extract(p Page) ([]Observation, error) {
	w.extract(p)
	return w.last.observations, w.last.err
}

// Outbox is where Save puts what it owes.
func (s *Store) Outbox() *outbox.Store { return s.outbox }

// Quote is what stands at a path of a page, as a trace keeps it.
func (p *Profile) Quote(page Page, path string) string {
	return (&quoter{profile: p, page: page, ctx: context.Background()}).quote(path)
}

// KeepVisits keeps n pages of a size, one after the other, and says which are
// left and what all took at most.
func KeepVisits(n, size int) (kept []int, most int) {
	var v visits
	for i := range n {
		v.put(strconv.Itoa(i), &visit{page: Page{Body: make([]byte, size)}})
		most = max(most, v.bytes)
	}
	for i := range n {
		if v.take(strconv.Itoa(i)) != nil {
			kept = append(kept, i)
		}
	}
	return kept, most
}
