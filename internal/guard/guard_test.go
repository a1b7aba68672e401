package guard_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/matchwire/matchwire/fanout/access"
	"github.com/matchwire/matchwire/internal/guard"
)

// write writes a file to a new folder and returns the path of the file.
func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// tokens loads a file with a new token for each scope. It also returns the secret of each token, by
// scope.
func tokens(t *testing.T) (*guard.Tokens, map[guard.Scope]string) {
	t.Helper()
	text, secrets := "tokens:\n", map[guard.Scope]string{}
	for _, s := range guard.Scopes() {
		secret, token := guard.NewToken("for-"+string(s), s)
		secrets[s] = secret
		text += token.Line() + "\n"
	}
	all, err := guard.LoadTokens(write(t, text), "the token with all scopes")
	if err != nil {
		t.Fatal(err)
	}
	return all, secrets
}

// status returns the status that a guard gives to a request: 200, 401 or 403.
func status(g *guard.Guard, r *http.Request, s guard.Scope) int {
	var denied *guard.Denied
	if errors.As(g.Allow(r, s), &denied) {
		return denied.Status
	}
	return http.StatusOK
}

// A remote request needs a token for every scope. A local request needs none for Operate or Metrics. If the
// streams need no tokens, Read needs none. If the guard is open, Metrics needs none. A request through a
// proxy counts as remote.
func TestScopes(t *testing.T) {
	t.Parallel()
	all, secrets := tokens(t)
	streams, err := access.LoadKeys(write(t, "secret:"+strings.Repeat("s", 32)), access.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	local := &guard.Guard{Local: true, Tokens: all}
	remote := &guard.Guard{Tokens: all, Streams: streams}
	const read, operate, change, metrics = guard.Read, guard.Operate, guard.Change, guard.Metrics
	for _, tc := range []struct {
		name   string
		guard  *guard.Guard
		token  string
		header string // a header that a proxy adds
		want   map[guard.Scope]int
	}{
		{"local", local, "", "", map[guard.Scope]int{read: 200, operate: 200, change: 401, metrics: 200}},
		{"local, through a proxy", local, "", "X-Forwarded-For",
			map[guard.Scope]int{read: 200, operate: 401, change: 401, metrics: 401}},
		{"local, through a gateway", local, "", "Via",
			map[guard.Scope]int{read: 200, operate: 401, change: 401, metrics: 401}},
		{"remote", remote, "", "", map[guard.Scope]int{read: 401, operate: 401, change: 401, metrics: 401}},
		{"remote, wrong token", remote, secrets[change] + "x", "",
			map[guard.Scope]int{read: 401, operate: 401, change: 401, metrics: 401}},
		{"remote, read", remote, secrets[read], "", map[guard.Scope]int{read: 200, operate: 403, change: 403, metrics: 403}},
		{"remote, metrics", remote, secrets[metrics], "",
			map[guard.Scope]int{read: 401, operate: 403, change: 403, metrics: 200}},
		{"remote, operate", remote, secrets[operate], "",
			map[guard.Scope]int{read: 200, operate: 200, change: 403, metrics: 200}},
		{"remote, change", remote, secrets[change], "",
			map[guard.Scope]int{read: 401, operate: 200, change: 200, metrics: 403}},
		{"remote, all scopes", remote, "the token with all scopes", "",
			map[guard.Scope]int{read: 200, operate: 200, change: 200, metrics: 200}},
		{"no tokens at all", &guard.Guard{}, "x", "",
			map[guard.Scope]int{read: 200, operate: 401, change: 403, metrics: 401}},
		{"listener for metrics", &guard.Guard{Open: true}, "", "",
			map[guard.Scope]int{read: 200, operate: 401, change: 403, metrics: 200}},
	} {
		for s, want := range tc.want {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			if tc.token != "" {
				r.Header.Set("Authorization", "Bearer "+tc.token)
			}
			if tc.header != "" {
				r.Header.Set(tc.header, "192.0.2.1")
			}
			if got := status(tc.guard, r, s); got != want {
				t.Errorf("%s, scope %s: status %d, want %d", tc.name, s, got, want)
			}
		}
	}
}

// A stream token without restrictions gives access to all scoreboards. A restricted token gives access only
// to the scoreboards of the matches in its "match" claim.
func TestScoreboardsWithStreamTokens(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("s", 32)
	keys, err := access.LoadKeys(write(t, "secret:"+secret), access.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	g := &guard.Guard{Streams: keys}
	for _, tc := range []struct {
		claims jwt.MapClaims
		match  string // the path's ID; "" for all scoreboards
		want   int
	}{
		{jwt.MapClaims{"topics": []string{"#"}}, "", 200},
		{jwt.MapClaims{"topics": []string{"#"}}, "m1", 200},
		{jwt.MapClaims{"topics": []string{"soccer.#"}}, "", 403},
		{jwt.MapClaims{"match": []string{"m1"}}, "", 403},
		{jwt.MapClaims{"match": []string{"m1"}}, "m1", 200},
		{jwt.MapClaims{"match": []string{"m1"}}, "m2", 403},
		{jwt.MapClaims{"team": []string{"Toronto FC"}}, "m1", 403},
		{jwt.MapClaims{}, "", 401},
	} {
		tc.claims["exp"] = time.Now().Add(time.Minute).Unix()
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, tc.claims).SignedString([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.SetPathValue("id", tc.match)
		r.Header.Set("Authorization", "Bearer "+token)
		if got := status(g, r, guard.Read); got != tc.want {
			t.Errorf("claims %v, scoreboard %q: status %d, want %d", tc.claims, tc.match, got, tc.want)
		}
	}
}

// If a site points its own host name to this machine, its pages cannot read what a local listener
// serves.
func TestDNSRebinding(t *testing.T) {
	t.Parallel()
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for _, tc := range []struct {
		guard     *guard.Guard
		host, via string
		want      int
	}{
		{&guard.Guard{Local: true}, "localhost:8080", "", 200},
		{&guard.Guard{Local: true}, "LocalHost.", "", 200},
		{&guard.Guard{Local: true}, "127.0.0.1:8080", "", 200},
		{&guard.Guard{Local: true}, "127.1.2.3", "", 200},
		{&guard.Guard{Local: true}, "[::1]:8080", "", 200},
		{&guard.Guard{Local: true}, "", "", 200},
		{&guard.Guard{Local: true}, "evil.example:8080", "", 421},
		{&guard.Guard{Local: true}, "localhost.evil.example", "", 421},
		{&guard.Guard{Local: true}, "127.0.0.1.evil.example", "", 421},
		{&guard.Guard{Local: true}, "192.168.0.7:8080", "", 421},
		{&guard.Guard{Local: true}, "0.0.0.0:8080", "", 421},
		{&guard.Guard{Local: true}, "scores.example", "", 421},
		{&guard.Guard{Local: true, Hosts: []string{"scores.example"}}, "Scores.example:443", "", 200},
		{&guard.Guard{Local: true}, "scores.example", "1.1 gateway", 200},
		{&guard.Guard{}, "evil.example", "", 200}, // only local listeners are checked
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = tc.host
		if tc.via != "" {
			r.Header.Set("Via", tc.via)
		}
		w := httptest.NewRecorder()
		tc.guard.CheckHost(ok).ServeHTTP(w, r)
		if w.Code != tc.want {
			t.Errorf("host %q, via %q: status %d, want %d", tc.host, tc.via, w.Code, tc.want)
		}
	}
}

// The error for an invalid file of tokens does not show the tokens. A valid file may contain hashes
// in capital letters.
func TestTokensFile(t *testing.T) {
	t.Parallel()
	secret, token := guard.NewToken("ops", guard.Operate)
	const hash = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
	for text, want := range map[string]string{
		"tokens:\n  - {name: ops, sha256: " + secret + ", scopes: [operate]}\n": "file:2:5: tokens[0]: sha256 of ops: " +
			"want the 64 hexadecimal digits",
		"tokens:\n  - {name: ops, sha256: " + hash + "}\n": "want at least one of read, " +
			"operate, change, metrics",
		"tokens:\n  - {name: ops, sha256: " + hash + ", scopes: [admin]}\n": `scope "admin" of ops: want one of`,
		"tokens:\n  - {sha256: " + hash + ", scopes: [read]}\n":             "name: want a name",
		"tokens:\n  - {name: a, sha256: " + hash + ", scopes: [read]}\n" +
			"  - {name: a, sha256: " + hash + ", scopes: [read]}\n": `file:3:5: tokens[1]: name "a": another token`,
		"tokens: [{name: ops, token: " + secret + "}]\n": "token",
	} {
		_, err := guard.LoadTokens(write(t, text), "")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("file %q: error %v, want one that contains %q and no token", text, err, want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+secret)
	file := write(t, "tokens:\n  - {name: ops, sha256: "+strings.ToUpper(token.SHA256)+", scopes: [operate]}\n")
	all, err := guard.LoadTokens(file, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := status(&guard.Guard{Tokens: all}, r, guard.Operate); got != http.StatusOK {
		t.Errorf("a hash in capital letters: status %d, want 200", got)
	}
}

// The response to a refused call says how to get a token.
func TestRefusalSaysHowToGetAToken(t *testing.T) {
	t.Parallel()
	all, _ := tokens(t)
	g := &guard.Guard{Local: true, Tokens: all}
	for header, want := range map[string]string{
		"":             "want an API token: Authorization: Bearer TOKEN",
		"Bearer other": "this server does not know the API token",
	} {
		want += "; on the server, matchwire token NAME operate creates one"
		r := httptest.NewRequest(http.MethodGet, "/api/instances", nil)
		r.Header.Set("Via", "1.1 gateway")
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		g.Require(guard.Operate, http.NotFoundHandler()).ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), want) {
			t.Errorf("Authorization %q: %d %s, want 401 and %q", header, w.Code, w.Body, want)
		}
	}
}
