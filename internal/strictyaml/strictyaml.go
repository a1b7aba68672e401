// Package strictyaml decodes YAML that people write by hand: unknown keys are
// refused, and every error names file, line, column and the value at fault.
package strictyaml

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Decode decodes a document into v. file is what errors call it.
func Decode(file string, data []byte, v any) error {
	return name(file, yaml.UnmarshalWithOptions(data, v, yaml.Strict()))
}

// DecodeNode decodes a part of a document, for a NodeUnmarshaler. The error
// knows its line; whoever called Decode adds the file.
func DecodeNode(n ast.Node, v any) error {
	return yaml.NodeToValue(n, v, yaml.Strict())
}

// An Error is an error at a position in a file.
type Error struct {
	File         string // "" until Decode adds it
	Line, Column int
	Path         string // "incidents[0].kind", "" for the whole document
	Err          error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s:%d:%d: ", e.File, e.Line, e.Column)
	if e.Path != "" {
		s += e.Path + ": "
	}
	return s + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// A Pos is a position in a document, for checks that run after
// decoding.
type Pos struct {
	Line, Column int
	Path         string
}

// PosOf returns the position of n.
func PosOf(n ast.Node) Pos {
	p := n.GetToken().Position
	return Pos{p.Line, p.Column, strings.TrimPrefix(strings.TrimPrefix(n.GetPath(), "$"), ".")}
}

// Errorf says what is wrong at p.
func (p Pos) Errorf(format string, args ...any) error {
	return &Error{Line: p.Line, Column: p.Column, Path: p.Path, Err: fmt.Errorf(format, args...)}
}

// InFile adds the file to an error from [Pos.Errorf].
func InFile(file string, err error) error { return name(file, err) }

func name(file string, err error) error {
	if err == nil {
		return nil
	}
	var placed *Error
	if errors.As(err, &placed) {
		if placed.File == "" {
			placed.File = file
		}
		return placed
	}
	var ye yaml.Error
	if errors.As(err, &ye) && ye.GetToken() != nil {
		p := ye.GetToken().Position
		return &Error{File: file, Line: p.Line, Column: p.Column, Err: errors.New(plain(ye))}
	}
	return fmt.Errorf("%s: %w", file, err)
}

// A Raw is a part of a document that somebody else decodes later.
type Raw struct {
	Pos
	node ast.Node
}

// UnmarshalYAML keeps the part.
func (r *Raw) UnmarshalYAML(n ast.Node) error {
	r.Pos, r.node = PosOf(n), n
	return nil
}

// Decode decodes the part into v, and leaves v as it is if the part is empty.
// file is what errors call the document.
func (r Raw) Decode(file string, v any) error {
	if r.node == nil || r.node.Type() == ast.NullType {
		return nil
	}
	return name(file, DecodeNode(r.node, v))
}

// Has reports whether the part has a value under that key.
func (r Raw) Has(key string) bool {
	m, ok := r.node.(*ast.MappingNode)
	if !ok {
		return false
	}
	for _, v := range m.Values {
		if v.Key.String() == key {
			return true
		}
	}
	return false
}

// plain is the message without Go's words.
func plain(e yaml.Error) string {
	_, kind, ok := strings.Cut(e.GetMessage(), " of type ")
	if !ok || !strings.HasPrefix(e.GetMessage(), "cannot unmarshal") {
		return e.GetMessage()
	}
	want := map[string]string{"bool": "true or false", "string": "a text", "int": "a number"}[kind]
	if want == "" {
		want = "something else"
	}
	return fmt.Sprintf("%q: want %s", e.GetToken().Value, want)
}

// Find is where the value at a path like "sport" stands in a document; the
// document's beginning if it is not there.
func Find(data []byte, path string) Pos {
	start := Pos{Line: 1, Column: 1}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return start
	}
	at, err := yaml.PathString("$." + path)
	if err != nil {
		return start
	}
	n, err := at.FilterFile(file)
	if err != nil || n == nil {
		return start
	}
	pos := PosOf(n)
	pos.Path = path
	return pos
}

// Empty is the first key of a document that has no value, but for those right
// below a key named except, where that means something.
func Empty(data []byte, except string) (Pos, bool) {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return Pos{}, false
	}
	v := &emptyFinder{except: except}
	for _, doc := range file.Docs {
		ast.Walk(v, doc.Body)
	}
	return v.pos, v.found
}

type emptyFinder struct {
	except string
	pos    Pos
	found  bool
}

// Visit looks at one node.
func (f *emptyFinder) Visit(n ast.Node) ast.Visitor {
	kv, ok := n.(*ast.MappingValueNode)
	if !ok || f.found {
		return f
	}
	if kv.Value.Type() == ast.NullType {
		f.pos, f.found = PosOf(kv.Value), true
	}
	if kv.Key.String() == f.except {
		return nil
	}
	return f
}
