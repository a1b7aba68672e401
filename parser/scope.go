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
	html *goquery.Selection
	json any
	path string // of a row
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
	raw, err := s.raw(r)
	if err != nil {
		return "", err
	}
	if r.Regexp != nil {
		m := r.Regexp.re.FindStringSubmatch(raw)
		if m == nil {
			return "", nothing("%q does not match %s", shorten(raw), r.Regexp.re)
		}
		raw = m[min(1, len(m)-1)]
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

// raw is the text at the rule's source, with white space folded.
func (s scope) raw(r *Rule) (string, error) {
	switch {
	case r.Value != "":
		return r.Value, nil
	case r.JQ != nil:
		return s.ask(r.JQ)
	case s.html == nil:
		return "", nothing("a selector finds nothing in JSON")
	case r.When.entries != nil:
		for _, e := range r.When.entries {
			if s.html.IsMatcher(e.match) || s.html.FindMatcher(e.match).Length() > 0 {
				return e.key, nil
			}
		}
		return "", nothing("none of the selectors matches")
	}
	at := s.html
	if r.CSS != nil {
		if at = s.html.FindMatcher(goquery.SingleMatcher(r.CSS.match)); at.Length() == 0 {
			return "", nothing("no element %s", r.CSS.text)
		}
	}
	switch {
	case r.Attr != "":
		v, ok := at.Attr(r.Attr)
		if !ok {
			return "", nothing("no attribute %s", r.Attr)
		}
		return squeeze(v), nil
	case r.OwnText:
		return squeeze(ownText(at)), nil
	default:
		return squeeze(at.Text()), nil
	}
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
	v, err := first(q, s.json)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case nil:
		return "", nothing("jq %s gives null", q.text)
	case string:
		return squeeze(v), nil
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

func first(q *query, input any) (any, error) {
	v, ok := q.code.Run(input).Next()
	if !ok {
		return nil, nothing("jq %s gives nothing", q.text)
	}
	if err, ok := v.(error); ok {
		return nil, fmt.Errorf("jq %s: %w", q.text, err)
	}
	return v, nil
}

// rows finds the rows of a list.
func (d *document) rows(r *Rule) ([]scope, error) {
	var rows []scope
	if r.CSS != nil {
		if d.html == nil {
			return nil, nothing("a selector finds nothing in JSON")
		}
		d.html.FindMatcher(r.CSS.match).Each(func(_ int, row *goquery.Selection) {
			rows = append(rows, scope{html: row, json: d.json, path: cssPath(row.Get(0))})
		})
		return rows, nil
	}
	iter := r.JQ.code.Run(d.json)
	for {
		v, ok := iter.Next()
		if !ok {
			return rows, nil
		}
		if err, ok := v.(error); ok {
			return rows, fmt.Errorf("jq %s: %w", r.JQ.text, err)
		}
		rows = append(rows, scope{html: d.html, json: v, path: fmt.Sprintf("nth(%d; %s)", len(rows), r.JQ.text)})
	}
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
