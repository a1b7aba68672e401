// Package pagehtml parses HTML within limits. Without limits, a page of a few kilobytes can become
// a tree of a gigabyte.
package pagehtml

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"

	"golang.org/x/net/html"
)

// MaxUnits is the maximum size of the tree of a page. A node has two units, and an attribute has
// one. A unit needs about 80 bytes. A page of half a megabyte has about 50,000 units.
const MaxUnits = 1_000_000

// ErrTooLarge means that the trees of a page exceed the limit of the parser.
var ErrTooLarge = errors.New("the page is too large: too many elements, texts and attributes")

// A Parser parses a page and its fragments. It limits the total size of their trees to most units.
type Parser struct{ units, most int }

// NewParser returns a parser for a page of length bytes. The limit is 20,000 units plus 2 units
// per byte, but at most MaxUnits. Markup without reopened elements has at most about one unit per
// byte.
func NewParser(length int) *Parser { return &Parser{most: min(20_000+2*length, MaxUnits)} }

// Parse parses a page in UTF-8. It stops when ctx ends.
func (p *Parser) Parse(ctx context.Context, page io.Reader) (*html.Node, error) {
	r := p.reader(ctx, page)
	root, err := html.ParseWithOptions(r, r.state.watch())
	return root, p.done(r, []*html.Node{root}, err)
}

// Fragment parses HTML inside the element in. It stops when ctx ends.
func (p *Parser) Fragment(ctx context.Context, text string, in *html.Node) ([]*html.Node, error) {
	r := p.reader(ctx, strings.NewReader(text))
	nodes, err := html.ParseFragmentWithOptions(r, in, r.state.watch())
	return nodes, p.done(r, nodes, err)
}

// reader returns the reader for a page or a fragment.
func (p *Parser) reader(ctx context.Context, page io.Reader) *reader {
	size := maxChunk
	if s, ok := page.(interface{ Len() int }); ok {
		size = min(size, max(s.Len(), minChunk))
	}
	return &reader{stopped: func() error { return context.Cause(ctx) }, page: bufio.NewReaderSize(page, size),
		before: p.units, most: p.most}
}

// done adds the size of new trees. It returns an error if the parser failed, or if the total size
// is above the limit.
func (p *Parser) done(r *reader, trees []*html.Node, err error) error {
	switch {
	case err != nil:
		return err
	case !r.state.isVisible():
		return errors.New("the HTML parser does not show its state: this version of golang.org/x/net/html is not supported")
	}
	if p.units += r.counted + r.growth; p.units > p.most/2 { // the bound may be too high, so count the trees
		p.units = r.before
		for _, n := range trees {
			p.units += size(n)
		}
	}
	if p.units > p.most {
		return ErrTooLarge
	}
	return nil
}
