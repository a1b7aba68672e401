package css

import (
	"fmt"
	"strings"

	"github.com/PuerkitoBio/goquery"
	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"

	"github.com/matchwire/matchwire/parser/profile/internal/budget"
)

// A Selector is a compiled CSS selector. It matches only elements.
type Selector struct {
	Text string // as given to [Compile]
	Key  Key

	match    cascadia.Selector
	scoped   bool   // whether the selector has :scope
	standard string // the selector for cascadia
}

// Compile compiles a selector.
func Compile(text string) (*Selector, error) {
	if trimmed := strings.TrimSpace(text); trimmed != "" && strings.ContainsRune(">+~", rune(trimmed[0])) {
		return nil, fmt.Errorf("begins with %q: to begin at the row, write %q", trimmed[0], ":scope "+trimmed)
	}
	css, scoped := withoutScope(text)
	css, err := standard(css)
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
	return &Selector{text, k, match, scoped, css}, nil
}

// A Matcher is a selector with the index of one document. It uses the index to search the whole
// page. It implements goquery.Matcher, and has the method MatchFirst for goquery.SingleMatcher.
type Matcher struct {
	cascadia.Selector // for Match and Filter
	key               Key
	index             *Index
}

var _ goquery.Matcher = (*Matcher)(nil)

// In returns a matcher for a search below n, a node in the document of index. In the selector,
// :scope matches n. The index must have the key of the selector. Each test of an element spends a
// step of the budget. After the end of the budget, the matcher matches nothing. If a single test
// can need too many steps, In ends the budget with an error.
func (s *Selector) In(index *Index, n *html.Node, b *budget.Budget) *Matcher {
	match := s.match
	if s.scoped {
		match = within(scopeOf(n), s.match)
	}
	if w := index.weight(s); w > maxWeight {
		b.Fail(fmt.Errorf("selector %s needs up to %.0f million steps for one element of this page", s.Text, w/1e6))
	}
	limited := func(n *html.Node) bool { return b.Spend(1) && match(n) }
	return &Matcher{limited, s.Key, index}
}

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
