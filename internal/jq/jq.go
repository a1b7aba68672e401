// Package jq runs the jq programs of the config: the texts of notifications and the bodies of
// webhooks. A program has no access to files, the network or the environment. Each run has limits,
// so that no program can occupy the process.
package jq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/itchyny/gojq"

	"github.com/matchwire/matchwire/internal/spelling"
)

const (
	// MaxSteps is the maximum number of instructions of one run. A text needs about a hundred.
	MaxSteps = 200_000
	// MaxHeap is the maximum growth of the heap during one run, in bytes.
	MaxHeap = 64 << 20
	// MaxValue is the maximum size of a value that is converted to text, in values and bytes of
	// strings.
	MaxValue = 1 << 20
	// CheckTime is the maximum duration of [Check].
	CheckTime = 10 * time.Second
)

// limit stops a program that doubles a value again and again before the value is large: it checks
// the heap after every few instructions. Between two checks, a value can double twice.
var limit = Limit{Steps: MaxSteps, Heap: MaxHeap, Every: 8}

// Fields are the names of the members of an object. The value of a name has the members of that
// member, or is nil if they are not known.
type Fields map[string]Fields

// A Program is a compiled jq program.
type Program struct {
	source string
	code   *gojq.Code
}

// Mentions reports whether the source of the program contains a word. If it does not, the program
// cannot read a member with this name, unless it reads all members of its input.
func (p *Program) Mentions(word string) bool { return strings.Contains(p.source, word) }

// functions are the functions that every program can call, besides those of jq. In jq, a string
// with an interpolation calls tostring.
var functions = func() []*gojq.FuncDef {
	q, err := gojq.Parse(`
		def tostring: _text;
		def tojson: _json;
		def after(text): if . == null or . == "" then "" else text + tostring end;
		def when(condition; text): if condition then text else "" end;
		def before(text): if . == null or . == "" then "" else tostring + text end;
		.`)
	if err != nil {
		panic(err) // the query is valid
	}
	return q.FuncDefs
}()

// goTemplate matches an action of a Go template. Before jq, texts were Go templates.
var goTemplate = regexp.MustCompile(`\{\{(?:-\s+)?\s*(?:json\s+)?(?:\.([A-Za-z]+))?`)

// capitals matches the beginnings of the words in an identifier like LineScore.
var capitals = regexp.MustCompile(`([a-z])([A-Z])`)

// templateError returns an error if source is a Go template. form is how jq reads a field in source.
func templateError(source, form string) error {
	m := goTemplate.FindStringSubmatch(source)
	if m == nil {
		return nil
	}
	old, field := "{{.Player}}", "player"
	if m[1] != "" {
		old, field = "{{."+m[1]+"}}", strings.ToLower(capitals.ReplaceAllString(m[1], "${1}_$2"))
	}
	return fmt.Errorf("this is a Go template, and matchwire now uses jq: write %s instead of %s",
		fmt.Sprintf(form, field), old)
}

// Compile compiles a jq expression. Its input is an object with the given members.
func Compile(source string, input Fields) (*Program, error) {
	if err := templateError(source, ".%s"); err != nil {
		return nil, err
	}
	parsed, err := gojq.Parse(source)
	if err != nil {
		return nil, err
	}
	return compile(source, parsed, input)
}

// CompileText compiles the inside of a jq string: a text with interpolations like \(.player). Outside
// of interpolations, quotes need no backslash.
func CompileText(text string, input Fields) (*Program, error) {
	if err := templateError(text, `\(.%s)`); err != nil {
		return nil, err
	}
	parsed, err := gojq.Parse(quoted(text))
	if err != nil {
		return nil, err
	}
	return compile(text, parsed, input)
}

func compile(source string, parsed *gojq.Query, input Fields) (*Program, error) {
	if err := checkFields(parsed, input); err != nil {
		return nil, err
	}
	parsed.FuncDefs = slices.Concat(functions, parsed.FuncDefs)
	code, err := gojq.Compile(parsed,
		gojq.WithEnvironLoader(func() []string { return nil }),
		gojq.WithFunction("_text", 0, 0, func(v any, _ []any) any { return text(v) }),
		gojq.WithFunction("_json", 0, 0, func(v any, _ []any) any { return encoded(v) }),
		gojq.WithFunction("capital", 0, 0, func(v any, _ []any) any { return onString(v, capital) }),
		gojq.WithFunction("lower", 0, 0, func(v any, _ []any) any { return onString(v, lower) }),
	)
	if err != nil {
		return nil, err
	}
	return &Program{source, code}, nil
}

