package profile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// A Layout has the rules for one of several layouts of a site's pages. If a layout does not set a
// rule of Match, the rule of the profile applies. The same is true of JSON, Root, Matches,
// Incidents and Lineups.
type Layout struct {
	Name      string          `yaml:"layout"`
	Seen      Date            `yaml:"seen"` // the last day when the layout worked; zero if unknown
	If        Rule            `yaml:"if"`   // finds something on the pages that have the layout
	JSON      Rule            `yaml:"json"`
	Root      *query          `yaml:"root"`
	Matches   Rule            `yaml:"matches"`
	Match     MatchRules      `yaml:"match"`
	Incidents []IncidentRules `yaml:"incidents"`
	Lineups   []LineupRules   `yaml:"lineups"`
}

// with returns a copy of the profile with the rules of layout l.
func (p *Profile) with(l *Layout) *Profile {
	q := *p
	q.layout = l
	if l.JSON.isSet() {
		q.JSON = l.JSON
	}
	if l.Root != nil {
		q.Root = l.Root
	}
	if l.Matches.isSet() {
		q.Matches = l.Matches
	}
	for i, n := range l.Match.rules() {
		if n.rule.isSet() {
			*q.Match.rules()[i].rule = *n.rule
		}
	}
	if l.Incidents != nil {
		q.Incidents = l.Incidents
	}
	if l.Lineups != nil {
		q.Lineups = l.Lineups
	}
	return &q
}

// setVariants sets the variants of a decoded profile, and checks its layouts.
func (p *Profile) setVariants(at func(path string) strictyaml.Pos) error {
	p.variants = nil
	seen := map[string]bool{}
	for i := range p.Layouts {
		l := &p.Layouts[i]
		pos := at(fmt.Sprintf("layouts[%d]", i))
		switch {
		case !isSlug(l.Name):
			return pos.Errorf("layout %q: want a name of a-z and 0-9, with single - between words", l.Name)
		case seen[l.Name]:
			return pos.Errorf("layout %q: another layout has this name", l.Name)
		case l.If.isSet() && !isTest(&l.If):
			return l.If.pos.Errorf("if: want css or jq, without other members")
		case !l.If.isSet() && !l.JSON.isSet() && l.Root == nil && i < len(p.Layouts)-1:
			return pos.Errorf("layout %q: set if: without if, the layouts below this one are never used", l.Name)
		}
		seen[l.Name] = true
		v := p.with(l)
		p.variants = append(p.variants, v)
		first := p.variants[0]
		if v.Matches.isSet() != first.Matches.isSet() || v.Match.ID.isSet() != first.Match.ID.isSet() {
			return pos.Errorf("layout %q: set matches and match.id in all layouts or in none", l.Name)
		}
	}
	if p.variants == nil {
		p.variants = []*Profile{p}
	}
	return nil
}

// isSlug reports whether s consists of words of a-z and 0-9, separated by single hyphens.
func isSlug(s string) bool { return s != "" && s == strings.ReplaceAll(event.Slug(s), "_", "-") }

// isTest reports whether a rule only finds elements or JSON values, without converting them. The
// same must be true of all its alternatives.
func isTest(r *Rule) bool {
	for i := range r.alternatives {
		if !isTest(&r.alternatives[i]) {
			return false
		}
	}
	return findsRows(r) && onlyFindsRows(r) && !r.Siblings && !r.Optional
}

// finds reports whether the rule's selector matches the row or an element below it, or whether the
// first result of the rule's query is neither null nor false. A rule with alternatives finds
// something if any of them does.
func (r *Rule) finds(ctx context.Context, in row) bool {
	switch {
	case r.alternatives != nil:
		return slices.ContainsFunc(r.alternatives, func(alternative Rule) bool { return alternative.finds(ctx, in) })
	case r.JQ != nil:
		v, ok := r.JQ.run(ctx, in.doc, in.json).Next()
		_, failed := v.(error)
		return ok && !failed && v != nil && v != false
	}
	return in.html != nil && in.first(r.CSS).Length() > 0
}

// Layout returns the name of the page's layout, or "" if the profile has no layouts.
func (d *Document) Layout() string {
	if d.profile.layout == nil {
		return ""
	}
	return d.profile.layout.Name
}

