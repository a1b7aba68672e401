package pagetext

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// blocks contains the elements that a browser displays as blocks by default.
var blocks = map[atom.Atom]bool{
	atom.Address: true, atom.Article: true, atom.Aside: true, atom.Blockquote: true, atom.Br: true,
	atom.Caption: true, atom.Center: true, atom.Dd: true, atom.Details: true, atom.Dialog: true, atom.Div: true,
	atom.Dl: true, atom.Dt: true, atom.Fieldset: true, atom.Figcaption: true, atom.Figure: true, atom.Footer: true,
	atom.Form: true, atom.H1: true, atom.H2: true, atom.H3: true, atom.H4: true, atom.H5: true, atom.H6: true,
	atom.Header: true, atom.Hr: true, atom.Legend: true, atom.Li: true, atom.Main: true, atom.Menu: true,
	atom.Nav: true, atom.Ol: true, atom.Option: true, atom.P: true, atom.Pre: true, atom.Section: true,
	atom.Summary: true, atom.Table: true, atom.Tbody: true, atom.Td: true, atom.Tfoot: true, atom.Th: true,
	atom.Thead: true, atom.Tr: true, atom.Ul: true,
}

// Visible returns the text of an element. As in a browser, line breaks and the edges of blocks,
// such as paragraphs and cells, separate words. Visible spends a step for each node, and for each 8
// bytes of text. If spend returns false, ok is false and the text is incomplete.
func Visible(element *html.Node, spend func(steps int) bool) (text string, ok bool) {
	var b strings.Builder
	var add func(*html.Node) bool
	add = func(n *html.Node) bool {
		for child := range n.ChildNodes() {
			block := blocks[child.DataAtom]
			switch {
			case !spend(1 + len(child.Data)/8):
				return false
			case child.Type == html.TextNode:
				b.WriteString(child.Data)
				continue
			case block:
				b.WriteByte(' ')
			}
			if !add(child) {
				return false
			}
			if block {
				b.WriteByte(' ')
			}
		}
		return true
	}
	ok = add(element)
	return b.String(), ok
}

// Own returns the text directly in an element.
func Own(element *html.Node) string {
	var parts []string
	for child := range element.ChildNodes() {
		if child.Type == html.TextNode {
			parts = append(parts, child.Data)
		}
	}
	return strings.Join(parts, " ")
}
