// Package access checks which clients may connect to the event streams. It verifies the tokens of
// clients and checks the origins of web pages.
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
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const minSecret = 32 // minimum length of a secret in bytes: RFC 7518 section 3.2 on HS256

// Keys verifies the tokens of clients. The keys come from a file, which contains a JWK set, Ed25519 public
// keys as PEM, or "secret:" and a secret of at least 32 bytes for HS256. Text without the prefix "secret:" is
// never used as a secret. Such text may be a public key in another format, and anyone could sign tokens with a
// public key that is used as a secret.
type Keys struct {
	keys   []key
	policy Policy
}

// A key has either a secret or a public key.
type key struct {
	id     string            // the kid of a JWK; "" if there is none
	secret []byte            // for HS256
	public ed25519.PublicKey // for EdDSA
}

// LoadKeys reads the keys from a file. Its errors name the file and contain no key.
func LoadKeys(file string, policy Policy) (*Keys, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(bytes.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &Keys{keys, policy}, nil
}

func parseKeys(text []byte) ([]key, error) {
	secret, isSecret := bytes.CutPrefix(text, []byte("secret:"))
	secret = bytes.TrimSpace(secret)
	switch {
	case bytes.HasPrefix(text, []byte("{")):
		return parseJWKs(text)
	case bytes.Contains(text, []byte("-----BEGIN")):
		return parsePEM(text)
	case !isSecret:
		return nil, errors.New(`unknown format: want a JWK set, Ed25519 public keys as PEM, ` +
			`or "secret:" and a secret of at least 32 bytes`)
	case len(secret) < minSecret:
		return nil, fmt.Errorf("a secret of %d bytes: want at least %d", len(secret), minSecret)
	}
	return []key{{secret: secret}}, nil
}

func parseJWKs(text []byte) (all []key, err error) {
	var set struct {
		Keys []struct{ Kty, Kid, Alg, Use, K, Crv, X string }
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("not a JWK set") // err may quote a key
	}
	for i, j := range set.Keys {
		one := key{id: j.Kid}
		alg := map[string]string{"oct": "HS256", "OKP": "EdDSA"}[j.Kty]
		switch {
		case j.Use != "" && j.Use != "sig":
			return nil, fmt.Errorf("key %d: use %q: want sig", i+1, j.Use)
		case alg != "" && j.Alg != "" && j.Alg != alg:
			return nil, fmt.Errorf("key %d: alg %q: want %s for kty %s", i+1, j.Alg, alg, j.Kty)
		case j.Kty == "oct":
			one.secret, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(j.K, "="))
			if err != nil || len(one.secret) < minSecret {
				return nil, fmt.Errorf("key %d: k: want at least %d bytes as base64url", i+1, minSecret)
			}
		case j.Kty == "OKP" && j.Crv == "Ed25519":
			one.public, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(j.X, "="))
			if err != nil || len(one.public) != ed25519.PublicKeySize {
				return nil, fmt.Errorf("key %d: x: want an Ed25519 public key of %d bytes as base64url", i+1, ed25519.PublicKeySize)
			}
		default:
			return nil, fmt.Errorf("key %d: kty %q, crv %q: want kty oct, or kty OKP with crv Ed25519", i+1, j.Kty, j.Crv)
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return nil, errors.New("the JWK set has no keys")
	}
	return all, nil
}

func parsePEM(text []byte) (all []key, err error) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			if len(all) == 0 {
				return nil, errors.New("no valid PEM block")
			}
			return all, nil
		}
		text = rest
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		public, ok := parsed.(ed25519.PublicKey)
		if err != nil || !ok {
			return nil, fmt.Errorf("PEM block %d, %s: want a PUBLIC KEY for Ed25519", len(all)+1, block.Type)
		}
		all = append(all, key{public: public})
	}
}

// Claims are the claims of a valid token. Each list limits the events that the client may receive.
// An empty list does not limit them.
type Claims struct {
	Topics  []string // topic patterns
	Match   []string // match IDs
	Team    []string // team names
	Expires time.Time
}

// Verify verifies the token of a request and returns its claims. A token is not valid if it has no
// expiry, or if the policy refuses it. The errors are written for the client, and do not quote the
// token.
func (k *Keys) Verify(r *http.Request) (Claims, error) {
	return k.VerifyToken(Bearer(r))
}

// VerifyToken is like [Keys.Verify], for the token of an earlier request.
func (k *Keys) VerifyToken(token string) (Claims, error) {
	if token == "" {
		return Claims{}, errors.New("a token is required: Authorization: Bearer …, or ?token=…")
	}
	var c tokenClaims
	_, err := jwt.ParseWithClaims(token, &c, k.candidates,
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithValidMethods([]string{"HS256", "EdDSA"}))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return Claims{}, errors.New("the token has expired")
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return Claims{}, errors.New("the token has no claim exp")
	case err != nil || !c.inRange():
		return Claims{}, errors.New("the token is not valid") // err may quote the token
	}
	for name, l := range map[string][]string{"topics": c.Topics, "match": c.Match, "team": c.Team} {
		if l != nil && len(l) == 0 {
			return Claims{}, fmt.Errorf("the claim %s of the token is an empty list: omit the claim to set no limit", name)
		}
	}
	if err := k.policy.check(&c); err != nil {
		return Claims{}, err
	}
	if slices.Contains(c.Topics, "#") {
		c.Topics = nil // all topics
	}
	return Claims{Topics: c.Topics, Match: c.Match, Team: c.Team, Expires: c.ExpiresAt.Time}, nil
}

// candidates returns the keys that match the algorithm and the key ID of a token. If the key or the
// token has no key ID, only the algorithm must match. A token with the header crit is refused, because
// RFC 7515 requires that of a receiver that does not know the extensions which crit lists.
func (k *Keys) candidates(t *jwt.Token) (any, error) {
	if _, ok := t.Header["crit"]; ok {
		return nil, errors.New("the token requires extensions")
	}
	var set jwt.VerificationKeySet
	given, ok := t.Header["kid"]
	id, isText := given.(string)
	if ok && !isText {
		return nil, errors.New("the key ID of the token is not a text")
	}
	for _, one := range k.keys {
		switch {
		case id != "" && one.id != "" && id != one.id:
		case t.Method.Alg() == "HS256" && one.secret != nil:
			set.Keys = append(set.Keys, one.secret)
		case t.Method.Alg() == "EdDSA" && one.public != nil:
			set.Keys = append(set.Keys, one.public)
		}
	}
	if len(set.Keys) == 0 {
		return nil, errors.New("no key for the token")
	}
	return set, nil
}

// Bearer returns the bearer token of a request, or "" if there is none. The token can also be in the
// query, because browsers cannot set headers of a WebSocket request.
func Bearer(r *http.Request) string {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return token
	}
	return r.URL.Query().Get("token")
}
