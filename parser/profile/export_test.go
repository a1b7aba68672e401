package profile

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"github.com/PuerkitoBio/goquery"

	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/profile/internal/budget"
	"github.com/matchwire/matchwire/parser/profile/internal/css"
)

// Selectors returns the CSS selectors of a profile, sorted.
func (p *Profile) Selectors() []string {
	texts := map[string]bool{}
	for _, s := range p.selectors() {
		texts[s.Text] = true
	}
	return slices.Sorted(maps.Keys(texts))
}

// Matchers parses a page. It returns the document, and a matcher for each selector. The matchers use
// an index of the document.
func Matchers(body []byte, selectors ...string) (*goquery.Document, []goquery.Matcher, error) {
	html, err := goquery.NewDocumentFromReader(bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	var all []*selector
	keys := map[css.Key]bool{}
	for _, text := range selectors {
		s, err := newSelector(text, strictyaml.Pos{})
		if err != nil {
			return nil, nil, err
		}
		all = append(all, s)
		keys[s.Key] = true
	}
	d := &Document{html: html, index: css.NewIndex(html, keys)}
	b, _ := budget.New(context.Background(), 100*budget.MaxSteps)
	var bound []goquery.Matcher
	for _, s := range all {
		bound = append(bound, s.In(d.index, html.Get(0), b))
	}
	return html, bound, nil
}
