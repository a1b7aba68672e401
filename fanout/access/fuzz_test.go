package access_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/matchwire/matchwire/fanout/access"
)

// FuzzKeys checks that no client can sign tokens with the text of a file of public keys. The text is
// a secret only after "secret:". No token or file makes Verify or LoadKeys panic.
func FuzzKeys(f *testing.F) {
	const public = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
	for _, file := range []string{
		public, "ssh-ed25519 " + public, "secret:" + public, "secret: " + public + "\n", `{"keys":[]}`,
		"-----BEGIN PUBLIC KEY-----\n" + public + "\n-----END PUBLIC KEY-----\n",
		`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE"}]}`,
	} {
		f.Add([]byte(file), "eyJhbGciOiJub25lIn0.e30.")
	}
	f.Fuzz(func(t *testing.T, file []byte, text string) {
		path := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		keys, err := access.LoadKeys(path, access.Policy{AllowAll: true})
		if err != nil {
			return
		}
		verify := func(token string) error {
			r := httptest.NewRequest(http.MethodGet, "/ws", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			_, err := keys.Verify(r)
			return err
		}
		if err := verify(text); err == nil {
			t.Errorf("key file %q, token %q: Verify returned no error, want one", file, text)
		}
		trimmed := bytes.TrimSpace(file)
		for _, secret := range [][]byte{file, trimmed, bytes.TrimPrefix(trimmed, []byte("secret:"))} {
			claims := jwt.MapClaims{"exp": time.Now().Add(time.Hour).Unix()}
			token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(secret)
			if err != nil {
				t.Fatal(err)
			}
			if err := verify(token); err == nil && !bytes.HasPrefix(trimmed, []byte("secret:")) {
				t.Errorf("key file %q: Verify accepts a token that was signed with the text of the file", file)
			}
		}
	})
}
