package strictyaml

import "github.com/goccy/go-yaml/ast"

// A Text is a string with its place in the document, for errors that are found after decoding.
type Text struct {
	Value string
	Place Place
}

// UnmarshalYAML reads a string.
func (t *Text) UnmarshalYAML(n ast.Node) error {
	t.Place = PlaceOf(n)
	return DecodeNode(n, &t.Value)
}
