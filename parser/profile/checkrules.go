package profile

import (
	"maps"
	"time"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

// check checks that the members of a rule fit together, and compiles the selectors of its when.
func (r *Rule) check() error {
	sources := 0
	for _, given := range []bool{r.CSS != nil, r.JQ != nil, r.When.entries != nil, r.Join != nil, r.Value != ""} {
		if given {
			sources++
		}
	}
	switch {
	case sources > 1:
		return r.pos.Errorf("give one of css, jq, when, join and value")
	case sources == 0 && r.Attr == "" && !r.OwnText && r.Regexp == nil && r.Map.entries == nil && !r.Inherit:
		return r.pos.Errorf("says nothing: give css, jq, when, join or value")
	case (r.Attr != "" || r.OwnText) && (r.JQ != nil || r.Join != nil || r.Value != ""):
		return r.pos.Errorf("attr and own go with an element of the page, not with jq, join or value")
	}
	for i := range r.When.entries {
		e := &r.When.entries[i]
		var err error
		if e.when, err = newSelector(e.value, e.pos); err != nil {
			return err
		}
	}
	return nil
}

// checkJSON checks the rules against the format of the page.
func (p *Profile) checkJSON(at func(path string) strictyaml.Pos) error {
	isJSON := p.Format == "json"
	switch {
	case isJSON && p.JSON.isSet():
		return p.JSON.pos.Errorf("json says which part of an HTML page is JSON; with format: json all of it is")
	case isJSON && (p.Comments || p.Complete != nil):
		return at("format").Errorf("comments and complete are for HTML pages")
	case p.JSON.As == asFlight && p.JSON.CSS == nil:
		return p.JSON.pos.Errorf("as: flight reads scripts: give css that finds them")
	case p.JSON.As != "" && p.JSON.As != asFlight:
		return p.JSON.pos.Errorf("as %q is for clocks", p.JSON.As)
	}
	var fault error
	p.eachRule(func(r *Rule) {
		switch {
		case fault != nil:
		case isJSON && (r.CSS != nil || r.When.entries != nil):
			fault = r.pos.Errorf("a selector finds nothing in JSON: ask by jq")
		case !isJSON && !p.JSON.isSet() && r.JQ != nil:
			fault = r.pos.Errorf("jq has no JSON to ask: say by json where it stands in the page, or format: json")
		}
	})
	return fault
}

// checkMembers rejects members of rules where they have no meaning.
func (p *Profile) checkMembers() error {
	lists := map[*Rule]bool{&p.Matches: true}
	clocks := map[*Rule]bool{&p.Match.Clock: true}
	for i := range p.Incidents {
		lists[&p.Incidents[i].Rows], clocks[&p.Incidents[i].Clock] = true, true
	}
	for _, rules := range []map[*Rule]bool{lists, clocks} {
		for r := range maps.Clone(rules) {
			for i := range r.first {
				rules[&r.first[i]] = true
			}
		}
	}
	var fault error
	p.eachRule(func(r *Rule) {
		switch {
		case fault != nil:
		case r.Layout != "" && !isLayout(r.Layout):
			fault = r.pos.Errorf("layout %q: want unix, unix_ms, or January 2, 2006, 15:04:05 as the site writes it", r.Layout)
		case r.Siblings && !lists[r]:
			fault = r.pos.Errorf("siblings is for matches and rows")
		case lists[r] && (r.Attr != "" || r.OwnText || r.Regexp != nil || r.Map.entries != nil || r.Prefix != "" || r.Inherit):
			fault = r.pos.Errorf("a list of rows is found by css or jq alone")
		case r.As != "" && !clocks[r] && r != &p.JSON:
			fault = r.pos.Errorf("as %q is for clocks", r.As)
		case r.As == asFlight && r != &p.JSON:
			fault = r.pos.Errorf("as %q is for json", r.As)
		}
	})
	return fault
}

// isLayout reports whether a layout has any element of a time.
func isLayout(s string) bool {
	return s == "unix" || s == "unix_ms" || time.Date(2011, 11, 22, 13, 33, 44, 0, time.UTC).Format(s) != s
}

// findsRows reports whether a rule can find rows.
func findsRows(r *Rule) bool {
	if r.first == nil {
		return r.CSS != nil || r.JQ != nil
	}
	for i := range r.first {
		if !findsRows(&r.first[i]) {
			return false
		}
	}
	return true
}
