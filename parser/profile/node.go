package profile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// allText is the text in an element and all below it.
func allText(n *html.Node) string {
	var b strings.Builder
	for at := n; at != nil; at = nextNode(at, n) {
		if at.Type == html.TextNode {
			b.WriteString(at.Data)
		}
	}
	return b.String()
}

// ownText is the text that stands directly in an element.
func ownText(n *html.Node) string {
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == html.TextNode {
			b.WriteString(c.Data + " ")
		}
	}
	return b.String()
}

func cloneNode(n *html.Node) *html.Node {
	c := &html.Node{Type: n.Type, DataAtom: n.DataAtom, Data: n.Data, Namespace: n.Namespace, Attr: n.Attr}
	for child := range n.ChildNodes() {
		c.AppendChild(cloneNode(child))
	}
	return c
}

// cssPath is a selector for exactly this element: from the nearest ancestor
// with an ID on, or from the root.
func cssPath(n *html.Node) string {
	var parts []string
	for ; n != nil && n.Type == html.ElementNode; n = n.Parent {
		if id, _ := attr(n, "id"); plainID.MatchString(id) {
			parts = append(parts, n.Data+"#"+id)
			break
		}
		if n.Data == "body" || n.Data == "html" {
			parts = append(parts, n.Data)
			break
		}
		parts = append(parts, fmt.Sprintf("%s:nth-child(%d)", n.Data, place(n)))
	}
	slices.Reverse(parts)
	return strings.Join(parts, " > ")
}

// plainID is an ID that a selector holds without escapes.
var plainID = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// place is n's place among its parent's elements, from 1.
func place(n *html.Node) int {
	i := 1
	for s := n.PrevSibling; s != nil; s = s.PrevSibling {
		if s.Type == html.ElementNode {
			i++
		}
	}
	return i
}

func attr(n *html.Node, name string) (string, bool) {
	for i := range n.Attr {
		if n.Attr[i].Key == name {
			return n.Attr[i].Val, true
		}
	}
	return "", false
}
