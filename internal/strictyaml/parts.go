package strictyaml

import (
	"errors"
	"reflect"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// maxPasses is the maximum number of times that decodeParts decodes a document.
const maxPasses = 60

// copyOf returns a shallow copy of the value that v points to.
func copyOf(v any) reflect.Value {
	saved := reflect.New(reflect.TypeOf(v).Elem()).Elem()
	saved.Set(reflect.ValueOf(v).Elem())
	return saved
}

// decodeParts is called after decoding root into v has failed with err. It decodes root without the values that cannot
// be decoded, and returns an error for each of them. before is the value of v before decoding.
func decodeParts(root ast.Node, v any, before reflect.Value, err error) error {
	var found []error
	var restores []func()
	defer func() {
		for _, restore := range restores {
			restore()
		}
	}()
	for range maxPasses {
		found = append(found, err)
		var e *Error
		if !errors.As(err, &e) {
			break
		}
		e.undecoded = true
		restore := remove(root, e)
		if restore == nil {
			break
		}
		restores = append([]func(){restore}, restores...)
		reflect.ValueOf(v).Elem().Set(before)
		err = explain(safely(func() error { return yaml.NodeToValue(root, v, yaml.Strict()) }), v, root.GetPath(), root)
		if err == nil {
			break
		}
	}
	return errors.Join(found...)
}

// Decoded reports whether [Decode], which returned err, could decode the document, possibly without some values. It
// could not if the document is not valid YAML.
func Decoded(err error) bool {
	for _, one := range Mistakes(err) {
		var e *Error
		if !errors.As(one, &e) || !e.undecoded {
			return false
		}
	}
	return true
}

// remove removes the value that e is about from root: a key with its value from a mapping, or an element of a list,
// which becomes null. restore undoes this. It is nil if there is no such value.
func remove(root ast.Node, e *Error) (restore func()) {
	f := &partFinder{fault: e}
	ast.Walk(f, root)
	return f.restore
}

// A partFinder is an [ast.Visitor] that removes the value that an error is about.
type partFinder struct {
	fault   *Error
	restore func()
}

// Visit implements [ast.Visitor].
func (f *partFinder) Visit(n ast.Node) ast.Visitor {
	if f.restore != nil {
		return nil
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		for i, kv := range n.Values {
			if !f.isAbout(kv.Value) && !f.isAbout(kv.Key) {
				continue
			}
			values := n.Values
			n.Values = append(append([]*ast.MappingValueNode{}, values[:i]...), values[i+1:]...)
			f.restore = func() { n.Values = values }
			return nil
		}
	case *ast.SequenceNode:
		for i, value := range n.Values {
			if value.Type() == ast.NullType || !f.isAbout(value) {
				continue
			}
			null := ast.Null(value.GetToken())
			null.SetPath(value.GetPath())
			n.Values[i] = null
			f.restore = func() { n.Values[i] = value }
			return nil
		}
	}
	return f
}

// isAbout reports whether the error is about the node n: it has its path, or, without a path, its position.
func (f *partFinder) isAbout(n ast.Node) bool {
	if f.fault.at != "" {
		return withoutRoot(n.GetPath()) == f.fault.at
	}
	p := n.GetToken().Position
	return p.Line == f.fault.Line && p.Column == f.fault.Column
}

// CheckEmpty returns an error for each empty value of a key. hint is the end of the errors. CheckEmpty does not search
// inside the values of keys named except, where an empty value has a meaning.
func CheckEmpty(data []byte, except, hint string) error {
	file, err := parse(data)
	if err != nil {
		return nil // Decode returns the error
	}
	f := &emptyFinder{except: except, hint: hint}
	for _, doc := range file.Docs {
		if doc.Body != nil {
			ast.Walk(f, doc.Body)
		}
	}
	return errors.Join(f.found...)
}

// An emptyFinder is an [ast.Visitor] that finds empty values.
type emptyFinder struct {
	except, hint string
	found        []error
}

// Visit implements [ast.Visitor].
func (f *emptyFinder) Visit(n ast.Node) ast.Visitor {
	kv, ok := n.(*ast.MappingValueNode)
	if !ok {
		return f
	}
	if kv.Value.Type() == ast.NullType {
		pos := PosOf(kv.Value)
		f.found = append(f.found, &Error{Line: pos.Line, Column: pos.Column, Path: pos.Path, at: pos.Path, undecoded: true,
			Err: errors.New("the value is empty " + f.hint)})
	}
	if kv.Key.String() == f.except {
		return nil
	}
	return f
}
