package guard_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/internal/guard"
)

// FuzzAPITokens sends any Authorization header to a process with any file of tokens. It checks that
// the guard allows a call only if the header is "Bearer " and a text whose hash is in the file, or
// the token of the environment. A token in the query is never an API token. With a file of two known
// tokens, each token allows exactly its own scopes.
func FuzzAPITokens(f *testing.F) {
	const operator, reader, all = "mw_operator", "mw_reader", "the token with all scopes"
	hash := func(token string) string {
		sum := sha256.Sum256([]byte(token))
		return hex.EncodeToString(sum[:])
	}
	known := "tokens:\n  - {name: ops, sha256: " + hash(operator) + ", scopes: [operate]}\n" +
		"  - {name: app, sha256: " + strings.ToUpper(hash(reader)) + ", scopes: [read]}\n"
	for _, header := range []string{"", "Bearer " + operator, "Bearer " + reader, "Bearer " + all, "bearer " + all,
		"Bearer  " + operator, "Bearer " + operator + " ", "Bearer " + hash(operator), "Bearer",
		"Bearer ", "Basic " + operator,
		"Bearer " + operator + "\x00", "Bearer mw_operatoR", "Bearer " + operator + ", Bearer " + all} {
		f.Add(known, header)
	}
	f.Add("tokens: [{name: a, sha256: "+hash("")+", scopes: [change]}]", "Bearer ")
	f.Add("tokens: [{name: a, sha256: "+hash("x")+", scopes: [read, metrics]}, {name: b}]", "Bearer x")
	f.Add("tokens: [{name: a, sha256: '"+strings.Repeat("0", 64)+"', scopes: [change]}]", "Bearer x")
	f.Add("tokens:\n", "Bearer ")
	path := filepath.Join(f.TempDir(), "tokens.yaml")
	f.Fuzz(func(t *testing.T, file, header string) {
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		tokens, err := guard.LoadTokens(path, all)
		if err != nil {
			return
		}
		allowed := func(authorization, query string, s guard.Scope) bool {
			r := httptest.NewRequest(http.MethodGet, "/api/matches", nil)
			r.Header["Authorization"] = []string{authorization}
			r.URL.RawQuery = query
			return status(&guard.Guard{Tokens: tokens}, r, s) == http.StatusOK
		}
		given, isBearer := strings.CutPrefix(header, "Bearer ")
		listed := given == all || strings.Contains(strings.ToLower(file), hash(given))
		scopes := map[string][]guard.Scope{
			all:      guard.Scopes(),
			operator: {guard.Operate, guard.Read, guard.Metrics},
			reader:   {guard.Read},
		}
		for _, s := range []guard.Scope{guard.Operate, guard.Change, guard.Metrics} { // Read is public here
			got := allowed(header, "", s)
			if got && (!isBearer || !listed) {
				t.Errorf("file %q, header %q, scope %s: the guard allows the call, want a token of the file", file, header, s)
			}
			if want := isBearer && slices.Contains(scopes[given], s); file == known && got != want {
				t.Errorf("header %q, scope %s: allowed: %v, want %v", header, s, got, want)
			}
			if allowed("", "token="+given, s) || allowed("", header, s) {
				t.Errorf("file %q: the guard accepts an API token %q in the query", file, given)
			}
		}
	})
}
