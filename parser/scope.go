package parser

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"
)

// A scope is what a rule is asked about: a page or one row of it.
type scope struct {
	doc  *document
	html *goquery.Selection // nil for JSON
	json any
	path string // of a row; "" for the page
}

// errNothing says that a rule found nothing. What exactly is in its text.
var errNothing = errors.New("nothing found")

func nothing(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errNothing, fmt.Sprintf(format, args...))
}

// text evaluates a rule. An error that wraps errNothing means that the page
// does not have it, any other that the page has something unexpected.
func (s scope) text(r *Rule) (string, error) {
	if r.first != nil {
		return s.firstText(r)
	}
	raw, err := s.source(r)
	if err != nil {
		return "", err
	}
	if raw, err = cut(r, squeeze(raw)); err != nil {
		return "", err
	}
	if raw == "" {
		return "", nothing("the text is empty")
	}
	if r.Map.entries != nil {
		to, ok := r.Map.lookup(raw)
		if !ok {
			return "", fmt.Errorf("%q is not in the map", shorten(raw))
		}
		raw = to
	}
	return r.Prefix + raw, nil
}

// cut keeps what the rule's expression matches.
func cut(r *Rule, text string) (string, error) {
	if r.Regexp == nil {
		return text, nil
	}
	m := r.Regexp.re.FindStringSubmatch(text)
	if m == nil {
		return "", nothing("%q does not match %s", shorten(text), r.Regexp.re)
	}
	return m[min(1, len(m)-1)], nil
}

func (s scope) firstText(r *Rule) (string, error) {
	var why []error
	for i := range r.first {
		text, err := s.text(&r.first[i])
		if err == nil {
			return text, nil
		}
		if !errors.Is(err, errNothing) {
			return "", err
		}
		why = append(why, err)
	}
	return "", errors.Join(why...)
}

// source is the text at the rule's source, as the page has it.
func (s scope) source(r *Rule) (string, error) {
	switch {
	case r.Value != "":
		return r.Value, nil
	case r.Join != nil:
		return s.joined(r.Join)
	case r.JQ != nil:
		return s.ask(r.JQ)
	case s.html == nil:
		return "", nothing("a selector finds nothing in JSON")
	case r.When.entries != nil:
		for i := range r.When.entries {
			if e := &r.When.entries[i]; s.html.IsMatcher(e.when.match) || s.find(e.when, false).Length() > 0 {
				return e.key, nil
			}
		}
		return "", nothing("none of the selectors matches")
	}
	at := s.html
	if r.CSS != nil {
		if at = s.find(r.CSS, false); at.Length() == 0 {
			return "", nothing("no element %s", r.CSS.text)
		}
	}
	switch {
	case r.Attr != "":
		v, ok := at.Attr(r.Attr)
		if !ok {
			return "", nothing("no attribute %s", r.Attr)
		}
		return v, nil
	case r.OwnText:
		return ownText(at), nil
	default:
		return at.Text(), nil
	}
}

// joined puts together what the rules find, with spaces between. What is not
// there is left out.
func (s scope) joined(rules []Rule) (string, error) {
	var parts []string
	for i := range rules {
		text, err := s.text(&rules[i])
		switch {
		case err == nil:
			parts = append(parts, text)
		case !errors.Is(err, errNothing):
			return "", err
		}
	}
	if parts == nil {
		return "", nothing("none of the rules finds anything")
	}
	return strings.Join(parts, " "), nil
}

// find returns the elements below the scope that match, or the first alone.
func (s scope) find(sel *selector, all bool) *goquery.Selection {
	if s.html != s.doc.html || sel.key == (key{}) {
		if all {
			return s.html.FindMatcher(sel.match)
		}
		return s.html.FindMatcher(goquery.SingleMatcher(sel.match))
	}
	var found []*html.Node
	for _, n := range s.doc.having(sel.key) {
		if sel.match.Match(n) {
			if found = append(found, n); !all {
				break
			}
		}
	}
	return s.html.Slice(0, 0).AddNodes(found...)
}

func ownText(s *goquery.Selection) string {
	var b strings.Builder
	for _, n := range s.Nodes {
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			if c.Type == html.TextNode {
				b.WriteString(c.Data + " ")
			}
		}
	}
	return b.String()
}

// ask runs a query whose first result is a text, a number or a truth value.
func (s scope) ask(q *query) (string, error) {
	v, ok := q.run(s).Next()
	if !ok {
		return "", nothing("jq %s gives nothing", q.text)
	}
	switch v := v.(type) {
	case nil:
		return "", nothing("jq %s gives null", q.text)
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	default:
		return "", fmt.Errorf("jq %s gives a %T, want a text or a number", q.text, v)
	}
}

// maxRows bounds a list; no match has as many incidents, no page as many matches.
const maxRows = 10_000

// rows finds the rows of a list.
func (s scope) rows(r *Rule) ([]scope, error) {
	if r.first != nil {
		for i := range r.first {
			if rows, err := s.rows(&r.first[i]); len(rows) > 0 || err != nil && !errors.Is(err, errNothing) {
				return rows, err
			}
		}
		return nil, nil
	}
	var rows []scope
	if r.CSS != nil {
		if s.html == nil {
			return nil, nothing("a selector finds nothing in JSON")
		}
		found := s.find(r.CSS, true)
		if found.Length() > maxRows {
			return nil, fmt.Errorf("%d elements %s: more than %d rows", found.Length(), r.CSS.text, maxRows)
		}
		found.Each(func(_ int, row *goquery.Selection) {
			path := cssPath(row.Get(0))
			if r.Siblings {
				row = withSiblings(row, r.CSS)
			}
			rows = append(rows, scope{doc: s.doc, html: row, json: s.json, path: path})
		})
		return rows, nil
	}
	iter := r.JQ.run(s)
	for {
		v, ok := iter.Next()
		if !ok {
			return rows, nil
		}
		if err, ok := v.(error); ok {
			return rows, fmt.Errorf("jq %s: %w", r.JQ.text, err)
		}
		if len(rows) == maxRows {
			return nil, fmt.Errorf("jq %s: more than %d rows", r.JQ.text, maxRows)
		}
		path := fmt.Sprintf("nth(%d; %s)", len(rows), squeeze(r.JQ.text))
		if s.path != "" {
			path = s.path + " | " + path
		}
		rows = append(rows, scope{doc: s.doc, html: s.html, json: v, path: path})
	}
}

// withSiblings puts a row and what follows it, up to the next row, into an
// element of their own. The page stays as it is.
func withSiblings(row *goquery.Selection, rows *selector) *goquery.Selection {
	group := &html.Node{Type: html.ElementNode, Data: "div"}
	for n := row.Get(0); n != nil; n = n.NextSibling {
		if n != row.Get(0) && n.Type == html.ElementNode && rows.match.Match(n) {
			break
		}
		group.AppendChild(cloneNode(n))
	}
	return goquery.NewDocumentFromNode(group).Selection
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
		if id := attr(n, "id"); plainID.MatchString(id) {
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

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// squeeze folds white space, non-breaking ones included.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// shorten keeps messages readable.
func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
