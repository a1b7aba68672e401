// Package strictyaml decodes YAML that people write by hand. It refuses unknown
// keys, and its errors contain the position of the invalid value.
package strictyaml

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Decode decodes a document in UTF-8 into v. Errors contain file, the name of the document.
func Decode(file string, data []byte, v any) error {
	data, err := utf8Text(data)
	if err != nil {
		return InFile(file, err)
	}
	err = safely(func() error { return yaml.UnmarshalWithOptions(data, v, yaml.Strict()) })
	if err == nil {
		return nil
	}
	parsed, syntax := parseUTF8(data)
	if syntax != nil {
		return InFile(file, explainSyntax(err, data))
	}
	var roots []ast.Node
	for _, doc := range parsed.Docs {
		roots = append(roots, doc.Body)
	}
	return InFile(file, explain(err, v, "$", roots...))
}

// DecodeLoosely decodes a document into v. It ignores unknown keys, and its errors have no position.
func DecodeLoosely(data []byte, v any) error {
	return safely(func() error { return yaml.Unmarshal(data, v) })
}

// safely calls the YAML library. The library panics for some documents with tags or other rare syntax.
func safely(call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the YAML library cannot read this text, perhaps because of a tag (!): %v", r)
		}
	}()
	return call()
}

// DecodeNode decodes n into v. It is for implementations of UnmarshalYAML: its errors
// have a position but no file, because Decode adds the file.
func DecodeNode(n ast.Node, v any) error {
	err := safely(func() error { return yaml.NodeToValue(n, v, yaml.Strict()) })
	return explain(err, v, n.GetPath(), n)
}

// An Error is an error at a position in a file.
type Error struct {
	File         string // "" until InFile or Decode sets it
	Line, Column int    // from 1
	Path         string // like "incidents[0].kind"; "" if the error is not about a value
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

// A Pos is a position in a document. Save the position of a value while decoding, for
// errors that are found later.
type Pos struct {
	Line, Column int    // from 1
	Path         string // like "incidents[0].kind"
}

// PosOf returns the position of n.
func PosOf(n ast.Node) Pos {
	p := n.GetToken().Position
	return Pos{p.Line, p.Column, withoutRoot(n.GetPath())}
}

// withoutRoot removes the root from the path of a node, which begins with $.
func withoutRoot(path string) string { return strings.TrimPrefix(strings.TrimPrefix(path, "$"), ".") }

// Errorf returns an [*Error] with position p and without a file.
func (p Pos) Errorf(format string, args ...any) error {
	return &Error{Line: p.Line, Column: p.Column, Path: p.Path, Err: fmt.Errorf(format, args...)}
}

// InFile adds file to an error. If err wraps an [*Error], InFile returns the [*Error],
// with its File set if it was "". It converts an error of the YAML library to an
// [*Error], and adds file as a prefix to any other error. It returns nil for nil.
func InFile(file string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		if e.File == "" {
			e.File = file
		}
		return e
	}
	var ye yaml.Error
	if errors.As(err, &ye) && ye.GetToken() != nil {
		p := ye.GetToken().Position
		return &Error{File: file, Line: p.Line, Column: p.Column, Err: errors.New(ye.GetMessage())}
	}
	return fmt.Errorf("%s: %w", file, err)
}

// A Raw is a part of a document whose decoding is deferred, like
// [encoding/json.RawMessage].
type Raw struct {
	Pos
	node ast.Node
}

// UnmarshalYAML saves n and its position.
func (r *Raw) UnmarshalYAML(n ast.Node) error {
	r.Pos, r.node = PosOf(n), n
	return nil
}

// Decode decodes the part into v. If the part is missing or null, v is unchanged.
// Errors contain file, the name of the document.
func (r Raw) Decode(file string, v any) error {
	if r.node == nil || r.node.Type() == ast.NullType {
		return nil
	}
	return InFile(file, DecodeNode(r.node, v))
}

// Has reports whether the part is a mapping that has the key.
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

// PosAt returns the position of the value at a path like "keys[0]" in the part. If the part has no
// such value, PosAt returns the position of the part.
func (r Raw) PosAt(path string) Pos {
	at, err := yaml.PathString("$." + path)
	if err != nil || r.node == nil {
		return r.Pos
	}
	n, err := at.FilterNode(r.node)
	if err != nil || n == nil {
		return r.Pos
	}
	return PosOf(n)
}

// PosAt returns the position of the value at a path like "fanout.origins[0]". If
// the document has no such value, PosAt returns the start of the document.
func PosAt(data []byte, path string) Pos {
	pos, ok := Lookup(data, path)
	if !ok {
		return Pos{Line: 1, Column: 1}
	}
	return pos
}

// Lookup returns the position of the value at a path like "fanout.origins[0]",
// and whether the document has such a value.
func Lookup(data []byte, path string) (Pos, bool) {
	file, err := parse(data)
	if err != nil {
		return Pos{}, false
	}
	at, err := yaml.PathString("$." + path)
	if err != nil {
		return Pos{}, false
	}
	n, err := at.FilterFile(file)
	if err != nil || n == nil {
		return Pos{}, false
	}
	pos := PosOf(n)
	pos.Path = path
	return pos, true
}

// FirstEmpty returns the position of the first empty value of a key, and whether the
// document has an empty value. It does not search inside the values of keys named
// except, where an empty value has a meaning.
func FirstEmpty(data []byte, except string) (Pos, bool) {
	file, err := parse(data)
	if err != nil {
		return Pos{}, false
	}
	f := &emptyFinder{except: except}
	for _, doc := range file.Docs {
		ast.Walk(f, doc.Body)
	}
	return f.pos, f.found
}

// An emptyFinder is an [ast.Visitor] that finds the first empty value.
type emptyFinder struct {
	except string
	pos    Pos
	found  bool
}

// Visit implements [ast.Visitor].
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
