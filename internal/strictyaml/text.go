package strictyaml

import "github.com/goccy/go-yaml/ast"

// A Text is a string with its position in the document, for errors that are found after
// decoding.
type Text struct {
	Value string
	Pos   Pos
}

// UnmarshalYAML decodes a string and saves its position.
func (t *Text) UnmarshalYAML(n ast.Node) error {
	t.Pos = PosOf(n)
	return DecodeNode(n, &t.Value)
}
