package profile

import (
	"regexp"
	"strings"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"
)

// A key is what every element that a selector matches must have: the ID, class
// or tag at the end of ".scoreboard > li.goal". Finding the few elements that
// have it first spares a walk over the page for each selector; on a page of
// half a megabyte a dozen walks cost more than parsing it.
type key struct {
	kind byte // '#', '.' or 't'; 0: the selector does not tell
	name string
}

var keyShape = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9]*)?(?:([.#])([A-Za-z_-][A-Za-z0-9_-]*))?($|[.#:\[])`)

// keyOf reads the key off a selector.
func keyOf(selector string) key {
	selector = strings.TrimSpace(selector)
	if strings.ContainsRune(selector, '\\') {
		return key{}
	}
	last, depth := 0, 0
	var quote rune
	for i, c := range selector {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(' || c == '[':
			depth++
		case c == ')' || c == ']':
			depth--
		case depth > 0:
		case c == ',':
			return key{}
		case strings.ContainsRune(" \t\r\n\f>+~", c):
			last = i + 1
		}
	}
	m := keyShape.FindStringSubmatch(selector[last:])
	switch {
	case m == nil:
		return key{}
	case m[2] != "":
		return key{m[2][0], m[3]}
	case m[1] != "":
		return key{'t', strings.ToLower(m[1])}
	}
	return key{}
}

// An index lists the elements of a page by key, in the order of the page.
type index struct {
	root               *html.Node
	ids, classes, tags map[string][]*html.Node
}

func (ix index) of(k key) map[string][]*html.Node {
	switch k.kind {
	case '#':
		return ix.ids
	case '.':
		return ix.classes
	}
	return ix.tags
}

// newIndex walks the page once, for the keys wanted.
func newIndex(doc *goquery.Document, wanted map[key]bool) *index {
	ix := &index{doc.Get(0), map[string][]*html.Node{}, map[string][]*html.Node{}, map[string][]*html.Node{}}
	for k := range wanted {
		ix.of(k)[k.name] = nil
	}
	for n := range ix.root.Descendants() {
		if n.Type == html.ElementNode {
			ix.add(n)
		}
	}
	return ix
}

// candidates lists what can match a selector with the key among an element and
// all below it. It knows where the element is the page's root, or where the
// whole page has nothing of the kind.
func (ix *index) candidates(k key, within *html.Node) (found []*html.Node, known bool) {
	if k == (key{}) {
		return nil, false
	}
	found = ix.of(k)[k.name]
	return found, len(found) == 0 || within.Parent == ix.root
}

func (ix index) add(n *html.Node) {
	file(ix.tags, n.Data, n)
	for i := range n.Attr {
		switch a := &n.Attr[i]; a.Key {
		case "id":
			file(ix.ids, a.Val, n)
		case "class":
			start := -1
			for at := range len(a.Val) {
				switch a.Val[at] {
				case ' ', '\t', '\r', '\n', '\f':
					if start >= 0 {
						file(ix.classes, a.Val[start:at], n)
					}
					start = -1
				default:
					if start < 0 {
						start = at
					}
				}
			}
			if start >= 0 {
				file(ix.classes, a.Val[start:], n)
			}
		}
	}
}

// file adds an element under a name that is wanted.
func file(under map[string][]*html.Node, name string, n *html.Node) {
	had, wanted := under[name]
	if !wanted || len(had) > 0 && had[len(had)-1] == n { // or a class that the element names twice
		return
	}
	under[name] = append(had, n)
}
