package profile

import (
	"context"
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/profile/internal/notations"
)

// A Rule defines where a value is on a page, and how to convert its text. In YAML, a rule is a CSS
// selector, a mapping with the members of ruleFields, or a list of alternatives. The value of a
// list is the value of its first alternative that finds a value.
type Rule struct {
	ruleFields
	alternatives []Rule // set if the rule is a list; ruleFields is then empty
	pos          strictyaml.Pos
}

// ruleFields are the members of a rule that is a mapping.
type ruleFields struct {
	CSS      *selector `yaml:"css"`      // the first matching element below the row; if nil, the row itself
	Attr     string    `yaml:"attr"`     // use this attribute instead of the text
	OwnText  bool      `yaml:"own"`      // use only text directly in the element, not in its descendants
	JQ       *query    `yaml:"jq"`       // JSON: a query on the row or the document; with From, on the values of From
	From     inputs    `yaml:"from"`     // the rules whose values are the input of JQ
	All      bool      `yaml:"all"`      // in From: an array of the texts of all elements or results
	When     table     `yaml:"when"`     // value: selector; the first value whose selector matches
	Join     []Rule    `yaml:"join"`     // the values of these rules, separated by spaces
	Value    string    `yaml:"value"`    // a constant
	Siblings bool      `yaml:"siblings"` // rows: a row includes its siblings up to the next row
	Regexp   *pattern  `yaml:"regexp"`   // use the part that the first group, or else the whole expression, matches
	Map      table     `yaml:"map"`      // text on the page: value; "*" is any other text; an empty value means none
	Prefix   string    `yaml:"prefix"`   // text to add before the value
	As       notation  `yaml:"as"`       // notation of the text; see clockNotations, scoreNotations and asFlight
	Layout   string    `yaml:"layout"`   // times: Go's reference time, "unix" or "unix_ms"; "" means RFC 3339
	Zone     *zone     `yaml:"zone"`     // times: the time zone, if the text has none; nil means UTC
	Optional bool      `yaml:"optional"` // it is not a problem if the rule finds nothing
	Inherit  bool      `yaml:"inherit"`  // if the rule finds no value, use the value of a row above
}

// isSet reports whether the profile has this rule.
func (r *Rule) isSet() bool { return r.pos.Line > 0 }

// UnmarshalYAML decodes a rule in any of its three forms, and checks it.
func (r *Rule) UnmarshalYAML(n ast.Node) error {
	r.pos = strictyaml.PosOf(n)
	switch n := n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		r.CSS = &selector{}
		return r.CSS.UnmarshalYAML(n)
	case *ast.SequenceNode:
		return strictyaml.DecodeNode(n, &r.alternatives)
	}
	if err := strictyaml.DecodeNode(n, &r.ruleFields); err != nil {
		return err
	}
	return r.check()
}

// inherits reports whether the rule, or a rule in it, can use the value of a row above.
func (r *Rule) inherits() bool {
	found := false
	r.walk(func(in *Rule) { found = found || in.Inherit })
	return found
}

// walk calls f for the rule and for all rules in it.
func (r *Rule) walk(f func(*Rule)) {
	f(r)
	for i := range r.alternatives {
		r.alternatives[i].walk(f)
	}
	for i := range r.Join {
		r.Join[i].walk(f)
	}
	for i := range r.From {
		r.From[i].rule.walk(f)
	}
}

