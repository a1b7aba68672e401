package profile

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"

	"github.com/matchwire/matchwire/parser/profile/internal/budget"
	"github.com/matchwire/matchwire/parser/profile/internal/css"
)

// A row is an element of the page, or a value in its JSON, on which rules are evaluated. The whole
// page is a row too.
type row struct {
	doc    *Document
	html   *goquery.Selection // nil for JSON
	json   any
	path   string  // path on the page; see Document.Quote; "" for the whole page
	origin *origin // nil if html is part of the page

	inherited map[*Rule]string // latest value of each rule with inherit in the rows above; nil if the row inherits nothing
}

// An origin is the place on the page from which the siblings in a row were copied.
type origin struct {
	parent string // path of the element that contains the siblings
	first  int    // index of the first sibling among the elements in parent
}

// page returns the whole page as a row.
func (d *Document) page() row {
	r := row{doc: d, json: d.json}
	if d.html != nil {
		r.html = d.html.Selection
	}
	return r
}

// matcher returns the matcher of a selector for a search below the row.
func (r row) matcher(s *selector) *css.Matcher { return s.In(r.doc.index, r.html.Get(0), r.doc.budget) }

// find returns the elements below the row that match s, in document order.
func (r row) find(s *selector) *goquery.Selection {
	return r.html.FindMatcher(r.matcher(s))
}

// first returns the first element below the row that matches s. If there is none, it returns the
// row itself if the row matches, otherwise an empty selection.
func (r row) first(s *selector) *goquery.Selection {
	m := r.matcher(s)
	if found := r.html.FindMatcher(goquery.SingleMatcher(m)); found.Length() > 0 {
		return found.First() // found has the first element of each node in r.html
	}
	return r.html.FilterMatcher(m)
}

// maxRows is the maximum number of rows in a list. No match has that many incidents, and no page has
// that many matches.
const maxRows = 10_000

// rows returns the rows that a rule finds in a row. If the rule has alternatives, it returns the rows
// of the first alternative that finds any. Finding no rows is not an error. If the rule has a
// selector and the row is JSON, the error wraps errNothing.
func (r *Rule) rows(ctx context.Context, in row) ([]row, error) {
	switch {
	case r.alternatives != nil:
		for i := range r.alternatives {
			if rows, err := r.alternatives[i].rows(ctx, in); len(rows) > 0 || err != nil && !errors.Is(err, errNothing) {
				return rows, err
			}
		}
		return nil, nil
	case r.JQ != nil:
		return r.jsonRows(ctx, in)
	case in.html == nil:
		return nil, nothing("a selector cannot search JSON")
	}
	return r.htmlRows(in)
}

// htmlRows returns the elements that the rule's selector finds in a row, in document order.
func (r *Rule) htmlRows(in row) ([]row, error) {
	found := in.find(r.CSS)
	if found.Length() > maxRows {
		return nil, fmt.Errorf("selector %s finds more than %d rows", r.CSS.Text, maxRows)
	}
	var rows []row
	for _, element := range found.EachIter() {
		n := element.Get(0)
		next := row{doc: in.doc, html: element, json: in.json, path: in.cssPath(n), origin: in.origin}
		if r.Siblings {
			next.html = withSiblings(in.doc.budget, n, in.matcher(r.CSS))
			next.origin = in.originOf(n)
		}
		if next.html == nil || !in.doc.budget.Spend(1) {
			return nil, in.doc.budget.Reason()
		}
		rows = append(rows, next)
	}
	return rows, nil
}

// jsonRows returns the results of the rule's query on a row.
func (r *Rule) jsonRows(ctx context.Context, in row) ([]row, error) {
	var rows []row
	results := r.JQ.run(ctx, in.doc, in.json)
	for {
		v, ok := results.Next()
		if !ok {
			return rows, nil
		}
		if err, ok := v.(error); ok {
			if strings.HasPrefix(err.Error(), "cannot iterate over: null") {
				return rows, nil // the JSON does not contain the list yet
			}
			return rows, fmt.Errorf("jq %s: %w", r.JQ.source, err)
		}
		if len(rows) == maxRows {
			return nil, fmt.Errorf("jq %s returns more than %d rows", r.JQ.source, maxRows)
		}
		path := fmt.Sprintf("nth(%d; %s)", len(rows), squeeze(r.JQ.source))
		if in.path != "" {
			path = in.path + " | " + path
		}
		rows = append(rows, row{doc: in.doc, html: in.html, json: v, path: path})
	}
}

