// Package access decides who may connect to the event streams: clients with a
// valid token, and pages of allowed origins.
package access

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
	"os"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/matchwire/matchwire/internal/reload"
)

const (
	minSecret    = 32               // bytes, for HS256: RFC 7518 section 3.2
	keysInterval = 10 * time.Second // between two looks at the file
)

// Keys verify the tokens of clients. They come from a file: a JWK set, Ed25519
// public keys as PEM, or one secret of at least 32 bytes for HS256. When the file
// changes it is read again.
type Keys struct{ file *reload.File[[]key] }

type key struct {
	id     string
	secret []byte            // of HS256, or
	public ed25519.PublicKey // of EdDSA
}

// LoadKeys reads a file of keys. Its errors contain no key.
func LoadKeys(file string, log *slog.Logger) (*Keys, error) {
	f, err := reload.Open(file, keysInterval, log, func() ([]key, error) {
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
		return nil, errors.New("not a JWK set") // err would quote the key
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

// Claims are what a token allows. An empty list allows everything.
type Claims struct {
	Topics, Match, Team []string
	Expires             time.Time
}

type tokenClaims struct {
	jwt.RegisteredClaims
	Topics []string `json:"topics"`
	Match  []string `json:"match"`
	Team   []string `json:"team"`
}

// Verify verifies the token of a request. A token without an expiry is not valid.
func (k *Keys) Verify(r *http.Request) (Claims, error) {
	token := bearer(r)
	if token == "" {
		return Claims{}, errors.New("a token is required: Authorization: Bearer …, or ?token=…")
	}
	var c tokenClaims
	_, err := jwt.ParseWithClaims(token, &c, k.candidates, jwt.WithExpirationRequired(), jwt.WithValidMethods([]string{"HS256", "EdDSA"}))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return Claims{}, errors.New("the token has expired")
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return Claims{}, errors.New("the token has no exp")
	case err != nil:
		return Claims{}, errors.New("the token is not valid") // err may quote it
	}
	for name, l := range map[string][]string{"topics": c.Topics, "match": c.Match, "team": c.Team} {
		if l != nil && len(l) == 0 {
			return Claims{}, fmt.Errorf("the token's claims: %s: the list is empty", name)
		}
	}
	return Claims{Topics: c.Topics, Match: c.Match, Team: c.Team, Expires: c.ExpiresAt.Time}, nil
}

// candidates returns the keys that may have signed a token.
func (k *Keys) candidates(t *jwt.Token) (any, error) {
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

// bearer returns the token of a request, "" if it has none. Browsers cannot set a
// header of a WebSocket, so the query may have it.
func bearer(r *http.Request) string {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return token
	}
	return r.URL.Query().Get("token")
}
