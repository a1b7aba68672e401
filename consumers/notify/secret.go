package notify

import (
	"os"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// A secret is a password, a token or a URL with one in it: the text itself,
// {file: NAME} for a file that holds it, or {env: NAME} for an environment
// variable. No error shows it.
type secret struct {
	text, file, env string
	pos             strictyaml.Pos
	missing         string // its name, where it is not there at all
}

// UnmarshalYAML reads one of the three forms.
func (s *secret) UnmarshalYAML(n ast.Node) error {
	s.pos = strictyaml.PosOf(n)
	wrong := s.pos.Errorf("want a text, {file: NAME} or {env: NAME}")
	switch n.Type() {
	case ast.StringType, ast.LiteralType:
		return strictyaml.DecodeNode(n, &s.text)
	case ast.MappingType, ast.MappingValueType:
		var from struct {
			File string `yaml:"file"`
			Env  string `yaml:"env"`
		}
		if strictyaml.DecodeNode(n, &from) != nil || (from.File == "") == (from.Env == "") {
			return wrong
		}
		s.file, s.env = from.File, from.Env
		return nil
	}
	return wrong
}

// at is the secret, or where it is not there, that it is missing in the mapping
// at pos, under that name.
func (s secret) at(pos strictyaml.Pos, name string) secret {
	if s.pos.Line == 0 {
		s.pos = pos
		s.missing = name
	}
	return s
}

// value is the secret.
func (s secret) value(h consumers.Host) (string, error) {
	if s.missing != "" {
		return "", s.pos.Errorf("%s is missing", s.missing)
	}
	value, from := s.text, "the text"
	switch {
	case s.file != "":
		from = "file " + s.file
		b, err := os.ReadFile(h.Path(s.file))
		if err != nil {
			return "", s.pos.Errorf("%w", err)
		}
		value = string(b)
	case s.env != "":
		from = "environment variable " + s.env
		value = os.Getenv(s.env)
	}
	if value = strings.TrimSpace(value); value == "" {
		return "", s.pos.Errorf("%s is empty", from)
	}
	return value, nil
}
