package strictyaml

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// explain converts an error of the YAML library about a value in roots to an [*Error] that suggests
// a correction. v is the decoded value at path. explain returns other errors unchanged.
func explain(err error, v any, path string, roots ...ast.Node) error {
	var positioned *Error
	var fault yaml.Error
	if errors.As(err, &positioned) || !errors.As(err, &fault) || fault.GetToken() == nil {
		return err
	}
	p := fault.GetToken().Position
	at := Pos{Line: p.Line, Column: p.Column}
	if n := nodeAt(at, roots); n != nil {
		at = PosOf(n)
	}
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) {
		parent, key := at.Path[:max(0, strings.LastIndex(at.Path, "."))], fault.GetToken().Value
		return &Error{Line: at.Line, Column: at.Column, at: at.Path, // no Path: the message has the key
			Err: fmt.Errorf("%s%s", fault.GetMessage(), knownKeys(key, v, relative(parent, path)))}
	}
	return at.Errorf("%s", message(fault, typeAt(reflect.TypeOf(v), relative(at.Path, path))))
}

// relative returns path relative to base. base begins with $, and path does not.
func relative(path, base string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, withoutRoot(base)), ".")
}

// A nodeFinder is an [ast.Visitor] that finds the first node at a position.
type nodeFinder struct {
	at    Pos
	found ast.Node
}

// Visit implements [ast.Visitor].
func (f *nodeFinder) Visit(n ast.Node) ast.Visitor {
	if f.found != nil {
		return nil
	}
	if p := n.GetToken().Position; p.Line == f.at.Line && p.Column == f.at.Column {
		f.found = n
		return nil
	}
	return f
}

// nodeAt returns the outermost node at a position, or nil.
func nodeAt(at Pos, roots []ast.Node) ast.Node {
	f := &nodeFinder{at: at}
	for _, n := range roots {
		if n != nil {
			ast.Walk(f, n)
		}
	}
	return f.found
}

// message returns the message of an error about a value in terms of YAML, without Go's type names. t is
// the type that the value should have, or nil if it is unknown.
func message(e yaml.Error, t reflect.Type) string {
	value := e.GetToken().Value
	var misplaced *yaml.UnexpectedNodeTypeError
	if errors.As(e, &misplaced) {
		scalar := misplaced.Actual != ast.MappingType && misplaced.Actual != ast.SequenceType
		switch {
		case misplaced.Expected == ast.SequenceType && scalar && strings.HasPrefix(value, "-"):
			return "want a list: put a space after each -"
		case misplaced.Expected == ast.SequenceType && scalar && isTextList(t):
			return fmt.Sprintf("want a list: write [%s]", strings.Trim(value, "[]"))
		case misplaced.Expected == ast.SequenceType:
			return "want a list, such as [a, b]"
		case misplaced.Expected == ast.MappingType && scalar && strings.Contains(value, ":"):
			return "want keys with values: put a space after the colon"
		case misplaced.Expected == ast.MappingType:
			return "want keys with values, such as {key: value}"
		}
		return e.GetMessage()
	}
	_, kind, ok := strings.Cut(e.GetMessage(), " of type ")
	if !ok || !strings.HasPrefix(e.GetMessage(), "cannot unmarshal") {
		return remedy(e.GetMessage(), "", "")
	}
	want := map[string]string{"bool": "true or false", "string": "a string", "int": "a number"}[kind]
	switch {
	case want == "":
		want = "a different type of value"
	case value == "[":
		return "want " + want + ", not a list"
	case value == "{":
		return "want " + want + ", not keys with values"
	}
	return fmt.Sprintf("%q: want %s", value, want)
}

// isTextList reports whether t is a list of texts that are not secrets.
func isTextList(t reflect.Type) bool {
	return t != nil && t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String
}
