package profile

import (
	"context"

	"github.com/matchwire/matchwire/parser/page"
)

// Quote is what stands at a path of a page, as a trace keeps it.
func (p *Profile) Quote(fetched page.Page, path string) string {
	return (&Quoter{Profile: p, Page: fetched, Ctx: context.Background()}).Quote(path)
}
