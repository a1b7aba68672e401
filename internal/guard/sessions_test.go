package guard_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matchwire/matchwire/internal/guard"
)

// login returns the cookie that a guard sets for an API token.
func login(t *testing.T, g *guard.Guard, token string) *http.Cookie {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/api/session", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	cookie, _, err := g.Login(r)
	if err != nil {
		t.Fatal(err)
	}
	return cookie
}

// with returns a request with a cookie, as a page of the server sends it, unless headers say otherwise.
func with(method string, cookie *http.Cookie, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "http://scores.example/api/dead", nil)
	r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	if headers == nil {
		headers = []string{"Sec-Fetch-Site", "same-origin"}
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// A session allows what its token allows. The cookie does not contain the token, and no script can read it.
func TestSessionHasTheRightsOfItsToken(t *testing.T) {
	t.Parallel()
	all, secrets := tokens(t)
	g := &guard.Guard{Tokens: all, Sessions: guard.NewSessions("", "")}
	for token, want := range map[guard.Scope]int{guard.Operate: 403, guard.Change: 200} {
		cookie := login(t, g, secrets[token])
		if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Secure ||
			cookie.MaxAge != int(guard.SessionLifetime.Seconds()) || strings.Contains(cookie.Value, secrets[token]) {
			t.Errorf("cookie %+v, want an HttpOnly cookie of the same site, for 8 hours, without the token", cookie)
		}
		r := with(http.MethodPost, cookie)
		if status(g, r, guard.Operate) != 200 || status(g, r, guard.Change) != want {
			t.Errorf("session of scope %s: %d and %d, want 200 for operate, and %d for change", token,
				status(g, r, guard.Operate), status(g, r, guard.Change), want)
		}
		if !g.HasToken(r, guard.Operate) {
			t.Errorf("session of scope %s: HasToken is false, want true", token)
		}
		credential := g.Credential(r)
		if !g.HasScope(credential, guard.Operate) || g.HasScope(credential, guard.Change) != (want == 200) {
			t.Errorf("session of scope %s: the credential %q has wrong scopes", token, credential)
		}
		if (&guard.Guard{Sessions: g.Sessions}).HasScope(credential, guard.Operate) {
			t.Errorf("session of scope %s: the token is gone, but its credential has the scope operate", token)
		}
	}
	for _, name := range []string{"X-Forwarded-Proto"} { // TLS ends at a proxy
		r := httptest.NewRequest(http.MethodPost, "/api/session", nil)
		r.Header.Set("Authorization", "Bearer "+secrets[guard.Change])
		r.Header.Set(name, "https")
		if cookie, _, err := g.Login(r); err != nil || !cookie.Secure {
			t.Errorf("over TLS: cookie %+v, error %v; want a secure cookie", cookie, err)
		}
	}
}

// Only an API token with the scope operate starts a session. Without API tokens, nothing does.
func TestLoginIsRefused(t *testing.T) {
	t.Parallel()
	all, secrets := tokens(t)
	for name, tc := range map[string]struct {
		guard *guard.Guard
		token string
		want  int
	}{
		"no API tokens": {&guard.Guard{Local: true, Sessions: guard.NewSessions("", "")}, "x", 403},
		"wrong token":   {&guard.Guard{Local: true, Tokens: all, Sessions: guard.NewSessions("", "")}, "x", 401},
		"no token":      {&guard.Guard{Local: true, Tokens: all, Sessions: guard.NewSessions("", "")}, "", 401},
		"few rights":    {&guard.Guard{Tokens: all, Sessions: guard.NewSessions("", "")}, secrets[guard.Read], 403},
		"no sessions":   {&guard.Guard{Tokens: all}, secrets[guard.Change], 403},
	} {
		r := httptest.NewRequest(http.MethodPost, "/api/session", nil)
		r.Header.Set("Authorization", "Bearer "+tc.token)
		cookie, _, err := tc.guard.Login(r)
		if denied, ok := err.(*guard.Denied); !ok || denied.Status != tc.want || cookie != nil { //nolint:errorlint // exact
			t.Errorf("%s: cookie %v, error %v; want status %d", name, cookie, err, tc.want)
		}
	}
}

// The browser of an operator sends the cookie for a page of another site too, in old browsers or if the site differs
// only in its port. Such a request has no rights.
func TestSessionOnlyForOwnPages(t *testing.T) {
	t.Parallel()
	all, secrets := tokens(t)
	g := &guard.Guard{Tokens: all, Sessions: guard.NewSessions("", "")}
	cookie := login(t, g, secrets[guard.Change])
	const site, origin = "Sec-Fetch-Site", "Origin"
	for _, tc := range []struct {
		method  string
		headers []string
		want    int
	}{
		{http.MethodPost, []string{site, "same-origin"}, 200},
		{http.MethodPost, []string{site, "same-site"}, 401},
		{http.MethodPost, []string{site, "cross-site"}, 401},
		{http.MethodPost, []string{site, "none"}, 401},
		{http.MethodPost, []string{origin, "http://scores.example"}, 200},
		{http.MethodPost, []string{origin, "http://scores.example:81"}, 401},
		{http.MethodPost, []string{origin, "http://evil.example"}, 401},
		{http.MethodPost, []string{origin, "null"}, 401},
		{http.MethodPost, []string{"X-Other", "1"}, 401}, // neither header
		{http.MethodGet, []string{site, "none"}, 200},    // a person opens the address
		{http.MethodGet, []string{site, "same-site"}, 401},
		{http.MethodGet, []string{site, "cross-site"}, 401},
		{http.MethodGet, []string{origin, "http://evil.example"}, 401}, // a WebSocket
		{http.MethodGet, []string{"X-Other", "1"}, 200},
	} {
		if got := status(g, with(tc.method, cookie, tc.headers...), guard.Change); got != tc.want {
			t.Errorf("%s with %v: status %d, want %d", tc.method, tc.headers, got, tc.want)
		}
	}
}

// A session ends after 8 hours, when the operator logs out, and when its token is removed. A changed cookie is not
// valid, and neither is a cookie of another key or namespace.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	secret, token := guard.NewToken("ops", guard.Change)
	file := write(t, "tokens:\n"+token.Line()+"\n")
	all, err := guard.LoadTokens(file, "")
	if err != nil {
		t.Fatal(err)
	}
	sessions := guard.NewSessions(strings.Repeat("k", 32), "one")
	g := &guard.Guard{Tokens: all, Sessions: sessions}
	valid := func(g *guard.Guard, cookie *http.Cookie) bool {
		return status(g, with(http.MethodPost, cookie), guard.Change) == 200
	}
	cookie := login(t, g, secret)
	for i := range cookie.Value {
		changed := *cookie
		flip := byte('A')
		if changed.Value[i] == flip {
			flip = 'B'
		}
		changed.Value = changed.Value[:i] + string(flip) + changed.Value[i+1:]
		if valid(g, &changed) {
			t.Fatalf("a cookie with a changed byte %d is valid: %s", i, changed.Value)
		}
	}
	same := &guard.Guard{Tokens: all, Sessions: guard.NewSessions(strings.Repeat("k", 32), "one")}
	otherKey := &guard.Guard{Tokens: all, Sessions: guard.NewSessions(strings.Repeat("x", 32), "one")}
	otherScope := &guard.Guard{Tokens: all, Sessions: guard.NewSessions(strings.Repeat("k", 32), "two")}
	random := &guard.Guard{Tokens: all, Sessions: guard.NewSessions("", "one")}
	if !valid(g, cookie) || !valid(same, cookie) || valid(otherKey, cookie) || valid(otherScope, cookie) ||
		valid(random, cookie) {
		t.Error("a cookie must be valid only in processes with the same key and namespace")
	}
	_, replaced := guard.NewToken("ops", guard.Change) // the same name, another token
	if err := os.WriteFile(file, []byte("tokens:\n"+replaced.Line()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	reloaded, err := guard.LoadTokens(file, "")
	if err != nil {
		t.Fatal(err)
	}
	if valid(&guard.Guard{Tokens: reloaded, Sessions: sessions}, cookie) {
		t.Error("the session of a removed token is valid")
	}
	second := login(t, g, secret)
	gone, err := g.Logout(with(http.MethodDelete, cookie))
	if _, again := g.Logout(with(http.MethodDelete, cookie)); err != nil || again == nil {
		t.Errorf("logout: error %v, and %v the second time; want an error only then", err, again)
	}
	if valid(g, cookie) || !valid(g, second) || gone.MaxAge >= 0 || gone.Value != "" {
		t.Errorf("after a logout: first session valid %v, second %v, cookie %+v; want false, true and an empty cookie",
			valid(g, cookie), valid(g, second), gone)
	}
	synctest.Test(t, func(t *testing.T) {
		fixed, err := guard.LoadTokens("", "the token")
		if err != nil {
			t.Fatal(err)
		}
		g := &guard.Guard{Tokens: fixed, Sessions: sessions}
		cookie := login(t, g, "the token")
		time.Sleep(guard.SessionLifetime - time.Minute)
		before := valid(g, cookie)
		time.Sleep(time.Minute)
		if !before || valid(g, cookie) {
			t.Errorf("valid before the end: %v, and after it: %v; want true and false", before, valid(g, cookie))
		}
	})
}
