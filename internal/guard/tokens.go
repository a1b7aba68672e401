package guard

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

// Tokens holds the API tokens. A nil *Tokens has no tokens.
type Tokens struct{ list []Token }

// A Token is an API token in the file of tokens. The file contains only the hash of the token.
type Token struct {
	Name   string  `yaml:"name"`
	SHA256 string  `yaml:"sha256"` // of the token, in hexadecimal
	Scopes []Scope `yaml:"scopes"`
}

// Line returns the token's line in the file of tokens.
func (t *Token) Line() string {
	return fmt.Sprintf("  - {name: %q, sha256: %s, scopes: [%s]}", t.Name, t.SHA256, joined(t.Scopes))
}

// NewToken returns a new random token, and the entry for the token in the file of tokens.
func NewToken(name string, scopes ...Scope) (secret string, t Token) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	secret = "mw_" + base64.RawURLEncoding.EncodeToString(b[:])
	sum := sha256.Sum256([]byte(secret))
	return secret, Token{Name: name, SHA256: hex.EncodeToString(sum[:]), Scopes: scopes}
}

// LoadTokens returns the tokens in a file. If file is "", there is no file. all is an additional token that has all
// scopes. If all is "", there is no such token.
func LoadTokens(file, all string) (*Tokens, error) {
	t := &Tokens{}
	if all != "" {
		sum := sha256.Sum256([]byte(all))
		t.list = []Token{{Name: "MATCHWIRE_API_TOKEN", SHA256: hex.EncodeToString(sum[:]), Scopes: Scopes()}}
	}
	if file == "" {
		return t, nil
	}
	listed, err := readTokens(file)
	t.list = append(t.list, listed...)
	return t, err
}

// Changes returns how the tokens differ from those before, such as "added ops", ordered by name.
func (t *Tokens) Changes(before *Tokens) (changes []string) {
	list := func(t *Tokens) map[string]Token {
		byName := map[string]Token{}
		for _, one := range t.all() {
			byName[one.Name] = one
		}
		return byName
	}
	old, current := list(before), list(t)
	for name, token := range current {
		was, ok := old[name]
		switch {
		case !ok:
			changes = append(changes, "added "+name)
		case was.SHA256 != token.SHA256 || !slices.Equal(was.Scopes, token.Scopes):
			changes = append(changes, "changed "+name)
		}
		delete(old, name)
	}
	for name := range old {
		changes = append(changes, "removed "+name)
	}
	slices.Sort(changes)
	return changes
}

// readTokens reads and checks a file of tokens. Its errors contain names and scopes, but no other
// values from the file.
func readTokens(file string) ([]Token, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all struct {
		Tokens []Token `yaml:"tokens"`
	}
	if err := strictyaml.Decode(file, data, &all); err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for i, t := range all.Tokens {
		err := t.check()
		if err == nil && names[t.Name] {
			err = fmt.Errorf("name %q: another token has this name", t.Name)
		}
		if err != nil {
			return nil, strictyaml.InFile(file, strictyaml.PosAt(data, fmt.Sprintf("tokens[%d]", i)).Errorf("%w", err))
		}
		names[t.Name] = true
	}
	return all.Tokens, nil
}

// check returns an error if a member of the token is invalid.
func (t *Token) check() error {
	sum, err := hex.DecodeString(t.SHA256)
	switch {
	case t.Name == "":
		return errors.New("name: want a name, which logs and errors show")
	case err != nil || len(sum) != sha256.Size:
		return fmt.Errorf("sha256 of %s: want the 64 hexadecimal digits that matchwire token prints, not the token itself",
			t.Name)
	case len(t.Scopes) == 0:
		return fmt.Errorf("scopes of %s: want at least one of %s", t.Name, joined(Scopes()))
	}
	for _, s := range t.Scopes {
		if !slices.Contains(Scopes(), s) {
			return fmt.Errorf("scope %q of %s: want one of %s", s, t.Name, joined(Scopes()))
		}
	}
	return nil
}

// joined returns the scopes, separated by commas.
func joined(scopes []Scope) string {
	var all []string
	for _, s := range scopes {
		all = append(all, string(s))
	}
	return strings.Join(all, ", ")
}

// all returns all tokens. The caller must not change them.
func (t *Tokens) all() []Token {
	if t == nil {
		return nil
	}
	return t.list
}

// find returns the token with the given text, or nil if there is none. It compares the hash of the text with the
// hashes of all tokens, so that the response time reveals nothing about the tokens.
func (t *Tokens) find(text string) (found *Token) {
	all := t.all()
	sum := sha256.Sum256([]byte(text))
	hash := hex.EncodeToString(sum[:])
	for i := range all {
		if subtle.ConstantTimeCompare([]byte(strings.ToLower(all[i].SHA256)), []byte(hash)) == 1 {
			found = &all[i]
		}
	}
	return found
}

// bearer returns the token in the header Authorization of a request, or a *[Denied] that says how to get one with the
// scope s.
func (t *Tokens) bearer(r *http.Request, s Scope) (*Token, error) {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), bearerPrefix)
	if found := t.find(given); ok && found != nil {
		return found, nil
	}
	text := "want an API token: Authorization: Bearer TOKEN"
	if ok {
		text = "this server does not know the API token"
	}
	return nil, &Denied{http.StatusUnauthorized, fmt.Sprintf("%s; on the server, matchwire token NAME %s creates one and "+
		"shows the lines for the file that api_tokens in the config names", text, s)}
}

// allowToken returns nil if a request has a token with a scope, and otherwise a *[Denied]. A request without the header
// Authorization can have the cookie of a session instead.
func (g *Guard) allowToken(r *http.Request, s Scope) error {
	if s == Change && !g.AcceptsTokens() {
		return noTokens()
	}
	found, err := g.Tokens.bearer(r, s)
	if r.Header.Get("Authorization") == "" {
		if session := g.sessionToken(r); session != nil {
			found, err = session, nil
		}
	}
	switch {
	case err != nil:
		return err
	case !found.has(s):
		return found.lacks(s)
	}
	return nil
}

// noTokens returns the error of a server that has no API tokens.
func noTokens() error {
	return &Denied{http.StatusForbidden, "this server accepts no changes: start it with MATCHWIRE_API_TOKEN, or with " +
		"api_tokens in the config"}
}

// lacks returns the error for a token without a scope.
func (t *Token) lacks(s Scope) error {
	return &Denied{http.StatusForbidden, fmt.Sprintf("the API token %s has the scopes %s: want %s", t.Name,
		joined(t.Scopes), s)}
}

// has reports whether a token has a scope, or has another scope that includes it.
func (t *Token) has(s Scope) bool {
	return slices.Contains(t.Scopes, s) || slices.Contains(t.Scopes, Change) && s == Operate ||
		slices.Contains(t.Scopes, Operate) && (s == Read || s == Metrics)
}
