package profile

import (
	"regexp"
	"strings"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"
)

// A key is an ID, class or tag that every element must have to match a selector: the class "goal" for
// ".scoreboard > li.goal". An index of the few elements that have it saves a walk over the page for
// each selector. On a page of half a megabyte, a dozen walks take longer than parsing.
type key struct {
	kind byte // '#', '.' or 't'; 0 if the selector has no key
	name string
}

var keyShape = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9]*)?(?:([.#])([A-Za-z_-][A-Za-z0-9_-]*))?($|[.#:\[])`)

// keyOf returns the key of a selector.
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

// mayBeOf reports whether an element can have the key. It is quicker than matching the selector.
func (k key) mayBeOf(n *html.Node) bool {
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

// An index lists the elements of a document by key, in document order.
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

// newIndex walks over the document once and lists the elements that have one of the keys.
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

// candidates returns the elements that have the key, among n and all below it. The index knows them
// if n is the root element, or if no element of the document has the key.
func (ix *index) candidates(k key, n *html.Node) (found []*html.Node, known bool) {
	if k == (key{}) {
		return nil, false
	}
	found = ix.of(k)[k.name]
	return found, len(found) == 0 || n.Parent == ix.root
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

// file adds an element to a list, if the index has a list of that name.
func file(under map[string][]*html.Node, name string, n *html.Node) {
	list, wanted := under[name]
	if !wanted || len(list) > 0 && list[len(list)-1] == n { // the element names a class twice
		return
	}
	under[name] = append(list, n)
}
