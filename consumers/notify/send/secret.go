package send

import (
	"encoding/base64"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// A secret is a password, a token, or a URL that contains either. The config contains the text itself,
// {file: NAME} for the content of a file, or {env: NAME} for an environment variable. Errors do not
// show the text.
type secret struct {
	text, file, env string
	pos             strictyaml.Pos
	missing         string // the name of the setting, if the config lacks it
}

// UnmarshalYAML decodes one of the three forms.
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

// at returns a copy of s. If the config lacks the secret, value of the copy returns an error that name
// is missing in the mapping at pos.
func (s secret) at(pos strictyaml.Pos, name string) secret {
	if s.pos.Line == 0 {
		s.pos = pos
		s.missing = name
	}
	return s
}

// value returns the text of the secret, without spaces around it. It returns an error if the text is
// missing or empty.
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

// secrets are texts that must not appear in an error, the longest first.
type secrets []string

// minSecret is the length in bytes of the shortest text that is redacted. Redacting a shorter text would
// also hide ordinary words.
const minSecret = 5

// newSecrets returns others and the parts of u that may be secret: user, password, path and query. Each
// text is included in all encodings that a service may use. u may be nil.
func newSecrets(u *url.URL, others ...string) secrets {
	parts := others
	if u != nil {
		password, _ := u.User.Password()
		parts = append(parts, u.User.Username(), password, strings.TrimPrefix(u.Path, "/"), u.RawQuery)
		parts = append(parts, strings.Split(u.Path, "/")...)
		for _, values := range u.Query() {
			parts = append(parts, values...)
		}
	}
	var all secrets
	for _, p := range parts {
		if len(p) < minSecret {
			continue
		}
		all = append(all, p, url.QueryEscape(p), url.PathEscape(p),
			base64.StdEncoding.EncodeToString([]byte(p)), base64.URLEncoding.EncodeToString([]byte(p)))
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(all)
}

// redact replaces each secret in text with ***.
func (s secrets) redact(text string) string {
	for _, one := range s {
		text = strings.ReplaceAll(text, one, "***")
	}
	return text
}

// errorText returns a service's text for use in an error: on one line, with at most 200 characters and
// without secrets.
func (s secrets) errorText(text string) string {
	return Cut(s.redact(strings.Join(strings.Fields(Clean(text)), " ")), 200)
}
