package pagehtml

import (
	"reflect"

	"golang.org/x/net/html"
)

// A state is the unexported state of the HTML parser during parsing. It is necessary because the
// size of the tree cannot be derived from the page. At each new block, the parser reopens up to 512
// formatting elements.
type state struct {
	doc  reflect.Value // *html.Node: the tree
	afe  reflect.Value // []*html.Node: the active formatting elements, which the parser may reopen
	attr reflect.Value // the attributes of the tag that the tokenizer has begun
}

// watch returns an option that connects the state to a parser.
func (s *state) watch() html.ParseOption {
	option := reflect.MakeFunc(reflect.TypeFor[html.ParseOption](), func(in []reflect.Value) []reflect.Value {
		parser := in[0].Elem()
		s.doc, s.afe = parser.FieldByName("doc"), parser.FieldByName("afe")
		if t := parser.FieldByName("tokenizer"); t.IsValid() {
			s.attr = t.Elem().FieldByName("attr")
		}
		return nil
	})
	return option.Interface().(html.ParseOption)
}

// isVisible reports whether the parser has the fields of the state.
func (s *state) isVisible() bool { return s.doc.IsValid() && s.afe.IsValid() && s.attr.IsValid() }

// node returns the node at a pointer.
func node(pointer reflect.Value) *html.Node { return (*html.Node)(pointer.UnsafePointer()) }

// size returns the size of the tree, and of the tag that the tokenizer has begun.
func (s *state) size() int { return s.attr.Len() + size(node(s.doc)) }

// size returns the size of a node and its descendants.
func size(n *html.Node) int {
	sum := units(n)
	for in := range n.Descendants() {
		sum += units(in)
	}
	return sum
}

// units returns the size of a node.
func units(n *html.Node) int { return 2 + len(n.Attr) }

// formatting returns the size of the active formatting elements.
func (s *state) formatting() int {
	n := 0
	for i := range s.afe.Len() {
		n += units(node(s.afe.Index(i)))
	}
	return n
}
