package css

import (
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// scopeAttr is the attribute that an element has while :scope matches the element. cascadia does
// not support :scope.
const scopeAttr = "matchwire-scope"

// scopeWord matches the parts of a selector that can contain the text :scope: strings, escapes, and
// names after a colon.
var scopeWord = regexp.MustCompile(`"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\\.|:[A-Za-z-]+`)

// withoutScope replaces :scope in a selector with a test for scopeAttr. It reports whether the
// selector has :scope.
func withoutScope(css string) (out string, scoped bool) {
	out = scopeWord.ReplaceAllStringFunc(css, func(word string) string {
		if !strings.EqualFold(word, ":scope") {
			return word
		}
		scoped = true
		return "[" + scopeAttr + "]"
	})
	return out, scoped
}

// scopeOf returns the element that :scope matches in a search below n: n itself, or the root
// element of a document.
func scopeOf(n *html.Node) *html.Node {
	if n.Type != html.DocumentNode {
		return n
	}
	for child := range n.ChildNodes() {
		if child.Type == html.ElementNode {
			return child
		}
	}
	return n
}

// within returns a function that calls match. During each call, the element scope has scopeAttr.
func within(scope *html.Node, match func(*html.Node) bool) func(*html.Node) bool {
	return func(n *html.Node) bool {
		without := scope.Attr
		scope.Attr = append(without[:len(without):len(without)], html.Attribute{Key: scopeAttr})
		defer func() { scope.Attr = without }()
		return match(n)
	}
}
