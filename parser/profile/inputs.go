package profile

import (
	"context"
	"errors"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

// inputs is a YAML mapping of names to rules. A query computes a value from the values of the rules.
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

// allTexts returns the value of the rule for each element or result that it finds. It skips those
// without a value.
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
