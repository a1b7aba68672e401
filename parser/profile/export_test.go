package profile

import (
	"bytes"
	"context"
	"maps"
	"regexp"
	"slices"

	"github.com/PuerkitoBio/goquery"

	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
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

// ExtractWithin is [Profile.Extract] with a budget of steps for parsing, and the same budget for the
// observations. spent is the larger number of steps that one of them has spent.
func (p *Profile) ExtractWithin(ctx context.Context, pg page.Page, steps int) (
	all []observation.Observation, problems []observation.Problem, spent int, err error,
) {
	d := &Document{profile: p, at: created(pg)}
	err = d.parseWithin(ctx, pg, steps)
	spent = d.budget.Spent()
	if err == nil {
		all, problems, err = d.observationsWithin(ctx, steps)
		spent = max(spent, d.budget.Spent())
	}
	return all, problems, spent, err
}

// Find returns the first match of a regular expression in a text, as the rules of a profile find it.
func Find(ctx context.Context, expr, text string) []string {
	p := pattern{re: regexp.MustCompile(expr), size: instructions(expr)}
	return p.find(ctx, text)
}
