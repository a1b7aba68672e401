package css

import (
	"github.com/PuerkitoBio/goquery"
	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"
)

// A Selector is a compiled CSS selector. It matches only elements.
type Selector struct {
	Text string // as given to [Compile]
	Key  Key

	match cascadia.Selector
}

// Compile compiles a selector.
func Compile(text string) (*Selector, error) {
	css, err := standard(text)
	if err != nil {
		return nil, err
	}
	group, err := cascadia.ParseGroup(css)
	if err != nil {
		return nil, err
	}
	k := keyOf(text)
	// Check the node's type, because cascadia's :contains and :matches match text nodes too.
	match := func(n *html.Node) bool { return n.Type == html.ElementNode && k.mayMatch(n) && group.Match(n) }
	return &Selector{text, k, match}, nil
}

// A Matcher is a selector with the index of one document. It uses the index to search the whole
// page. It implements goquery.Matcher, and the MatchFirst that goquery.SingleMatcher uses.
type Matcher struct {
	cascadia.Selector // for Match and Filter
	key               Key
	index             *Index
}

var _ goquery.Matcher = (*Matcher)(nil)

// In returns the matcher of a selector for the document of an index. The index must have the
// selector's key.
func (s *Selector) In(index *Index) *Matcher { return &Matcher{s.match, s.Key, index} }

// MatchAll returns the matching elements among n and its descendants, in document order.
func (m *Matcher) MatchAll(n *html.Node) []*html.Node {
	if candidates, ok := m.index.candidates(m.key, n); ok {
		return m.Filter(candidates)
	}
	return m.Selector.MatchAll(n)
}

// MatchFirst returns the first element that MatchAll would return, or nil.
func (m *Matcher) MatchFirst(n *html.Node) *html.Node {
	candidates, ok := m.index.candidates(m.key, n)
	if !ok {
		return m.Selector.MatchFirst(n)
	}
	for _, c := range candidates {
		if m.Match(c) {
			return c
		}
	}
	return nil
}
