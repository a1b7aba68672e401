package profile

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/itchyny/gojq"

	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/profile/internal/css"
)

// A selector is a compiled CSS selector of a profile.
type selector struct{ *css.Selector }

// UnmarshalYAML compiles the selector.
func (s *selector) UnmarshalYAML(n ast.Node) error {
	var text string
	if err := strictyaml.DecodeNode(n, &text); err != nil {
		return err
	}
	compiled, err := newSelector(text, strictyaml.PosOf(n))
	if err != nil {
		return err
	}
	*s = *compiled
	return nil
}

func newSelector(text string, pos strictyaml.Pos) (*selector, error) {
	compiled, err := css.Compile(text)
	if unusual := strictyaml.CheckCharacters(text); unusual != nil {
		err = unusual
	}
	if err != nil {
		return nil, pos.Errorf("selector %q: %w", text, err)
	}
	return &selector{compiled}, nil
}

// A query is a jq program.
type query struct {
	source string
	code   *gojq.Code
}

// identity is the query that returns its input.
var identity = func() *query {
	q := &query{source: "."}
	if err := q.compile(); err != nil {
		panic(err) // the query is valid
	}
	return q
}()

// UnmarshalYAML compiles the query.
func (q *query) UnmarshalYAML(n ast.Node) error {
	if err := strictyaml.DecodeNode(n, &q.source); err != nil {
		return err
	}
	if err := q.compile(); err != nil {
		if unusual := strictyaml.CheckCharacters(q.source); unusual != nil {
			err = unusual
		}
		return strictyaml.PosOf(n).Errorf("jq %q: %w", q.source, err)
	}
	return nil
}

// pageTime is the variable with the time of the page, in Unix seconds.
const pageTime = "$__page_time"

// pageNow defines jq's function now as the time of the page. With the current time, each replay of
// a recorded page would have different values.
var pageNow = func() *gojq.FuncDef {
	q, err := gojq.Parse("def now: " + pageTime + "; .")
	if err != nil {
		panic(err) // the query is valid
	}
	return q.FuncDefs[0]
}()

// compile compiles the query, without access to the environment of the process.
func (q *query) compile() error {
	parsed, err := gojq.Parse(q.source)
	if err != nil {
		return err
	}
	parsed.FuncDefs = append([]*gojq.FuncDef{pageNow}, parsed.FuncDefs...)
	q.code, err = gojq.Compile(parsed,
		gojq.WithEnvironLoader(func() []string { return nil }), gojq.WithVariables([]string{pageTime}))
	return err
}

var nowWord = regexp.MustCompile(`\bnow\b`)

// usesNow reports whether the result may depend on the time of the page.
func (q *query) usesNow() bool { return nowWord.MatchString(q.source) }

// run starts the query on v, a value of the document. The query stops when ctx ends.
func (q *query) run(ctx context.Context, d *Document, v any) gojq.Iter {
	return q.code.RunWithContext(d.budget.Query(ctx), v, float64(d.at.UnixMilli())/1000)
}

// text returns the query's first result as text. The result must be a string, a number or a
// boolean. If there is no result, or the result is null, the error wraps errNothing.
func (q *query) text(ctx context.Context, d *Document, v any) (string, error) {
	result, ok := q.run(ctx, d, v).Next()
	if !ok {
		return "", nothing("jq %s has no result", q.source)
	}
	switch v := result.(type) {
	case nil:
		return "", nothing("jq %s returns null", q.source)
	case error:
		return "", fmt.Errorf("jq %s: %w", q.source, v)
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
		return "", fmt.Errorf("jq %s returns type %s: want a string, number or boolean", q.source, gojq.TypeOf(v))
	}
}

// count returns the number of results before the first error, up to maxRows.
func (q *query) count(ctx context.Context, d *Document, v any) int {
	results := q.run(ctx, d, v)
	for n := 0; ; n++ {
		v, ok := results.Next()
		if _, failed := v.(error); !ok || failed || n == maxRows {
			return n
		}
	}
}

// inputs is a YAML mapping of names to rules. A query computes a value from the values of the
// rules.
type inputs []input

// An input is a rule and its name in the query.
type input struct {
	name string
	rule Rule
}

func (in *inputs) UnmarshalYAML(n ast.Node) error {
	m, ok := n.(ast.MapNode)
	if !ok {
		return strictyaml.PosOf(n).Errorf("want a mapping of names to rules, such as {points: .pts}")
	}
	*in = inputs{}
	for it := m.MapRange(); it.Next(); {
		var one input
		if err := strictyaml.DecodeNode(it.Key(), &one.name); err != nil {
			return err
		}
		if err := strictyaml.DecodeNode(it.Value(), &one.rule); err != nil {
			return err
		}
		*in = append(*in, one)
	}
	return nil
}

// values returns the values of the rules on a row by name: texts, arrays of texts, and null for a
// rule that finds nothing. The error wraps errNothing if no rule finds a value.
func (in inputs) values(ctx context.Context, on row) (map[string]any, error) {
	values := map[string]any{}
	found := false
	for i := range in {
		r := &in[i].rule
		var err error
		if r.All {
			var all []any
			all, err = r.allTexts(ctx, on)
			values[in[i].name] = all
			found = found || len(all) > 0
		} else {
			var text string
			text, err = r.text(ctx, on)
			values[in[i].name] = text
			found = found || err == nil
		}
		switch {
		case errors.Is(err, errNothing):
			values[in[i].name] = nil
		case err != nil:
			return nil, err
		}
	}
	if !found {
		return nil, nothing("from: no rule finds a value")
	}
	return values, nil
}

// allText returns the values of the rule for all elements or results that it finds, separated by
// spaces. If the rule has from, or neither css nor jq, allText is the same as text.
func (r *Rule) allText(ctx context.Context, on row) (string, error) {
	var missing error
	for i := range r.alternatives {
		text, err := r.alternatives[i].allText(ctx, on)
		if !errors.Is(err, errNothing) {
			return text, err
		}
		missing = err
	}
	if r.alternatives != nil {
		return "", missing
	}
	if r.From != nil || r.CSS == nil && r.JQ == nil {
		return r.text(ctx, on)
	}
	var words []string
	all, err := r.allTexts(ctx, on)
	for _, text := range all {
		words = append(words, text.(string))
	}
	if err == nil && words == nil {
		err = nothing("no element or result has a text")
	}
	return strings.Join(words, " "), err
}

// allTexts returns the value of the rule for each element or result that it finds. It skips
// elements and results without a value.
func (r *Rule) allTexts(ctx context.Context, on row) ([]any, error) {
	rows, err := r.rows(ctx, on)
	if err != nil {
		return nil, err
	}
	one := *r // the rule for one of the rows
	one.CSS = nil
	if r.JQ != nil {
		one.JQ = identity
	}
	all := []any{}
	for _, found := range rows {
		text, err := one.text(ctx, found)
		switch {
		case err == nil:
			all = append(all, text)
		case !errors.Is(err, errNothing):
			return nil, err
		}
	}
	return all, nil
}
