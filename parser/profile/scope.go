package profile

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"
)

// A scope is what a rule is asked about: a page or one row of it.
type scope struct {
	doc  *Document
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
func (s scope) text(ctx context.Context, r *Rule) (string, error) {
	if r.first != nil {
		return s.firstText(ctx, r)
	}
	raw, err := s.source(ctx, r)
	if err != nil {
		return "", err
	}
	if raw, err = cut(r, squeeze(raw)); err != nil {
		return "", err
	}
	if raw = squeeze(raw); raw == "" {
		return "", nothing("the text is empty")
	}
	if r.Map.entries != nil {
		to, ok := r.Map.lookup(raw)
		switch {
		case !ok:
			return "", fmt.Errorf("%q is not in the map", shorten(raw))
		case to == "":
			return "", nothing("%q means nothing", shorten(raw))
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

func (s scope) firstText(ctx context.Context, r *Rule) (string, error) {
	var why []string
	for i := range r.first {
		text, err := s.text(ctx, &r.first[i])
		if err == nil {
			return text, nil
		}
		if !errors.Is(err, errNothing) {
			return "", err
		}
		why = append(why, strings.TrimPrefix(err.Error(), errNothing.Error()+": "))
	}
	return "", nothing("%s", strings.Join(why, "; "))
}

// source is the text at the rule's source, as the page has it.
func (s scope) source(ctx context.Context, r *Rule) (string, error) {
	switch {
	case r.Value != "":
		return r.Value, nil
	case r.Join != nil:
		return s.joined(ctx, r.Join)
	case r.JQ != nil:
		return s.ask(ctx, r.JQ)
	case s.html == nil:
		return "", nothing("a selector finds nothing in JSON")
	case r.When.entries != nil:
		for i := range r.When.entries {
			if e := &r.When.entries[i]; s.first(e.when).Length() > 0 {
				return e.key, nil
			}
		}
		return "", nothing("none of the selectors matches")
	}
	at := s.html
	if r.CSS != nil {
		if at = s.first(r.CSS); at.Length() == 0 {
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
func (s scope) joined(ctx context.Context, rules []Rule) (string, error) {
	var parts []string
	for i := range rules {
		text, err := s.text(ctx, &rules[i])
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

// first is the first element below the scope that matches, or else the row
// itself if it does; empty if none.
func (s scope) first(sel *selector) *goquery.Selection {
	m := s.doc.matcher(sel)
	if found := s.html.FindMatcher(goquery.SingleMatcher(m)); found.Length() > 0 {
		return found.First() // it holds one for each child of the row
	}
	return s.html.FilterMatcher(m)
}

// find returns the elements below the scope that match, in the order of the
// page.
func (s scope) find(sel *selector) *goquery.Selection {
	return s.html.FindMatcher(s.doc.matcher(sel))
}

// ask runs a query whose first result is a text, a number or a truth value.
func (s scope) ask(ctx context.Context, q *query) (string, error) {
	v, ok := q.run(ctx, s).Next()
	if !ok {
		return "", nothing("jq %s gives nothing", q.text)
	}
	switch v := v.(type) {
	case nil:
		return "", nothing("jq %s gives null", q.text)
	case error:
		return "", fmt.Errorf("jq %s: %w", q.text, v)
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case *big.Int:
		return v.String(), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	default:
		return "", fmt.Errorf("jq %s gives a %T, want a text or a number", q.text, v)
	}
}

// maxRows bounds a list; no match has as many incidents, no page as many matches.
const maxRows = 10_000

// rows finds the rows of a list.
func (s scope) rows(ctx context.Context, r *Rule) ([]scope, error) {
	if r.first != nil {
		for i := range r.first {
			if rows, err := s.rows(ctx, &r.first[i]); len(rows) > 0 || err != nil && !errors.Is(err, errNothing) {
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
		found := s.find(r.CSS)
		if found.Length() > maxRows {
			return nil, fmt.Errorf("more than %d rows %s", maxRows, r.CSS.text)
		}
		for _, at := range found.EachIter() {
			row := scope{doc: s.doc, html: at, json: s.json, path: cssPath(at)}
			if r.Siblings {
				row.html = withSiblings(at, s.doc.matcher(r.CSS))
			}
			rows = append(rows, row)
		}
		return rows, nil
	}
	iter := r.JQ.run(ctx, s)
	for {
		v, ok := iter.Next()
		if !ok {
			return rows, nil
		}
		if err, ok := v.(error); ok {
			if strings.HasPrefix(err.Error(), "cannot iterate over: null") {
				return rows, nil // the list is not there yet
			}
			return rows, fmt.Errorf("jq %s: %w", r.JQ.text, err)
		}
		if len(rows) == maxRows {
			return nil, fmt.Errorf("more than %d rows: jq %s", maxRows, r.JQ.text)
		}
		path := fmt.Sprintf("nth(%d; %s)", len(rows), squeeze(r.JQ.text))
		if s.path != "" {
			path = s.path + " | " + path
		}
		rows = append(rows, scope{doc: s.doc, html: s.html, json: v, path: path})
	}
}

// withSiblings puts a copy of a row and of what follows it, up to the next row,
// into an element of their own. The page stays as it is.
func withSiblings(row *goquery.Selection, rows goquery.Matcher) *goquery.Selection {
	last := row
	if following := row.NextUntilMatcher(rows); following.Length() > 0 {
		last = following.Last()
	}
	var end *html.Node // the next row, if there is one
	if next := last.Next(); next.Length() > 0 {
		end = next.Get(0)
	}
	var group []*html.Node
	for n := row.Get(0); n != end; n = n.NextSibling {
		group = append(group, n) // text between the elements is part of it
	}
	wrapper := goquery.NewDocumentFromNode(&html.Node{Type: html.ElementNode, Data: "matchwire-row"})
	copies := (&goquery.Selection{Nodes: group}).Clone()
	return wrapper.AppendNodes(copies.Nodes...)
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
