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

// A secret is a password, a token, or a URL that contains one. The config has the text itself,
// {file: NAME} for a file that holds it, or {env: NAME} for an environment variable. No error shows
// it.
type secret struct {
	text, file, env string
	pos             strictyaml.Pos
	missing         string // its name, if the config does not have it
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

// at returns the secret. If the config does not have it, value reports that name is missing in the
// mapping at pos.
func (s secret) at(pos strictyaml.Pos, name string) secret {
	if s.pos.Line == 0 {
		s.pos = pos
		s.missing = name
	}
	return s
}

// value returns the secret's text, without spaces around it.
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

// secrets are the texts that must not appear in an error, the longest first.
type secrets []string

// minSecret is the shortest text that counts as a secret. A shorter one would also hide words.
const minSecret = 5

// newSecrets returns the parts of a URL that may be secret (its user, path and query) and other
// texts, in every form in which a service may repeat them. The URL may be nil.
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

// redact replaces the secrets in a text.
func (s secrets) redact(text string) string {
	for _, one := range s {
		text = strings.ReplaceAll(text, one, "***")
	}
	return text
}

// words returns a service's text for use in an error: in one line of at most 200 characters, without
// the secrets.
func (s secrets) words(text string) string {
	return Cut(s.redact(strings.Join(strings.Fields(Clean(text)), " ")), 200)
}