// outcomes returns the possible values of the rule that the profile lists, in tables and constants.
func (r *Rule) outcomes() []entry {
	var all []entry
	for i := range r.alternatives {
		all = append(all, r.alternatives[i].outcomes()...)
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
type pattern struct {
	re   *regexp.Regexp
	size int // number of instructions of the compiled expression
}

func (p *pattern) UnmarshalYAML(n ast.Node) error {
	var s string
	if err := strictyaml.DecodeNode(n, &s); err != nil {
		return err
	}
	re, err := regexp.Compile(s)
	if strings.ContainsRune(s, '\b') {
		err = errors.New(`\b is a backspace in double quotes: use single quotes`)
	}
	if err != nil {
		return strictyaml.PosOf(n).Errorf("regexp %q: %w%s", s, err, unsupportedHint(s))
	}
	p.re, p.size = re, instructions(s)
	return nil
}

// instructions returns the number of instructions of a valid regular expression.
func instructions(expr string) int {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return 1
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return 1
	}
	return len(prog.Inst)
}

// The limits of a search that cannot be interrupted. Beyond them, find uses a slower search that can
// be interrupted.
const (
	maxUninterrupted     = 1 << 20     // length of the text, in bytes
	maxUninterruptedWork = 100_000_000 // length of the text times instructions; about a second
)

// find returns the first match of the pattern and its groups, or nil. If the search is beyond the
// limits above, find stops when ctx ends.
func (p *pattern) find(ctx context.Context, text string) []string {
	if len(text) <= maxUninterrupted && len(text)*p.size <= maxUninterruptedWork {
		return p.re.FindStringSubmatch(text)
	}
	at := p.re.FindReaderSubmatchIndex(&runes{Reader: strings.NewReader(text), stopped: ctx.Err})
	if at == nil || ctx.Err() != nil {
		return nil
	}
	m := make([]string, len(at)/2)
	for i := range m {
		if at[2*i] >= 0 {
			m[i] = text[at[2*i]:at[2*i+1]]
		}
	}
	return m
}

// A runes reads runes until stopped returns an error.
type runes struct {
	*strings.Reader
	stopped func() error
	n       int
}

func (r *runes) ReadRune() (rune, int, error) {
	if r.n++; r.n%4096 == 0 {
		if err := r.stopped(); err != nil {
			return 0, 0, err
		}
	}
	return r.Reader.ReadRune()
}

// unsupported lists the parts of regular expressions that other languages have, but Go does not.
var unsupported = []struct {
	name  string
	shape *regexp.Regexp
}{
	{"lookahead or lookbehind", regexp.MustCompile(`\(\?<?[=!]`)},
	{"references to groups", regexp.MustCompile(`\\[1-9]`)},
	{"atomic groups", regexp.MustCompile(`\(\?>`)},
	{"possessive repetition", regexp.MustCompile(`[*+?}]\+`)},
}

// unsupportedHint returns the end of an error about an invalid regular expression, or "" if the
// expression has no part in unsupported.
func unsupportedHint(s string) string {
	for _, part := range unsupported {
		if part.shape.MatchString(s) {
			return ": Go's regular expressions have no " + part.name + "; put the part that you want in a group: x(.+)y"
		}
	}
	return ""
}

// A notation is the format of a clock, of a score in cricket, or of a script with JSON.
type notation string

// The notations of clocks. Each sport has a default.
const (
	asMinute    notation = notations.Minute
	asElapsed   notation = notations.Elapsed
	asRemaining notation = notations.Remaining
	asOvers     notation = notations.Overs
)

// The notations of scores in cricket, for innings whose numbers do not show the order.
const (
	asRunsFirst    notation = notations.RunsFirst
	asWicketsFirst notation = notations.WicketsFirst
)

// asFlight is the notation of scripts in React's flight format; see pagejson.DecodeFlight.
const asFlight notation = "flight"

var (
	clockNotations = []notation{asMinute, asElapsed, asRemaining, asOvers}
	scoreNotations = []notation{asRunsFirst, asWicketsFirst}
)

// purpose returns the name of the values that the notation is for.
func (t notation) purpose() string {
	switch {
	case slices.Contains(clockNotations, t):
		return "clocks"
	case slices.Contains(scoreNotations, t):
		return "home_score and away_score in cricket"
	}
	return "json"
}

// UnmarshalYAML decodes a notation. It returns an error for an unknown notation.
func (t *notation) UnmarshalYAML(n ast.Node) error {
	var s string
	if err := strictyaml.DecodeNode(n, &s); err != nil {
		return err
	}
	*t = notation(s)
	if all := append(slices.Concat(clockNotations, scoreNotations), asFlight); !slices.Contains(all, *t) {
		return strictyaml.PosOf(n).Errorf("as %q: want one of %v", s, all)
	}
	return nil
}

// notation returns the notation of a rule. For alternatives, it returns the first notation that is
// set.
func (r *Rule) notation() notation {
	for i := range r.alternatives {
		if as := r.alternatives[i].As; as != "" {
			return as
		}
	}
	return r.As
}

// A zone is a time zone. In YAML, it is an IANA name.
type zone struct{ loc *time.Location }

func (z *zone) UnmarshalYAML(n ast.Node) error {
	var s string
	if err := strictyaml.DecodeNode(n, &s); err != nil {
		return err
	}
	loc, err := event.LoadZone(s)
	if err != nil {
		return strictyaml.PosOf(n).Errorf("%w", err)
	}
	z.loc = loc
	return nil
}

// A table is a YAML mapping of strings in the order of the file.
type table struct{ entries []entry }

// An entry is a key and its value in a table.
type entry struct {
	key, value string
	when       *selector // the compiled value, if the table is a when
	pos        strictyaml.Pos
}

func (t *table) UnmarshalYAML(n ast.Node) error {
	m, ok := n.(ast.MapNode)
	if !ok {
		return strictyaml.PosOf(n).Errorf("want a mapping, such as {key: value}")
	}
	t.entries = []entry{}
	for it := m.MapRange(); it.Next(); {
		e := entry{pos: strictyaml.PosOf(it.Value())}
		if err := strictyaml.DecodeNode(it.Key(), &e.key); err != nil {
			return err
		}
		if it.Value().Type() != ast.NullType { // null is like an empty value
			if err := strictyaml.DecodeNode(it.Value(), &e.value); err != nil {
				return err
			}
		}
		t.entries = append(t.entries, e)
	}
	return nil
}

// anyKey is the key of the value for texts that are not keys of the table.
const anyKey = "*"

// lookup returns the value of key, or the value of anyKey. ok is false if the table has neither
// key.
func (t table) lookup(key string) (value string, ok bool) {
	for _, e := range t.entries {
		if e.key == key || e.key == anyKey && !ok {
			value, ok = e.value, true
		}
		if e.key == key {
			break
		}
	}
	return value, ok
}
