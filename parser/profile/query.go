package profile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"strconv"

	"github.com/goccy/go-yaml/ast"
	"github.com/itchyny/gojq"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

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
		return strictyaml.PosOf(n).Errorf("jq %q: %w", q.source, err)
	}
	return nil
}

// pageTime is the variable with the time of the page, in seconds since 1970.
const pageTime = "$__page_time"

// pageNow defines the function now of jq as the time of the page. Otherwise a recorded page would
// have other values in each replay.
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
	return q.code.RunWithContext(ctx, v, float64(d.at.UnixMilli())/1000)
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

// decodeJSON decodes a JSON page for queries.
func decodeJSON(b []byte) (any, error) {
	v, length, err := decodePrefix(bytes.NewReader(b))
	if err == nil && len(bytes.TrimSpace(b[length:])) > 0 {
		err = errors.New("text follows the value")
	}
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return v, nil
}

// decodePrefix decodes the JSON value at the beginning of text. length is the number of bytes up to
// the end of the value.
func decodePrefix(text io.Reader) (v any, length int64, err error) {
	d := json.NewDecoder(text)
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, 0, err
	}
	return jqNumbers(v), d.InputOffset(), nil
}

// jqNumbers converts the numbers in a value to types that gojq supports. It modifies v. Integers
// keep all their digits: an ID of 19 digits does not become a float.
func jqNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.Atoi(v.String()); err == nil {
			return n
		}
		if n, ok := new(big.Int).SetString(v.String(), 10); ok {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = jqNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = jqNumbers(v[k])
		}
	}
	return v
}
