package profile

import (
	"bytes"
	"maps"
	"slices"

	"github.com/PuerkitoBio/goquery"

	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/profile/internal/index"
)

// Selectors returns the CSS selectors of a profile, sorted.
func (p *Profile) Selectors() []string {
	texts := map[string]bool{}
	for _, s := range p.selectors() {
		texts[s.text] = true
	}
	return slices.Sorted(maps.Keys(texts))
}

// Matchers parses a page, and returns for each selector a matcher that uses the index.
func Matchers(body []byte, selectors ...string) (*goquery.Document, []goquery.Matcher, error) {
	html, err := goquery.NewDocumentFromReader(bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	var all []*selector
	keys := map[index.Key]bool{}
	for _, text := range selectors {
		s, err := newSelector(text, strictyaml.Pos{})
		if err != nil {
			return nil, nil, err
		}
		all = append(all, s)
		keys[s.key] = true
	}
	d := &Document{html: html, index: index.New(html, keys)}
	var bound []goquery.Matcher
	for _, s := range all {
		bound = append(bound, d.matcher(s))
	}
	return html, bound, nil
}
