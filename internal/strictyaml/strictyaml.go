// Package strictyaml decodes YAML that people write by hand. It refuses unknown
// keys, and its errors contain the position of the invalid value.
package strictyaml

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Decode decodes a document in UTF-8 into v. It reports all values that it cannot decode, as [All] does, with file as
// the name of the document. The values that it could decode are then in v.
func Decode(file string, data []byte, v any) error {
	data, err := utf8Text(data)
	if err != nil {
		return InFile(file, err)
	}
	before := copyOf(v)
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
	err = explain(err, v, "$", roots...)
	if len(roots) != 1 || roots[0] == nil {
		return InFile(file, err)
	}
	return All(file, decodeParts(roots[0], v, before, err))
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
	return &Error{Line: p.Line, Column: p.Column, Path: p.Path, at: p.Path, Err: fmt.Errorf(format, args...)}
}

// Missingf is like [Pos.Errorf] for an error that a missing value causes. [All] omits it if a value of the document
// could not be decoded, because that value may be the missing one.
func (p Pos) Missingf(format string, args ...any) error {
	return &Error{Line: p.Line, Column: p.Column, Path: p.Path, at: p.Path, missing: true,
		Err: fmt.Errorf(format, args...)}
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

// Decode decodes the part into v. If the part is missing or null, v is unchanged. Errors are like those of the function
// [Decode].
func (r Raw) Decode(file string, v any) error {
	if r.node == nil || r.node.Type() == ast.NullType {
		return nil
	}
	before := copyOf(v)
	err := DecodeNode(r.node, v)
	if err == nil {
		return nil
	}
	return All(file, decodeParts(r.node, v, before, err))
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
