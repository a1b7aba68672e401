package strictyaml

import (
	"os"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/internal/environ"
)

// A Secret is a string that must not appear in logs and errors, such as a password. The document
// contains the string itself, {file: NAME} for the content of a file, or {env: NAME} for an
// environment variable. Errors do not show the string.
type Secret struct {
	text, file, env string
	Pos             Pos // zero if the document does not have the secret
}

// UnmarshalYAML decodes one of the three forms. A number or a boolean counts as a string.
func (s *Secret) UnmarshalYAML(n ast.Node) error {
	s.Pos = PosOf(n)
	wrong := s.Pos.Errorf("want a string, {file: NAME} or {env: NAME}")
	switch n.Type() {
	case ast.StringType, ast.LiteralType:
		return DecodeNode(n, &s.text)
	case ast.IntegerType, ast.FloatType, ast.BoolType:
		s.text = n.GetToken().Value
		return nil
	case ast.MappingType, ast.MappingValueType:
		var from struct {
			File string `yaml:"file"`
			Env  string `yaml:"env"`
		}
		if DecodeNode(n, &from) != nil || (from.File == "") == (from.Env == "") {
			return wrong
		}
		s.file, s.env = from.File, from.Env
		return nil
	}
	return wrong
}

// IsSet reports whether the document has the secret.
func (s Secret) IsSet() bool { return s.Pos.Line > 0 }

// Reference returns "file NAME" or "environment variable NAME", or "" if the document contains the
// text itself.
func (s Secret) Reference() string {
	switch {
	case s.file != "":
		return "file " + s.file
	case s.env != "":
		return "environment variable " + s.env
	}
	return ""
}

// Literal returns the text in the document. It is "" for a reference.
func (s Secret) Literal() string { return s.text }

// Value returns the text of the secret, without white space around it. path returns the path of a file
// that the document names. Value returns an error if the text is empty or cannot be read.
func (s Secret) Value(path func(string) string) (string, error) {
	value, from := s.text, "the text"
	switch {
	case s.file != "":
		from = s.Reference()
		b, err := os.ReadFile(path(s.file))
		if err != nil {
			return "", s.Pos.Errorf("%w", err)
		}
		value = string(b)
	case s.env != "":
		from = s.Reference()
		value = environ.Get(s.env)
	}
	if value = strings.TrimSpace(value); value == "" {
		return "", s.Pos.Errorf("%s is empty", from)
	}
	return value, nil
}

// EnvNames returns the names of the environment variables that a document refers to as {env: NAME}. If
// the document is not valid YAML, EnvNames returns nil.
func EnvNames(data []byte) []string {
	file, err := parse(data)
	if err != nil {
		return nil
	}
	names := &envFinder{}
	for _, doc := range file.Docs {
		if doc.Body != nil {
			ast.Walk(names, doc.Body)
		}
	}
	return names.found
}

type envFinder struct{ found []string }

// Visit implements [ast.Visitor].
func (f *envFinder) Visit(n ast.Node) ast.Visitor {
	if v, ok := n.(*ast.MappingValueNode); ok && v.Key.GetToken().Value == "env" {
		if name, ok := v.Value.(*ast.StringNode); ok {
			f.found = append(f.found, name.Value)
		}
	}
	return f
}