// Run runs the program and returns its first result. input consists of values that gojq supports,
// and is not modified.
//
//nolint:contextcheck // the limit ends a run
func (p *Program) Run(input any) (any, error) {
	v, ok := p.code.RunWithContext(limit.Context(context.Background()), input).Next()
	if err, failed := v.(error); failed {
		return nil, err
	}
	if !ok {
		return nil, errors.New("the expression has no result")
	}
	return v, nil
}

// Text runs the program and returns its first result, which must be a string.
func (p *Program) Text(input any) (string, error) {
	v, err := p.Run(input)
	if err != nil {
		return "", err
	}
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("the result has the type %s: want a string", gojq.TypeOf(v))
	}
	return s, nil
}

// JSON runs the program and returns its first result as JSON.
func (p *Program) JSON(input any) ([]byte, error) {
	v, err := p.Run(input)
	if err != nil {
		return nil, err
	}
	switch v := encoded(v).(type) {
	case error:
		return nil, v
	default:
		return []byte(v.(string)), nil
	}
}

// Check calls run, which runs a program, and returns its error. If it takes longer than [CheckTime], Check
// returns an error and leaves run behind. So a program that no limit of a run can stop, because a
// single instruction takes very long, is found when the config is loaded.
func Check(run func() error) error { return check(run, CheckTime) }

func check(run func() error, limit time.Duration) error {
	result := make(chan error, 1)
	go func() { result <- run() }()
	select {
	case err := <-result:
		return err
	case <-time.After(limit):
		return fmt.Errorf("the program needs more than %v", limit)
	}
}

// text converts a value to a text. Null becomes "". Arrays and objects are errors.
func text(v any) any {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any, map[string]any:
		return fmt.Errorf("a text cannot contain an %s: want a string or a number. An if without else returns its input",
			gojq.TypeOf(v))
	}
	return encoded(v)
}

// encoded returns a value as JSON, or an error if the value is larger than [MaxValue].
func encoded(v any) any {
	left := MaxValue
	if !fits(v, &left) {
		return fmt.Errorf("the value is larger than %d MiB", MaxValue>>20)
	}
	b, err := gojq.Marshal(v)
	if err != nil {
		return err
	}
	return string(b)
}

// fits reports whether the size of v is at most *left. It reduces *left by this size. Arrays can
// contain the same array many times, so a value that needs little memory can be large as text.
func fits(v any, left *int) bool {
	*left--
	switch v := v.(type) {
	case string:
		*left -= len(v)
	case []any:
		for _, e := range v {
			if !fits(e, left) {
				return false
			}
		}
	case map[string]any:
		for k, e := range v {
			if *left -= len(k); !fits(e, left) {
				return false
			}
		}
	}
	return *left >= 0
}

// onString returns the result of a function on a string. Null becomes "".
func onString(v any, f func(string) string) any {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return f(v)
	}
	return fmt.Errorf("want a string, not a value of the type %s", gojq.TypeOf(v))
}

// capital returns s with an upper-case first letter.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

// lower returns s with a lower-case first letter. It does not change s unless the second character
// is a lower-case letter. So it does not change "TMO review".
func lower(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if second, _ := utf8.DecodeRuneInString(s[n:]); n == 0 || !unicode.IsLower(second) {
		return s
	}
	return string(unicode.ToLower(r)) + s[n:]
}

// unknown returns an error about a member that does not exist.
func (f Fields) unknown(name string) error {
	nearest, least := "", len(name)/2+1
	for _, known := range slices.Sorted(maps.Keys(f)) {
		if d := spelling.Distance(name, known); d < least {
			nearest, least = known, d
		}
	}
	if nearest != "" {
		return fmt.Errorf("there is no field .%s; did you mean .%s?", name, nearest)
	}
	return fmt.Errorf("there is no field .%s", name)
}
