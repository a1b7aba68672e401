package access_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/fanout/access"
)

// The keys of the process that FuzzTokens attacks: a secret, and a key pair.
var (
	tokenSecret  = []byte("a secret of more than thirty-two bytes")
	tokenPrivate = ed25519.NewKeyFromSeed([]byte("a seed of exactly thirty-two by."))
	tokenPublic  = tokenPrivate.Public().(ed25519.PublicKey)
)

// The ways in which FuzzTokens signs a token.
const (
	signNot       = iota // with the given text instead of a signature
	signSecret           // HMAC with the secret
	signPrivate          // Ed25519 with the private key
	signPublic           // HMAC with the public key, which everyone knows
	signOther            // HMAC with another secret
	signPrefix           // HMAC with the secret, of the header only
	signatureWays        // number of ways
)

// signed returns a token with a header, claims and a signature that was made in one of the ways.
func signed(header, claims, text string, way int) string {
	b64 := base64.RawURLEncoding.EncodeToString
	unsigned := b64([]byte(header)) + "." + b64([]byte(claims))
	mac := func(key []byte, text string) string {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return b64(h.Sum(nil))
	}
	switch way {
	case signSecret:
		return unsigned + "." + mac(tokenSecret, unsigned)
	case signPrivate:
		return unsigned + "." + b64(ed25519.Sign(tokenPrivate, []byte(unsigned)))
	case signPublic:
		return unsigned + "." + mac(tokenPublic, unsigned)
	case signOther:
		return unsigned + "." + mac(append([]byte("x"), tokenSecret...), unsigned)
	case signPrefix:
		return unsigned + "." + mac(tokenSecret, b64([]byte(header)))
	}
	return unsigned + "." + text
}

// A tokenBody holds the claims that FuzzTokens itself reads in a token.
type tokenBody struct {
	Exp    *json.Number    `json:"exp"`
	Nbf    *json.Number    `json:"nbf"`
	Iat    *json.Number    `json:"iat"`
	Iss    string          `json:"iss"`
	Aud    json.RawMessage `json:"aud"`
	Topics []string        `json:"topics"`
	Match  []string        `json:"match"`
	Team   []string        `json:"team"`
}

// authentic reads a token without the package jwt. It returns the claims, or the reason why a
// process with the keys above must refuse the token.
func authentic(token string, now time.Time) (b tokenBody, reason string) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return b, "a token has three parts"
	}
	var raw [3][]byte
	for i, p := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.DecodeString(p); err != nil {
			return b, err.Error()
		}
	}
	var head map[string]any
	if err := json.Unmarshal(raw[0], &head); err != nil {
		return b, err.Error()
	}
	unsigned := []byte(parts[0] + "." + parts[1])
	mac := hmac.New(sha256.New, tokenSecret)
	mac.Write(unsigned)
	id, hasID := head["kid"]
	switch {
	case head["crit"] != nil:
		return b, "the token requires extensions"
	case head["alg"] == "HS256" && hmac.Equal(raw[2], mac.Sum(nil)) && (!hasID || id == "" || id == "one"):
	case head["alg"] == "EdDSA" && ed25519.Verify(tokenPublic, unsigned, raw[2]):
	default:
		return b, fmt.Sprintf("no key has made this signature with the algorithm %q and the key ID %q", head["alg"], id)
	}
	if err := json.Unmarshal(raw[1], &b); err != nil {
		return b, err.Error()
	}
	seconds := func(n *json.Number) float64 {
		f, _ := n.Float64() // a number that is too large is infinite
		return f
	}
	at := float64(now.Unix())
	var one string
	var several []string
	audience := json.Unmarshal(b.Aud, &one) == nil && one == "scores" ||
		json.Unmarshal(b.Aud, &several) == nil && slices.Contains(several, "scores")
	switch {
	case b.Exp == nil || seconds(b.Exp) < at-1:
		return b, "the token has expired or has no expiry"
	case b.Nbf != nil && seconds(b.Nbf) > at+1, b.Iat != nil && seconds(b.Iat) > at+1:
		return b, "the token is not valid yet"
	case b.Iss != "club" || !audience:
		return b, "the token has the wrong issuer or audience"
	case b.Topics == nil && b.Match == nil && b.Team == nil:
		return b, "the token does not say what it allows"
	}
	return b, ""
}

