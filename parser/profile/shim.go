package profile

import (
	"context"

	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
)

type Document struct {
	p  *Profile
	pg page.Page
}

func (p *Profile) Parse(ctx context.Context, pg page.Page) (*Document, error) {
	return &Document{p, pg}, nil
}
func (d *Document) Observations(ctx context.Context) ([]observation.Observation, []observation.Problem, error) {
	return d.p.Extract(d.pg)
}
func (d *Document) Quote(ctx context.Context, path string) string {
	return (&Quoter{Profile: d.p, Page: d.pg, Ctx: ctx}).Quote(path)
}
func (p *Profile) ManyMatches() bool { return p.Matches.IsSet() }