// wrapperName is the name of the element that contains the copies of a row and its siblings.
const wrapperName = "matchwire-row"

// withSiblings returns a new element with copies of a row and of its following siblings, up to the
// next row. It does not modify the page. It returns nil if the budget has ended.
func withSiblings(b *budget.Budget, element *html.Node, rows goquery.Matcher) *goquery.Selection {
	wrapper := &html.Node{Type: html.ElementNode, Data: wrapperName}
	for n := element; n != nil && (n == element || !rows.Match(n)); n = n.NextSibling {
		copied := clone(b, n)
		if copied == nil {
			return nil
		}
		wrapper.AppendChild(copied)
	}
	return goquery.NewDocumentFromNode(wrapper).Selection
}

// clone returns a copy of a node and its descendants. It returns nil if the budget has ended. A
// copy needs memory, so each copied node and each copied attribute counts as 200 steps.
func clone(b *budget.Budget, n *html.Node) *html.Node {
	const steps = 200
	if !b.Spend(steps * (1 + len(n.Attr))) {
		return nil
	}
	copied := &html.Node{
		Type: n.Type, DataAtom: n.DataAtom, Data: n.Data, Namespace: n.Namespace, Attr: slices.Clone(n.Attr),
	}
	for child := range n.ChildNodes() {
		c := clone(b, child)
		if c == nil {
			return nil
		}
		copied.AppendChild(c)
	}
	return copied
}

// originOf returns the origin of element: the path of its parent, and its index in the parent.
func (r row) originOf(element *html.Node) *origin {
	index := r.doc.position(element) - 1
	if r.origin != nil && element.Parent.Data == wrapperName {
		return &origin{r.origin.parent, r.origin.first + index}
	}
	return &origin{r.cssPath(element.Parent), index}
}

// cssPath returns the path of an element of the row as a selector. The path starts at the nearest
// ancestor with a plain ID, or at body or html. The selector is unique if the IDs on the page are
// unique.
func (r row) cssPath(element *html.Node) string {
	var steps []string
	for at := element; at != nil && at.Type == html.ElementNode; at = at.Parent {
		if id := idOf(at); plainID.MatchString(id) {
			steps = append(steps, at.Data+"#"+id)
			break
		}
		if at.Data == "body" || at.Data == "html" {
			steps = append(steps, at.Data)
			break
		}
		position := r.doc.position(at)
		if r.origin != nil && at.Parent != nil && at.Parent.Data == wrapperName {
			steps = append(steps, fmt.Sprintf("%s:nth-child(%d)", at.Data, r.origin.first+position), r.origin.parent)
			break
		}
		steps = append(steps, fmt.Sprintf("%s:nth-child(%d)", at.Data, position))
	}
	slices.Reverse(steps)
	return strings.Join(steps, " > ")
}

// idOf returns the ID of an element, or "".
func idOf(n *html.Node) string {
	for i := range n.Attr {
		if n.Attr[i].Key == "id" {
			return n.Attr[i].Val
		}
	}
	return ""
}

// position returns the position of an element among the child elements of its parent, from 1. The
// document caches the positions of all these elements, because a list can have thousands of rows.
func (d *Document) position(n *html.Node) int {
	if n.Parent == nil {
		return 1
	}
	if at, known := d.positions[n]; known {
		return at
	}
	if d.positions == nil {
		d.positions = map[*html.Node]int{}
	}
	at := 0
	for sibling := range n.Parent.ChildNodes() {
		if sibling.Type == html.ElementNode {
			at++
			d.positions[sibling] = at
		}
	}
	return d.positions[n]
}

// plainID matches IDs that need no escapes in a selector.
var plainID = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)
