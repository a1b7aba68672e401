package send

import (
	"net/url"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/internal/redact"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// A secret is a password, a token, or a URL that contains either.
type secret struct {
	strictyaml.Secret
	pos     strictyaml.Pos
	missing string // the name of the setting, if the config lacks it
}

// UnmarshalYAML decodes one of the forms of [strictyaml.Secret].
func (s *secret) UnmarshalYAML(n ast.Node) error {
	s.pos = strictyaml.PosOf(n)
	return s.Secret.UnmarshalYAML(n)
}

// at returns a copy of s. If the config lacks the secret, the copy's value method returns the error
// "<name> is missing", with the position pos.
func (s secret) at(pos strictyaml.Pos, name string) secret {
	if !s.IsSet() {
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
	return s.Value(h.Input)
}

// secrets holds texts that must not appear in an error.
type secrets struct{ redact.Secrets }

// newSecrets returns others and the parts of u that may be secret: user, password, path and query. u
// may be nil.
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
	return secrets{redact.New(parts...)}
}

// errorText returns a service's text for use in an error: on one line, with at most 200 characters and
// without secrets.
func (s secrets) errorText(text string) string {
	return Cut(s.Redact(strings.Join(strings.Fields(Clean(text)), " ")), 200)
}
