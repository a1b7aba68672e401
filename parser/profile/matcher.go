package profile

import (
	"github.com/PuerkitoBio/goquery"
	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"
)

// A matcher is a selector bound to the index of one Document: what it finds in
// the whole page it finds without a walk over it. It is a goquery.Matcher, and
// has what goquery.SingleMatcher asks for.
type matcher struct {
	cascadia.Selector // Match and Filter
	key               key
	index             *index
}

var _ goquery.Matcher = (*matcher)(nil)

// matcher binds a selector to the document.
func (d *Document) matcher(s *selector) *matcher { return &matcher{s.match, s.key, d.index} }

// MatchAll returns the elements that match among n and all below it, in the
// order of the document.
func (m *matcher) MatchAll(n *html.Node) []*html.Node {
	if candidates, known := m.index.candidates(m.key, n); known {
		return m.Filter(candidates)
	}
	return m.Selector.MatchAll(n)
}

// MatchFirst returns the first that MatchAll does; nil if there is none.
func (m *matcher) MatchFirst(n *html.Node) *html.Node {
	candidates, known := m.index.candidates(m.key, n)
	if !known {
		return m.Selector.MatchFirst(n)
	}
	for _, c := range candidates {
		if m.Match(c) {
			return c
		}
	}
	return nil
}
