package profile

import (
	"context"
	"fmt"
	"strings"

	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile/internal/budget"
)

// A Finding describes the result of one rule of a profile on a page.
type Finding struct {
	Rule      string `json:"rule"`   // path of the rule, such as "match.home" or "incidents[0].kind"
	Source    string `json:"source"` // the selector or query, shortened
	Nodes     int    `json:"nodes"`  // number of elements, or of results of a query, in all rows
	Evaluated int    `json:"asked"`  // number of rows on which the rule was evaluated; the whole page is one row
	Found     int    `json:"found"`  // number of rows on which the rule found a value, or rows
	First     string `json:"first"`  // the first value; "" if there is none
}

// Explain returns a finding for each rule that the profile sets in empty, matches, match, incidents
// and lineups, in this order. The findings help authors of profiles.
func (p *Profile) Explain(ctx context.Context, pg page.Page) ([]Finding, error) {
	d, err := p.Parse(ctx, pg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := d.begin(ctx, budget.MaxSteps)
	defer cancel()
	p = d.profile // with the layout of the page
	e := &explanation{}
	matches := []row{d.page()}
	if p.Matches.isSet() {
		if p.Empty.isSet() {
			e.empty(ctx, d)
		}
		matches = e.rows(ctx, "matches", &p.Matches, matches)
	}
	matches = e.rules(ctx, "match.", p.Match.rules(), matches, &p.Match.Home)
	for i := range p.Incidents {
		list, name := &p.Incidents[i], fmt.Sprintf("incidents[%d].", i)
		rows := e.rows(ctx, name+"rows", &list.Rows, matches)
		e.rules(ctx, name, list.rules(), rows, &list.Kind)
	}
	for i := range p.Lineups {
		list, name := &p.Lineups[i], fmt.Sprintf("lineups[%d].", i)
		rows := e.rows(ctx, name+"rows", &list.Rows, matches)
		e.rules(ctx, name, list.rules(), rows, &list.Player)
	}
	if err := contextError(ctx); err != nil {
		return nil, err
	}
	return e.findings, nil
}

// An explanation collects the findings for one page.
type explanation struct {
	findings []Finding
}

// empty adds a finding for the rule empty, which finds a value on a page that lists no matches.
func (e *explanation) empty(ctx context.Context, d *Document) {
	r := &d.profile.Empty
	f := Finding{Rule: "empty", Source: r.describe(), Evaluated: 1, Nodes: r.count(ctx, d.page())}
	if d.showsEmptyList(ctx) {
		f.Found = 1
		f.First, _ = r.text(ctx, d.page())
	}
	e.findings = append(e.findings, f)
}

// rows adds a finding for a rule that finds rows. It returns all rows that the rule finds in the
// given rows.
func (e *explanation) rows(ctx context.Context, name string, r *Rule, in []row) []row {
	f := Finding{Rule: name, Source: r.describe(), Evaluated: len(in)}
	var all []row
	for _, s := range in {
		rows, _ := r.rows(ctx, s) // Extract reports the error
		if len(rows) > 0 {
			f.Found++
		}
		f.Nodes += len(rows)
		all = append(all, rows...)
	}
	e.findings = append(e.findings, f)
	return all
}

// rules adds a finding for each of the rules that is set. It returns the rows on which the required
// rule finds a value. On other rows, such as headings, it evaluates only the required rule and the
// rules with inherit.
func (e *explanation) rules(ctx context.Context, prefix string, rules []namedRule, all []row, required *Rule) []row {
	var complete []row
	for _, s := range all {
		if _, err := required.text(ctx, s); err == nil {
			complete = append(complete, s)
		}
	}
	for _, n := range rules {
		if !n.rule.isSet() {
			continue
		}
		f := Finding{Rule: prefix + n.name, Source: n.rule.describe()}
		evaluated := complete
		if n.rule.inherits() || n.rule == required {
			evaluated = all
		}
		for _, s := range evaluated {
			f.Evaluated++
			f.Nodes += n.rule.count(ctx, s)
			text, err := n.rule.text(ctx, s)
			if err != nil {
				continue
			}
			if f.Found++; f.First == "" {
				f.First = text
			}
		}
		e.findings = append(e.findings, f)
	}
	return complete
}

// count returns the number of elements or query results that the rule finds in a row. If the rule
// has alternatives, count uses the first that finds any.
func (r *Rule) count(ctx context.Context, in row) int {
	n := 0
	for i := range r.alternatives {
		if n += r.alternatives[i].count(ctx, in); n > 0 {
			return n
		}
	}
	for i := range r.Join {
		n += r.Join[i].count(ctx, in)
	}
	for i := range r.From {
		n += r.From[i].rule.count(ctx, in)
	}
	switch {
	case r.From != nil:
	case r.JQ != nil:
		n += r.JQ.count(ctx, in.doc, in.json)
	case r.Value != "" || in.html == nil:
	case r.CSS != nil:
		n += in.count(r.CSS)
	default:
		for _, e := range r.When.entries {
			n += in.count(e.when)
		}
	}
	return n
}

// count returns the number of elements below the row that match, or 1 if only the row itself
// matches.
func (r row) count(s *selector) int {
	return max(r.find(s).Length(), r.first(s).Length())
}

// describe returns a short description of the source of a rule.
func (r *Rule) describe() string {
	var s string
	switch {
	case r.alternatives != nil:
		var all []string
		for i := range r.alternatives {
			all = append(all, r.alternatives[i].describe())
		}
		return shorten(strings.Join(all, " | "))
	case r.Join != nil:
		var all []string
		for i := range r.Join {
			all = append(all, r.Join[i].describe())
		}
		s = strings.Join(all, " + ")
	case r.From != nil:
		var all []string
		for _, in := range r.From {
			all = append(all, in.name+": "+in.rule.describe())
		}
		s = strings.Join(all, ", ") + " | " + squeeze(r.JQ.source)
	case r.JQ != nil:
		s = squeeze(r.JQ.source)
	case r.CSS != nil:
		s = r.CSS.Text
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
