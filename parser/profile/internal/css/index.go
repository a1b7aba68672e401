// Package css compiles CSS selectors, and searches a page for them with an index of its elements.
package css

import (
	"regexp"
	"strings"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"
)

// A Key is an ID, class or tag that an element must have to match a selector, such as the class
// "goal" for ".scoreboard > li.goal". An index of the elements by key avoids a walk over the page
// for each selector. On a page of half a megabyte, a dozen walks are slower than parsing the page.
type Key struct {
	kind byte // '#', '.' or 't'; 0 if the selector has no key
	name string
}

// keyShape matches the last part of a selector, if it begins with a tag, an ID or a class.
var keyShape = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9]*)?(?:([.#])([A-Za-z_-][A-Za-z0-9_-]*))?($|[.#:\[])`)

// keyOf returns the key of a selector, or the zero key if the selector has none, for example
// because it has alternatives or escapes.
func keyOf(selector string) Key {
	selector = strings.TrimSpace(selector)
	if strings.ContainsRune(selector, '\\') {
		return Key{}
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
			return Key{}
		case strings.ContainsRune(" \t\r\n\f>+~", c):
			last = i + 1
		}
	}
	m := keyShape.FindStringSubmatch(selector[last:])
	switch {
	case m == nil:
		return Key{}
	case m[2] != "":
		return Key{m[2][0], m[3]}
	case m[1] != "":
		return Key{'t', strings.ToLower(m[1])}
	}
	return Key{}
}

// mayMatch reports whether an element may have the key. It can return true for an element without
// the key. It is faster than matching the selector.
func (k Key) mayMatch(n *html.Node) bool {
	switch k.kind {
	case 0:
		return true
	case 't':
		return n.Data == k.name
	}
	for i := range n.Attr {
		switch a := &n.Attr[i]; a.Key {
		case "id":
			if k.kind == '#' && a.Val == k.name {
				return true
			}
		case "class":
			if k.kind == '.' && strings.Contains(a.Val, k.name) {
				return true
			}
		}
	}
	return false
}

// An Index holds the elements of a document by key, in document order.
type Index struct {
	root               *html.Node
	ids, classes, tags nodesByName
	shape              shape
	weights            map[*Selector]float64 // by selector: result of weight
}

// NewIndex returns an index of the elements of a document that have one of keys.
func NewIndex(doc *goquery.Document, keys map[Key]bool) *Index {
	ix := &Index{root: doc.Get(0), weights: map[*Selector]float64{}}
	ix.shape.root = ix.root
	ix.shape.add(ix.root, 0)
	for k := range keys {
		ix.of(k).open(k.name)
	}
	for n := range ix.root.Descendants() {
		if n.Type == html.ElementNode {
			ix.add(n)
		}
	}
	return ix
}

// weight returns the maximum number of steps to test one element of the document with a selector.
func (ix *Index) weight(s *Selector) float64 {
	w, known := ix.weights[s]
	if !known {
		w = ix.shape.weight(s.standard).one
		ix.weights[s] = w
	}
	return w
}

// candidates returns the elements of the document that have the key. ok reports whether the result
// is also correct for a search below n. That is so if n is the root element, or if no element has
// the key. ok is false for the zero key.
func (ix *Index) candidates(k Key, n *html.Node) (found []*html.Node, ok bool) {
	if k == (Key{}) {
		return nil, false
	}
	found = ix.of(k).elements[k.name]
	return found, len(found) == 0 || n.Parent == ix.root
}

// of returns the lists of elements for the kind of a key: IDs, classes or tags.
func (ix *Index) of(k Key) *nodesByName {
	switch k.kind {
	case '#':
		return &ix.ids
	case '.':
		return &ix.classes
	}
	return &ix.tags
}

// add adds an element to the lists for its tag, ID and classes.
func (ix *Index) add(n *html.Node) {
	ix.tags.add(n.Data, n)
	for i := range n.Attr {
		switch a := &n.Attr[i]; a.Key {
		case "id":
			ix.ids.add(a.Val, n)
		case "class":
			start := -1
			for at := range len(a.Val) {
				switch a.Val[at] {
				case ' ', '\t', '\r', '\n', '\f':
					if start >= 0 {
						ix.classes.add(a.Val[start:at], n)
					}
					start = -1
				default:
					if start < 0 {
						start = at
					}
				}
			}
			if start >= 0 {
				ix.classes.add(a.Val[start:], n)
			}
		}
	}
}

// nodesByName holds a list of elements for each opened name.
type nodesByName struct {
	elements map[string][]*html.Node
	lengths  uint64 // lengthBit of all opened names; add rejects most other names without a map lookup
}

// lengthBit returns a value in which one bit represents the length of a name. All lengths of 63 and
// more share a bit.
func lengthBit(name string) uint64 { return 1 << min(len(name), 63) }

// open creates the list for a name.
func (l *nodesByName) open(name string) {
	if l.elements == nil {
		l.elements = map[string][]*html.Node{}
	}
	l.elements[name] = nil
	l.lengths |= lengthBit(name)
}

// add adds an element to the list for a name, if the list is open.
func (l *nodesByName) add(name string, n *html.Node) {
	if l.lengths&lengthBit(name) == 0 {
		return
	}
	list, opened := l.elements[name]
	if !opened || len(list) > 0 && list[len(list)-1] == n { // the element can have the same class twice
		return
	}
	l.elements[name] = append(list, n)
}
