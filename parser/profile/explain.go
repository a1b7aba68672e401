package profile

import (
	"context"
	"fmt"
	"strings"

	"github.com/matchwire/matchwire/parser/page"
)

// A Finding is what one rule of a profile finds on a page.
type Finding struct {
	Rule   string `json:"rule"`   // "match.home", "incidents[0].kind"
	Source string `json:"source"` // the selector or query, shortened
	Nodes  int    `json:"nodes"`  // elements, or results of a query, in all that was asked
	Asked  int    `json:"asked"`  // parts asked: the page, or so many matches or rows of it
	Found  int    `json:"found"`  // parts in which it gave a value
	First  string `json:"first"`  // the first value; "" if it gave none
}

// Explain tells of every rule of the profile what it finds on the page, in the
// order of docs/profiles.md. It is for people who write a profile; reading a
// page does not need it.
func (p *Profile) Explain(ctx context.Context, pg page.Page) ([]Finding, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	doc, err := p.Parse(ctx, pg)
	if err != nil {
		return nil, err
	}
	e := &explanation{profile: p}
	matches := []scope{doc.page()}
	if p.Matches.IsSet() {
		matches = e.rows(ctx, "matches", &p.Matches, matches)
	}
	matches = e.rules(ctx, "match.", p.Match.rules(), matches, &p.Match.Home)
	for i := range p.Incidents {
		list, name := &p.Incidents[i], fmt.Sprintf("incidents[%d].", i)
		rows := e.rows(ctx, name+"rows", &list.Rows, matches)
		e.rules(ctx, name, list.rules(), rows, &list.Kind)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("reading the page: %w", context.Cause(ctx))
	}
	return e.findings, nil
}

type explanation struct {
	profile  *Profile
	findings []Finding
}

// rows explains a rule for rows and returns all the rows it finds.
func (e *explanation) rows(ctx context.Context, name string, r *Rule, in []scope) []scope {
	f := Finding{Rule: name, Source: r.describe(), Asked: len(in)}
	var all []scope
	for _, s := range in {
		rows, _ := s.rows(ctx, r) // a fault is among the problems
		if len(rows) > 0 {
			f.Found++
		}
		f.Nodes += len(rows)
		all = append(all, rows...)
	}
	e.findings = append(e.findings, f)
	return all
}

// rules explains the rules that are asked of each part. Parts in which the one
// that is needed finds nothing are headings or the like: the others are not
// asked there, unless they inherit. The rest is returned.
func (e *explanation) rules(ctx context.Context, prefix string, rules []namedRule, parts []scope, needed *Rule) []scope {
	var good []scope
	for _, s := range parts {
		if _, err := s.text(ctx, needed); err == nil {
			good = append(good, s)
		}
	}
	for _, n := range rules {
		if !n.rule.IsSet() {
			continue
		}
		f := Finding{Rule: prefix + n.name, Source: n.rule.describe()}
		asked := good
		if n.rule.Inherit || n.rule == needed {
			asked = parts
		}
		for _, s := range asked {
			f.Asked++
			f.Nodes += s.count(ctx, n.rule)
			text, err := s.text(ctx, n.rule)
			if err != nil {
				continue
			}
			if f.Found++; f.First == "" {
				f.First = text
			}
		}
		e.findings = append(e.findings, f)
	}
	return good
}

// count is how many elements or results the rule's source has here.
func (s scope) count(ctx context.Context, r *Rule) int {
	n := 0
	for i := range r.first {
		if n += s.count(ctx, &r.first[i]); n > 0 {
			return n
		}
	}
	for i := range r.Join {
		n += s.count(ctx, &r.Join[i])
	}
	switch {
	case r.JQ != nil:
		for iter := r.JQ.run(ctx, s); ; n++ {
			v, ok := iter.Next()
			if _, failed := v.(error); !ok || failed || n == maxRows {
				return n
			}
		}
	case r.Value != "" || s.html == nil:
	case r.CSS != nil:
		n += s.elements(r.CSS)
	default:
		for _, e := range r.When.entries {
			n += s.elements(e.when)
		}
	}
	return n
}

// elements is how many match below the scope; one if only the row itself does.
func (s scope) elements(sel *selector) int {
	return max(s.find(sel).Length(), s.first(sel).Length())
}

// describe is the rule in a few words.
func (r *Rule) describe() string {
	var s string
	switch {
	case r.first != nil:
		var all []string
		for i := range r.first {
			all = append(all, r.first[i].describe())
		}
		return shorten(strings.Join(all, " | "))
	case r.Join != nil:
		var all []string
		for i := range r.Join {
			all = append(all, r.Join[i].describe())
		}
		s = strings.Join(all, " + ")
	case r.JQ != nil:
		s = squeeze(r.JQ.text)
	case r.CSS != nil:
		s = r.CSS.text
	case r.When.entries != nil:
		var all []string
		for _, e := range r.When.entries {
			all = append(all, e.key+": "+e.value)
		}
		s = strings.Join(all, ", ")
	case r.Value != "":
		s = "always"
	default:
		s = "the row"
	}
	if r.Attr != "" {
		s += " @" + r.Attr
	}
	return shorten(s)
}
