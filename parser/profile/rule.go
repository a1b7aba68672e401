package profile

import (
	"regexp"
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

// A Rule says where one value is on a page and how to convert its text. In YAML it is a CSS selector,
// a mapping with the members below, or a list of rules, of which the first that finds something
// counts.
type Rule struct {
	ruleFields
	first []Rule // alternatives, instead of everything else
	pos   strictyaml.Pos
}

type ruleFields struct {
	CSS      *selector `yaml:"css"`      // first match below the row; the row itself without it
	Attr     string    `yaml:"attr"`     // this attribute rather than the text
	OwnText  bool      `yaml:"own"`      // only text that stands directly in the element
	JQ       *query    `yaml:"jq"`       // for JSON: a query on the row or document
	When     table     `yaml:"when"`     // value: selector; the first whose selector is in the row, or is the row
	Join     []Rule    `yaml:"join"`     // what these rules find, one after the other
	Value    string    `yaml:"value"`    // always this
	Siblings bool      `yaml:"siblings"` // for rows: each goes on through its siblings, up to the next row
	Regexp   *pattern  `yaml:"regexp"`   // keep what the first group, or the whole expression, matches
	Map      table     `yaml:"map"`      // page's word: ours, or nothing; "*" stands for all others; without it they are problems
	Prefix   string    `yaml:"prefix"`   // goes before the value
	As       notation  `yaml:"as"`       // how to decode it, see clockNotations and asFlight
	Layout   string    `yaml:"layout"`   // for times: Go's reference time, "unix" or "unix_ms"; RFC 3339 without it
	Zone     *zone     `yaml:"zone"`     // for times that do not name one
	Optional bool      `yaml:"optional"` // it is no problem if nothing is found
	Inherit  bool      `yaml:"inherit"`  // an empty cell means: as in the row above
}

// isSet reports whether the profile has this rule.
func (r *Rule) isSet() bool { return r.pos.Line > 0 }

// UnmarshalYAML decodes any of the three forms.
func (r *Rule) UnmarshalYAML(n ast.Node) error {
	r.pos = strictyaml.PosOf(n)
	switch n := n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		r.CSS = &selector{}
		return r.CSS.UnmarshalYAML(n)
	case *ast.SequenceNode:
		return strictyaml.DecodeNode(n, &r.first)
	}
	if err := strictyaml.DecodeNode(n, &r.ruleFields); err != nil {
		return err
	}
	return r.check()
}

// outcomes returns every value that the rule can give, if they come from a table or a constant.
func (r *Rule) outcomes() []entry {
	var all []entry
	for i := range r.first {
		all = append(all, r.first[i].outcomes()...)
	}
	for _, e := range r.When.entries {
		if r.Map.entries == nil {
			all = append(all, entry{value: e.key, pos: e.pos})
		}
	}
	for _, e := range r.Map.entries {
		if e.value != "" {
			all = append(all, e)
		}
	}
	if r.Value != "" && r.Map.entries == nil {
		all = append(all, entry{value: r.Value, pos: r.pos})
	}
	return all
}

// A pattern is a regular expression.
type pattern struct{ re *regexp.Regexp }

func (p *pattern) UnmarshalYAML(n ast.Node) error {
	var s string
	if err := strictyaml.DecodeNode(n, &s); err != nil {
		return err
	}
	re, err := regexp.Compile(s)
	if err != nil {
		return strictyaml.PosOf(n).Errorf("regexp %q: %w", s, err)
	}
	p.re = re
	return nil
}

// A notation says how to decode a text.
type notation string

// The notations of clocks. Each sport has a usual one.
const (
	asMinute    notation = "minute"    // 37', 45+2', 90'+6; 14:21 since kick-off: for a sport that counts minutes
	asElapsed   notation = "elapsed"   // 12:46 or PT12M46S since the period began
	asRemaining notation = "remaining" // the same, until the period ends
	asOvers     notation = "overs"     // 14.3: fourteen overs and three balls
)

// asFlight is the notation of scripts in React's flight format, see script.go.
const asFlight notation = "flight"

var clockNotations = []notation{asMinute, asElapsed, asRemaining, asOvers}

// UnmarshalYAML checks that the notation is known.
func (t *notation) UnmarshalYAML(n ast.Node) error {
	var s string
	if err := strictyaml.DecodeNode(n, &s); err != nil {
		return err
	}
	*t = notation(s)
	if all := append(slices.Clone(clockNotations), asFlight); !slices.Contains(all, *t) {
		return strictyaml.PosOf(n).Errorf("as %q: want one of %v", s, all)
	}
	return nil
}

// clockNotation returns the notation of a clock's rule, which its first alternative that has one gives.
func (r *Rule) clockNotation() notation {
	for i := range r.first {
		if as := r.first[i].As; as != "" {
			return as
		}
	}
	return r.As
}

// A zone is a time zone by its IANA name.
type zone struct{ loc *time.Location }

func (z *zone) UnmarshalYAML(n ast.Node) error {
	var s string
	if err := strictyaml.DecodeNode(n, &s); err != nil {
		return err
	}
	loc, err := time.LoadLocation(s)
	if err != nil {
		return strictyaml.PosOf(n).Errorf("zone %q: %w", s, err)
	}
	z.loc = loc
	return nil
}

// A table is a YAML mapping of strings. It keeps their order, and their places for errors.
type table struct{ entries []entry }

type entry struct {
	key, value string
	when       *selector // the value, where it is a selector
	pos        strictyaml.Pos
}

func (t *table) UnmarshalYAML(n ast.Node) error {
	m, ok := n.(ast.MapNode)
	if !ok {
		return strictyaml.PosOf(n).Errorf("want a mapping")
	}
	t.entries = []entry{}
	for it := m.MapRange(); it.Next(); {
		e := entry{pos: strictyaml.PosOf(it.Value())}
		if err := strictyaml.DecodeNode(it.Key(), &e.key); err != nil {
			return err
		}
		if it.Value().Type() != ast.NullType { // which means nothing
			if err := strictyaml.DecodeNode(it.Value(), &e.value); err != nil {
				return err
			}
		}
		t.entries = append(t.entries, e)
	}
	return nil
}

// anyWord is the key that stands for all words without a key of their own.
const anyWord = "*"

func (t table) lookup(key string) (value string, ok bool) {
	for _, e := range t.entries {
		if e.key == key || e.key == anyWord && !ok {
			value, ok = e.value, true
		}
		if e.key == key {
			break
		}
	}
	return value, ok
}
