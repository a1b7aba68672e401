package profile

import (
	"errors"
	"maps"
	"slices"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

// check returns an error if the members of a rule contradict each other, or if the rule has no
// source. It also compiles the selectors in when.
func (r *Rule) check() error {
	sources := 0
	for _, set := range []bool{r.CSS != nil, r.JQ != nil, r.When.entries != nil, r.Join != nil, r.Value != ""} {
		if set {
			sources++
		}
	}
	switch {
	case r.From != nil && (r.JQ == nil || len(r.From) == 0):
		return r.pos.Errorf("from needs rules, and a jq query that computes a value from their values")
	case r.All && (r.CSS == nil && r.JQ == nil || r.From != nil || r.Inherit):
		return r.pos.Errorf("all needs css or jq, and cannot be combined with from or inherit")
	case sources > 1:
		return r.pos.Errorf("set only one of css, jq, when, join and value")
	case sources == 0 && r.Attr == "" && !r.OwnText && r.Regexp == nil && r.Map.entries == nil && !r.Inherit:
		return r.pos.Errorf("the rule has no source: set css, jq, when, join or value")
	case (r.Attr != "" || r.OwnText) && (r.JQ != nil || r.Join != nil || r.Value != ""):
		return r.pos.Errorf("attr and own need an element of the page: " +
			"use them with css or alone, not with jq, join or value")
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
		return p.JSON.pos.Errorf("json is for HTML pages with embedded JSON: remove json or format: json")
	case isJSON && (p.Comments || p.Complete != nil):
		return at("format").Errorf("comments and complete are for HTML pages: remove them or format: json")
	case !isJSON && !p.JSON.isSet() && p.Root != nil:
		return at("root").Missingf("root has no JSON to query: set format: json, or json to find the JSON in an HTML page")
	case p.JSON.As == asFlight && p.JSON.CSS == nil:
		return p.JSON.pos.Errorf("as: flight decodes scripts: set css to find the scripts")
	case p.JSON.As != "" && p.JSON.As != asFlight:
		return p.JSON.pos.Errorf("as %q is for %s: want as: flight, or no as", p.JSON.As, p.JSON.As.purpose())
	}
	var faults []error
	p.eachRule(func(r *Rule) {
		switch {
		case isJSON && (r.CSS != nil || r.When.entries != nil):
			faults = append(faults, r.pos.Errorf("a selector cannot search JSON: use jq"))
		case !isJSON && !p.JSON.isSet() && r.JQ != nil && r.From == nil:
			faults = append(faults,
				r.pos.Missingf("jq has no JSON to query: set format: json, or json to find the JSON in an HTML page"))
		}
	})
	return errors.Join(faults...)
}

// checkMembers returns an error if a rule has a member that does not apply to the rule.
func (p *Profile) checkMembers() error {
	lists := map[*Rule]bool{&p.Matches: true}
	clocks := map[*Rule]bool{&p.Match.Clock: true}
	scores := map[*Rule]bool{}
	if p.Sport.Rules().InningsScore {
		scores[&p.Match.HomeScore], scores[&p.Match.AwayScore] = true, true
	}
	times := map[*Rule]bool{&p.Match.Start: true}
	for i := range p.Incidents {
		lists[&p.Incidents[i].Rows], clocks[&p.Incidents[i].Clock] = true, true
	}
	for i := range p.Lineups {
		lists[&p.Lineups[i].Rows] = true
	}
	for _, rules := range []map[*Rule]bool{lists, clocks, scores, times} {
		for r := range maps.Clone(rules) {
			for i := range r.alternatives {
				rules[&r.alternatives[i]] = true
			}
		}
	}
	rowsAbove := map[*Rule]bool{} // the rules that are evaluated on rows, and the rules inside these rules
	addRows := func(rules []namedRule) {
		for _, n := range rules {
			n.rule.walk(func(r *Rule) { rowsAbove[r] = true })
		}
	}
	if p.Matches.isSet() {
		addRows(p.Match.rules())
	}
	for i := range p.Incidents {
		addRows(p.Incidents[i].rules())
	}
	for i := range p.Lineups {
		addRows(p.Lineups[i].rules())
	}
	inputs := map[*Rule]bool{}
	p.eachRule(func(r *Rule) {
		for i := range r.From {
			inputs[&r.From[i].rule] = true
		}
	})
	var faults []error
	p.eachRule(func(r *Rule) {
		var fault error
		switch {
		case r.All && !inputs[r]:
			fault = r.pos.Errorf("all is for the rules in from: remove it")
		case (r.Layout != "" || r.Zone != nil) && !times[r]:
			fault = r.pos.Errorf("layout and zone are for start: remove them")
		case r.Layout != "" && checkLayout(r.Layout) != nil:
			fault = r.pos.Errorf("%w", checkLayout(r.Layout))
		case r.Siblings && !lists[r]:
			fault = r.pos.Errorf("siblings is for matches and rows: remove it")
		case lists[r] && !onlyFindsRows(r):
			fault = r.pos.Errorf("matches and rows can have only css, jq, siblings and optional")
		case r.Inherit && !rowsAbove[r]:
			fault = r.pos.Missingf("inherit needs rows above: use it in incidents or lineups, " +
				"or in match if the profile has matches")
		case r == &p.JSON || r.As == "": // checkJSON checks the rule for JSON
		case clocks[r] && !slices.Contains(clockNotations, r.As):
			fault = r.pos.Errorf("as %q is for %s: want one of %v", r.As, r.As.purpose(), clockNotations)
		case scores[r] && !slices.Contains(scoreNotations, r.As):
			fault = r.pos.Errorf("as %q is for %s: want one of %v", r.As, r.As.purpose(), scoreNotations)
		case !clocks[r] && !scores[r]:
			fault = r.pos.Errorf("as %q is for %s: remove it", r.As, r.As.purpose())
		}
		if fault != nil {
			faults = append(faults, fault)
		}
	})
	return errors.Join(faults...)
}

// onlyFindsRows reports whether a rule has no member that applies only to a single value.
func onlyFindsRows(r *Rule) bool {
	return r.Attr == "" && !r.OwnText && r.Regexp == nil && r.Map.entries == nil && r.Prefix == "" && !r.Inherit &&
		r.From == nil
}

// findsRows reports whether a rule can find rows. A rule with alternatives can find rows if all of
// its alternatives can.
func findsRows(r *Rule) bool {
	if r.alternatives == nil {
		return r.CSS != nil || r.JQ != nil
	}
	for i := range r.alternatives {
		if !findsRows(&r.alternatives[i]) {
			return false
		}
	}
	return true
}