// Seen returns the last day when the profile worked on pages with the document's layout, or the
// zero date if that day is unknown.
func (d *Document) Seen() Date {
	if l := d.profile.layout; l != nil && !l.Seen.IsZero() {
		return l.Seen
	}
	return d.profile.Seen
}

// chooseLayout sets the profile and the JSON of the document from the first layout that fits the
// page. page is the JSON of a JSON page, or nil. If no layout fits, the error contains a reason for
// each layout.
func (d *Document) chooseLayout(ctx context.Context, page any) error {
	base := d.profile
	embedded := map[strictyaml.Pos]embedding{}
	var reasons []string
	for _, v := range base.variants {
		d.profile, d.json = v, page
		err := d.applyLayout(ctx, embedded)
		if err == nil {
			return nil
		}
		if v.layout == nil {
			return err
		}
		reasons = append(reasons, v.layout.Name+": "+err.Error())
	}
	d.profile, d.json = base, nil
	return fmt.Errorf("the page has none of the layouts that profile %s knows: %s",
		base.Name, strings.Join(reasons, "; "))
}

// An embedding is the JSON in an HTML page, or the error that explains why it was not found.
type embedding struct {
	json any
	err  error
}

// applyLayout sets the JSON of the document with the rules json and root of its profile. It returns
// an error if the layout of the profile does not fit the page. embedded caches the results of json
// rules by the position of the rule.
func (d *Document) applyLayout(ctx context.Context, embedded map[strictyaml.Pos]embedding) error {
	p := d.profile
	if p.JSON.isSet() {
		found, ok := embedded[p.JSON.pos]
		if !ok {
			found.json, found.err = d.embeddedJSON(ctx, &p.JSON)
			embedded[p.JSON.pos] = found
		}
		if found.err != nil {
			return fmt.Errorf("json: %w", found.err)
		}
		d.json = found.json
	}
	if p.Root != nil {
		root, ok := p.Root.run(ctx, d, d.json).Next()
		if err, failed := root.(error); failed {
			return fmt.Errorf("root: jq %s: %w", p.Root.source, err)
		}
		if !ok || root == nil {
			return fmt.Errorf("root: %w", nothing("jq %s returns null", p.Root.source))
		}
		d.json = root
	}
	if p.layout != nil && p.layout.If.isSet() && !p.layout.If.finds(ctx, d.page()) {
		return fmt.Errorf("if: %w", nothing("%s", p.layout.If.describe()))
	}
	return nil
}

// withLayouts adds the name of the page's layout to an error. If the page names no team, it also
// adds the names of all layouts. It returns err unchanged if the profile has no layouts.
func (d *Document) withLayouts(err error) error {
	name := d.Layout()
	if err == nil || name == "" {
		return err
	}
	if !errors.Is(err, errNoTeams) {
		return fmt.Errorf("layout %s: %w", name, err)
	}
	var all []string
	for i := range d.profile.Layouts {
		all = append(all, d.profile.Layouts[i].Name)
	}
	return fmt.Errorf("layout %s: %w (profile %s knows the layouts %s)",
		name, err, d.profile.Name, strings.Join(all, ", "))
}

// A Version is the version of a profile, from 1. It is 0 if the profile has no version.
type Version int

// UnmarshalYAML decodes a version.
func (v *Version) UnmarshalYAML(n ast.Node) error {
	var number int
	if err := strictyaml.DecodeNode(n, &number); err != nil || number < 1 {
		return strictyaml.PosOf(n).Errorf("%q: want a whole number from 1", n.String())
	}
	*v = Version(number)
	return nil
}

// A Date is a day. In YAML, it is written like 2026-07-19.
type Date struct{ time.Time }

// UnmarshalYAML decodes a date.
func (d *Date) UnmarshalYAML(n ast.Node) error {
	var s string
	if err := strictyaml.DecodeNode(n, &s); err != nil {
		return err
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return strictyaml.PosOf(n).Errorf("%q: want a date such as 2026-07-19", s)
	}
	d.Time = t
	return nil
}

// String returns the date, or "" for the zero date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.Format(time.DateOnly)
}
