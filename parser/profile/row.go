package profile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/PuerkitoBio/goquery"
	"github.com/itchyny/gojq"
	"golang.org/x/net/html"

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

// An origin is the position of the siblings of a copied row on the page.
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
func (r row) matcher(s *selector) *css.Matcher { return s.In(r.doc.index, r.html.Get(0)) }

// find returns the elements below the row that match s, in document order.
func (r row) find(s *selector) *goquery.Selection {
	return r.html.FindMatcher(r.matcher(s))
}

// first returns the first element below the row that matches s. If there is none, it returns the row
// itself if the row matches, otherwise an empty selection.
func (r row) first(s *selector) *goquery.Selection {
	m := r.matcher(s)
	if found := r.html.FindMatcher(goquery.SingleMatcher(m)); found.Length() > 0 {
		return found.First() // found has the first element of each node in r.html
	}
	return r.html.FilterMatcher(m)
}

// maxRows is the maximum number of rows in a list. No match has so many incidents, and no page so
// many matches.
const maxRows = 10_000

// rows returns the rows that a rule finds in a row. Finding no rows is not an error. If the rule
// has a selector and the row is JSON, the error wraps errNothing.
func (r *Rule) rows(ctx context.Context, in row) ([]row, error) {
	switch {
	case r.first != nil:
		for i := range r.first {
			if rows, err := r.first[i].rows(ctx, in); len(rows) > 0 || err != nil && !errors.Is(err, errNothing) {
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
		next := row{doc: in.doc, html: element, json: in.json, path: in.cssPath(element), origin: in.origin}
		if r.Siblings {
			next.html = withSiblings(element, in.matcher(r.CSS))
			next.origin = in.originOf(element)
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
// next row. It does not modify the page.
func withSiblings(element *goquery.Selection, rows goquery.Matcher) *goquery.Selection {
	last := element
	if following := element.NextUntilMatcher(rows); following.Length() > 0 {
		last = following.Last()
	}
	var end *html.Node // the next row, if there is one
	if next := last.Next(); next.Length() > 0 {
		end = next.Get(0)
	}
	var group []*html.Node
	for n := element.Get(0); n != end; n = n.NextSibling {
		group = append(group, n) // NextUntilMatcher would omit the text between elements
	}
	copies := (&goquery.Selection{Nodes: group}).Clone()
	wrapper := goquery.NewDocumentFromNode(&html.Node{Type: html.ElementNode, Data: wrapperName})
	return wrapper.AppendNodes(copies.Nodes...)
}

// originOf returns the origin of element: the path of its parent, and its index there.
func (r row) originOf(element *goquery.Selection) *origin {
	parent, index := element.Parent(), element.Index()
	if r.origin != nil && goquery.NodeName(parent) == wrapperName {
		return &origin{r.origin.parent, r.origin.first + index}
	}
	return &origin{r.cssPath(parent), index}
}

// cssPath returns the path of an element of the row as a selector. It starts at the nearest ancestor
// with a plain ID, or at body or html. The selector is unique if the IDs on the page are unique.
func (r row) cssPath(element *goquery.Selection) string {
	var steps []string
	for at := element; at.Length() > 0; at = at.Parent() {
		name := goquery.NodeName(at)
		if id, _ := at.Attr("id"); plainID.MatchString(id) {
			steps = append(steps, name+"#"+id)
			break
		}
		if name == "body" || name == "html" {
			steps = append(steps, name)
			break
		}
		if r.origin != nil && goquery.NodeName(at.Parent()) == wrapperName {
			steps = append(steps, fmt.Sprintf("%s:nth-child(%d)", name, r.origin.first+at.Index()+1), r.origin.parent)
			break
		}
		steps = append(steps, fmt.Sprintf("%s:nth-child(%d)", name, at.Index()+1))
	}
	slices.Reverse(steps)
	return strings.Join(steps, " > ")
}

// plainID matches IDs that need no escapes in a selector.
var plainID = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// maxQuote is the maximum length of a quote, in bytes.
const maxQuote = 4 << 10

// Quote returns the HTML or JSON at a path of the page; see event.Evidence. It truncates the text
// to 4 KiB. It returns "" if the path is invalid or there is nothing at the path.
func (d *Document) Quote(ctx context.Context, path string) string {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	switch {
	case path == "":
		return ""
	case strings.HasPrefix(path, "nth("):
		return d.quoteJSON(ctx, path)
	case d.html == nil:
		return ""
	}
	text, err := goquery.OuterHtml(d.html.FindMatcher(goquery.Single(path)))
	if err != nil {
		return ""
	}
	return truncateQuote(text)
}

func (d *Document) quoteJSON(ctx context.Context, path string) string {
	query, err := gojq.Parse(path)
	if err != nil {
		return ""
	}
	v, ok := query.RunWithContext(ctx, d.json).Next()
	if _, failed := v.(error); !ok || failed || v == nil {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return truncateQuote(string(b))
}

// truncateQuote returns s as valid UTF-8, truncated to maxQuote bytes.
func truncateQuote(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxQuote {
		return s
	}
	end := maxQuote - len("…")
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
