package profile

import (
	"context"
	"regexp"
	"slices"
	"time"

	"github.com/andybalholm/cascadia"
	"github.com/goccy/go-yaml/ast"
	"github.com/itchyny/gojq"
	"golang.org/x/net/html"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

// A Rule says where one value stands and what to make of its text. In YAML it
// is a CSS selector, a mapping with the members below, or a list of rules of
// which the first that finds something wins.
type Rule struct {
	ruleFields
	first []Rule // alternatives, in place of all else
	place strictyaml.Place
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
	Map      table     `yaml:"map"`      // page's word: ours, or nothing; "*" stands for all others, which are reported without it
	Prefix   string    `yaml:"prefix"`   // put before the value
	As       transform `yaml:"as"`       // how to read it, see clockNotations and flight
	Layout   string    `yaml:"layout"`   // for times: Go's reference time, "unix" or "unix_ms"; RFC 3339 without it
	Zone     *zone     `yaml:"zone"`     // for times that do not say theirs
	Optional bool      `yaml:"optional"` // nothing found is no problem
	Inherit  bool      `yaml:"inherit"`  // an empty cell means: as in the row above
}

// set reports whether the profile has this rule at all.
func (r *Rule) IsSet() bool { return r.place.Line > 0 }

// UnmarshalYAML reads any of the three forms.
func (r *Rule) UnmarshalYAML(n ast.Node) error {
	r.place = strictyaml.PlaceOf(n)
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

func (r *Rule) check() error {
	sources := 0
	for _, given := range []bool{r.CSS != nil, r.JQ != nil, r.When.entries != nil, r.Join != nil, r.Value != ""} {
		if given {
			sources++
		}
	}
	switch {
	case sources > 1:
		return r.place.Errorf("give one of css, jq, when, join and value")
	case sources == 0 && r.Attr == "" && !r.OwnText && r.Regexp == nil && r.Map.entries == nil && !r.Inherit:
		return r.place.Errorf("says nothing: give css, jq, when, join or value")
	case (r.Attr != "" || r.OwnText) && (r.JQ != nil || r.Join != nil || r.Value != ""):
		return r.place.Errorf("attr and own go with an element of the page, not with jq, join or value")
	}
	for i := range r.When.entries {
		e := &r.When.entries[i]
		var err error
		if e.when, err = newSelector(e.value, e.place); err != nil {
			return err
		}
	}
	return nil
}

// outcomes lists every value the rule can give, if it can only give those of a
// table or a constant.
func (r *Rule) outcomes() []entry {
	var all []entry
	for i := range r.first {
		all = append(all, r.first[i].outcomes()...)
	}
	for _, e := range r.When.entries {
		if r.Map.entries == nil {
			all = append(all, entry{value: e.key, place: e.place})
		}
	}
	for _, e := range r.Map.entries {
		if e.value != "" {
			all = append(all, e)
		}
	}
	if r.Value != "" && r.Map.entries == nil {
		all = append(all, entry{value: r.Value, place: r.place})
	}
	return all
}

// A selector is a CSS selector.
type selector struct {
	text  string
	match cascadia.Selector // of elements only
	key   key
}

func (s *selector) UnmarshalYAML(n ast.Node) error {
	var text string
	if err := strictyaml.DecodeNode(n, &text); err != nil {
		return err
	}
	made, err := newSelector(text, strictyaml.PlaceOf(n))
	if err != nil {
		return err
	}
	*s = *made
	return nil
}

func newSelector(text string, place strictyaml.Place) (*selector, error) {
	group, err := cascadia.ParseGroup(text)
	if err != nil {
		return nil, place.Errorf("selector %q: %w", text, err)
	}
	// cascadia's :contains and :matches match texts too.
	match := func(n *html.Node) bool { return n.Type == html.ElementNode && group.Match(n) }
	return &selector{text, match, keyOf(text)}, nil
}

// A query is a jq program.
type query struct {
	text string
	code *gojq.Code
}

func (q *query) UnmarshalYAML(n ast.Node) error {
	place := strictyaml.PlaceOf(n)
	if err := strictyaml.DecodeNode(n, &q.text); err != nil {
		return err
	}
	parsed, err := gojq.Parse(q.text)
	if err != nil {
		return place.Errorf("jq %q: %w", q.text, err)
	}
	// Profiles read pages, not the machine they are read on.
	q.code, err = gojq.Compile(parsed, gojq.WithEnvironLoader(func() []string { return nil }))
	if err != nil {
		return place.Errorf("jq %q: %w", q.text, err)
	}
	return nil
}

// run asks the query of a row or page. A query that does not come to an end is
// stopped with the page's time.
func (q *query) run(ctx context.Context, s scope) gojq.Iter {
	return q.code.RunWithContext(ctx, s.json)
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
		return strictyaml.PlaceOf(n).Errorf("regexp %q: %w", s, err)
	}
	p.re = re
	return nil
}

// A transform is a named way to read a text.
type transform string

// How a clock can be written; for a sport its usual one is the default.
const (
	asMinute    transform = "minute"    // 37', 45+2', 90'+6; 14:21 since kick-off: a sport that counts minutes
	asElapsed   transform = "elapsed"   // 12:46 or PT12M46S since the period began
	asRemaining transform = "remaining" // the same, until the period ends
	asOvers     transform = "overs"     // 14.3: fourteen overs and three balls
)

// asFlight reads scripts of React's flight format, see flight.go.
const asFlight transform = "flight"

var clockNotations = []transform{asMinute, asElapsed, asRemaining, asOvers}

func (t *transform) UnmarshalYAML(n ast.Node) error {
	var s string
	if err := strictyaml.DecodeNode(n, &s); err != nil {
		return err
	}
	*t = transform(s)
	if all := append(slices.Clone(clockNotations), asFlight); !slices.Contains(all, *t) {
		return strictyaml.PlaceOf(n).Errorf("as %q: want one of %v", s, all)
	}
	return nil
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
		return strictyaml.PlaceOf(n).Errorf("zone %q: %w", s, err)
	}
	z.loc = loc
	return nil
}

// A table is a YAML mapping of strings that keeps its order and places.
type table struct{ entries []entry }

type entry struct {
	key, value string
	when       *selector // the value, where it is a selector
	place      strictyaml.Place
}

func (t *table) UnmarshalYAML(n ast.Node) error {
	m, ok := n.(ast.MapNode)
	if !ok {
		return strictyaml.PlaceOf(n).Errorf("want a mapping")
	}
	t.entries = []entry{}
	for it := m.MapRange(); it.Next(); {
		e := entry{place: strictyaml.PlaceOf(it.Value())}
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

// anyWord is the key of what all other words become.
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
