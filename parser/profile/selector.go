package profile

import (
	"github.com/PuerkitoBio/goquery"
	"github.com/andybalholm/cascadia"
	"github.com/goccy/go-yaml/ast"
	"golang.org/x/net/html"

	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/profile/internal/index"
)

// A selector is a compiled CSS selector of a profile.
type selector struct {
	text string
	css  cascadia.Selector // matches only elements
	key  index.Key
}

// UnmarshalYAML compiles the selector.
func (s *selector) UnmarshalYAML(n ast.Node) error {
	var text string
	if err := strictyaml.DecodeNode(n, &text); err != nil {
		return err
	}
	compiled, err := newSelector(text, strictyaml.PosOf(n))
	if err != nil {
		return err
	}
	*s = *compiled
	return nil
}

func newSelector(text string, pos strictyaml.Pos) (*selector, error) {
	css, err := standard(text)
	if err != nil {
		return nil, pos.Errorf("selector %q: %w", text, err)
	}
	group, err := cascadia.ParseGroup(css)
	if err != nil {
		return nil, pos.Errorf("selector %q: %w", text, err)
	}
	k := index.KeyOf(text)
	// Check the node's type, because cascadia's :contains and :matches match text nodes too.
	match := func(n *html.Node) bool { return n.Type == html.ElementNode && k.MayMatch(n) && group.Match(n) }
	return &selector{text, match, k}, nil
}

// A matcher is a selector with the index of one document. It uses the index to search the whole
// page. It implements goquery.Matcher, and the MatchFirst that goquery.SingleMatcher uses.
type matcher struct {
	cascadia.Selector // for Match and Filter
	key               index.Key
	index             *index.Index
}

var _ goquery.Matcher = (*matcher)(nil)

// matcher returns the matcher of a selector for the document.
func (d *Document) matcher(s *selector) *matcher { return &matcher{s.css, s.key, d.index} }

// MatchAll returns the matching elements among n and its descendants, in document order.
func (m *matcher) MatchAll(n *html.Node) []*html.Node {
	if candidates, ok := m.index.Candidates(m.key, n); ok {
		return m.Filter(candidates)
	}
	return m.Selector.MatchAll(n)
}

// MatchFirst returns the first element that MatchAll would return, or nil.
func (m *matcher) MatchFirst(n *html.Node) *html.Node {
	candidates, ok := m.index.Candidates(m.key, n)
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
