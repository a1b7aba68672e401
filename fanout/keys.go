package fanout

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/matchwire/matchwire/internal/renewed"
)

const (
	minSecret  = 32 // bytes, as RFC 7518 section 3.2 has it for HS256
	lookAtKeys = 10 * time.Second
)

// Keys are what clients' tokens are signed with, from a file: a JWK set, Ed25519
// public keys as PEM, or one secret of at least 32 bytes for HS256. A file that
// changes is read again.
type Keys struct{ file *renewed.File[[]key] }

type key struct {
	id     string
	secret []byte            // of HS256, or
	public ed25519.PublicKey // of EdDSA
}

// LoadKeys reads a file of keys. Its errors hold none.
func LoadKeys(file string, log *slog.Logger) (*Keys, error) {
	f, err := renewed.Open(file, lookAtKeys, log, func() ([]key, error) {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		keys, err := parseKeys(bytes.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		return keys, nil
	})
	if err != nil {
		return nil, err
	}
	return &Keys{f}, nil
}

func parseKeys(text []byte) ([]key, error) {
	switch {
	case bytes.HasPrefix(text, []byte("{")):
		return parseJWKs(text)
	case bytes.HasPrefix(text, []byte("-----BEGIN")):
		return parsePEM(text)
	case len(text) < minSecret:
		return nil, fmt.Errorf("a secret of %d bytes: want at least %d", len(text), minSecret)
	}
	return []key{{secret: text}}, nil
}

func parseJWKs(text []byte) (all []key, err error) {
	var set struct {
		Keys []struct{ Kty, Kid, K, Crv, X string }
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("not a JWK set") // the error would quote it
	}
	for i, j := range set.Keys {
		one := key{id: j.Kid}
		switch {
		case j.Kty == "oct":
			if one.secret, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(j.K, "=")); err != nil || len(one.secret) < minSecret {
				return nil, fmt.Errorf("key %d: k: want at least %d bytes as base64url", i+1, minSecret)
			}
		case j.Kty == "OKP" && j.Crv == "Ed25519":
			if one.public, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(j.X, "=")); err != nil || len(one.public) != ed25519.PublicKeySize {
				return nil, fmt.Errorf("key %d: x: want the %d bytes of an Ed25519 key as base64url", i+1, ed25519.PublicKeySize)
			}
		default:
			return nil, fmt.Errorf("key %d: kty %q, crv %q: want oct, or OKP with Ed25519", i+1, j.Kty, j.Crv)
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return nil, errors.New("no keys in it")
	}
	return all, nil
}

func parsePEM(text []byte) (all []key, err error) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			if len(all) == 0 {
				return nil, errors.New("no PEM block in it")
			}
			return all, nil
		}
		text = rest
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		public, ok := parsed.(ed25519.PublicKey)
		if err != nil || !ok {
			return nil, fmt.Errorf("PEM block %d, %s: want the PUBLIC KEY of Ed25519", len(all)+1, block.Type)
		}
		all = append(all, key{public: public})
	}
}

// claims are what a token says: until when, and what its holder may see. Lists
// that are missing bound nothing.
type claims struct {
	jwt.RegisteredClaims
	Topics []string `json:"topics"`
	Match  []string `json:"match"`
	Team   []string `json:"team"`
}

// check verifies a token. It must say when it expires.
func (k *Keys) check(token string) (may *wants, expires time.Time, err error) {
	if token == "" {
		return nil, expires, errors.New("a token is wanted: Authorization: Bearer …, or ?token=…")
	}
	var c claims
	_, err = jwt.ParseWithClaims(token, &c, k.of, jwt.WithExpirationRequired(), jwt.WithValidMethods([]string{"HS256", "EdDSA"}))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return nil, expires, errors.New("the token's time is over")
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return nil, expires, errors.New("the token has no exp")
	case err != nil:
		return nil, expires, errors.New("the token is not valid") // the error may quote it
	}
	for name, l := range map[string][]string{"topics": c.Topics, "match": c.Match, "team": c.Team} {
		if l != nil && len(l) == 0 {
			return nil, expires, fmt.Errorf("the token's claims: %s: nothing is in it", name)
		}
	}
	w := wants{Topics: c.Topics, Match: c.Match, Team: c.Team}
	if err := w.check(); err != nil {
		return nil, expires, fmt.Errorf("the token's claims: %w", err)
	}
	if w.empty() {
		return nil, c.ExpiresAt.Time, nil
	}
	return &w, c.ExpiresAt.Time, nil
}

// of finds the keys that may have signed a token.
func (k *Keys) of(t *jwt.Token) (any, error) {
	var set jwt.VerificationKeySet
	id, _ := t.Header["kid"].(string)
	for _, one := range k.file.Value() {
		switch {
		case id != "" && one.id != "" && id != one.id:
		case t.Method.Alg() == "HS256" && one.secret != nil:
			set.Keys = append(set.Keys, one.secret)
		case t.Method.Alg() == "EdDSA" && one.public != nil:
			set.Keys = append(set.Keys, one.public)
		}
	}
	if len(set.Keys) == 0 {
		return nil, errors.New("no such key")
	}
	return set, nil
}

// bearer is the token that a request brings. A browser can set no header of a
// WebSocket.
func bearer(r *http.Request, q url.Values) string {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return token
	}
	return q.Get("token")
}