// FuzzTokens sends any token, in the header or in the query. It checks that Verify accepts a token
// only if the owner of a key has signed exactly its header and claims, and the policy allows them,
// and that Verify then returns these claims. The error texts do not quote the token.
func FuzzTokens(f *testing.F) {
	const hs, ed = `{"alg":"HS256","typ":"JWT"}`, `{"alg":"EdDSA","typ":"JWT"}`
	const good = `{"exp":4102444800,"iss":"club","aud":"scores","topics":["soccer.#"],"match":["m1"],"team":["A"]}`
	for _, t := range []struct {
		header, claims, text string
		way                  byte
	}{
		{hs, good, "", signSecret}, {ed, good, "", signPrivate}, {hs, good, "", signPublic}, {hs, good, "", signOther},
		{hs, good, "", signPrefix}, {ed, good, "", signSecret}, {hs, good, "", signPrivate},
		{`{"alg":"none"}`, good, "", signNot}, {`{"alg":"None"}`, good, "", signSecret},
		{`{"alg":"HS512"}`, good, "", signSecret},
		{`{"alg":"HS256","kid":"one"}`, good, "", signSecret}, {`{"alg":"HS256","kid":"two"}`, good, "", signSecret},
		{`{"alg":"EdDSA","kid":"one"}`, good, "", signPrivate}, {`{"alg":"HS256","alg":"EdDSA"}`, good, "", signPrivate},
		{`{"ALG":"HS256"}`, good, "", signSecret}, {`{"alg":"HS256","crit":["x"],"kid":7}`, good, "", signSecret},
		{hs, `{"exp":1,"iss":"club","aud":"scores","topics":["#"]}`, "", signSecret},
		{hs, `{"exp":1e300,"iss":"club","aud":["x","scores"],"topics":["#"]}`, "", signSecret},
		{hs, `{"exp":4102444800,"nbf":4102444800,"iss":"club","aud":"scores","topics":["#"]}`, "", signSecret},
		{hs, `{"exp":4102444800,"nbf":1e300,"iat":-1e300,"iss":"club","aud":"scores","topics":["#"]}`, "", signSecret},
		{hs, `{"exp":"4102444800","iss":"club","aud":"scores","topics":["#"]}`, "", signSecret},
		{hs, `{"exp":4102444800,"EXP":1,"iss":"club","aud":"scores","topics":[],"match":null}`, "", signSecret},
		{hs, `{"exp":4102444800,"iss":"club","aud":"scores"}`, "", signSecret}, {hs, "null", "", signSecret},
	} {
		f.Add(t.header, t.claims, t.text, t.way, "Bearer ")
	}
	f.Add("", "", "", byte(signNot), signed(hs, good, "", signSecret))
	b64 := base64.RawURLEncoding.EncodeToString
	file := filepath.Join(f.TempDir(), "keys")
	keySet := fmt.Sprintf(`{"keys":[{"kty":"oct","kid":"one","k":%q},{"kty":"OKP","crv":"Ed25519","x":%q}]}`,
		b64(tokenSecret), b64(tokenPublic))
	if err := os.WriteFile(file, []byte(keySet), 0o600); err != nil {
		f.Fatal(err)
	}
	policy := access.Policy{Issuer: "club", Audience: "scores"}
	keys, err := access.LoadKeys(file, policy)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header, claims, text string, way byte, prefix string) {
		token := signed(header, claims, text, int(way)%signatureWays)
		inHeader := httptest.NewRequest(http.MethodGet, "/ws", nil)
		inHeader.Header["Authorization"] = []string{prefix + token}
		inQuery := httptest.NewRequest(http.MethodGet, "/ws", nil)
		inQuery.URL.RawQuery = "token=" + url.QueryEscape(token) + "&" + prefix
		anything := httptest.NewRequest(http.MethodGet, "/ws", nil)
		anything.Header["Authorization"] = []string{prefix}
		anything.URL.RawQuery = prefix
		for _, r := range []*http.Request{inHeader, inQuery, anything} {
			given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if !ok {
				given = r.URL.Query().Get("token")
			}
			now := time.Now()
			got, err := keys.Verify(r)
			want, reason := authentic(given, now)
			switch {
			case err != nil && given != "" && strings.Contains(err.Error(), given) && len(given) > 20:
				t.Errorf("token %q: the error quotes it: %v", given, err)
			case err == nil && reason != "":
				t.Errorf("token %q with the signature %d: Verify accepts it, but %s", given, way, reason)
			case err == nil:
				topics := want.Topics
				if slices.Contains(topics, "#") {
					topics = nil
				}
				if !slices.Equal(got.Topics, topics) || !slices.Equal(got.Match, want.Match) ||
					!slices.Equal(got.Team, want.Team) || !got.Expires.After(now) {
					t.Errorf("token %q: claims %+v, want those of the token: %+v", given, got, want)
				}
			}
		}
		// The signature of the owner of a key makes well-formed claims valid.
		if way%signatureWays == signSecret && header == hs && claims == good {
			if _, err := keys.Verify(inQuery); err != nil && prefix != "Bearer " && !strings.Contains(prefix, "token") {
				t.Errorf("Verify refuses a valid token: %v", err)
			}
		}
	})
}
