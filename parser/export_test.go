package parser

import (
	"context"

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
