package profile

import (
	"context"
	"fmt"
	"math/big"
	"strconv"

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

// UnmarshalYAML compiles the query, without access to the environment of the process.
func (q *query) UnmarshalYAML(n ast.Node) error {
	pos := strictyaml.PosOf(n)
	if err := strictyaml.DecodeNode(n, &q.source); err != nil {
		return err
	}
	parsed, err := gojq.Parse(q.source)
	if err != nil {
		return pos.Errorf("jq %q: %w", q.source, err)
	}
	q.code, err = gojq.Compile(parsed, gojq.WithEnvironLoader(func() []string { return nil }))
	if err != nil {
		return pos.Errorf("jq %q: %w", q.source, err)
	}
	return nil
}

// run starts the query on v. The query stops when ctx ends.
func (q *query) run(ctx context.Context, v any) gojq.Iter { return q.code.RunWithContext(ctx, v) }

// text returns the query's first result as text. The result must be a string, a number or a
// boolean. If there is no result, or the result is null, the error wraps errNothing.
func (q *query) text(ctx context.Context, v any) (string, error) {
	result, ok := q.run(ctx, v).Next()
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
func (q *query) count(ctx context.Context, v any) int {
	results := q.run(ctx, v)
	for n := 0; ; n++ {
		v, ok := results.Next()
		if _, failed := v.(error); !ok || failed || n == maxRows {
			return n
		}
	}
}
