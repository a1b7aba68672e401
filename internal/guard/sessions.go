package guard

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// SessionLifetime is the time after which an operator must enter the API token again.
	SessionLifetime = 8 * time.Hour
	sessionCookie   = "matchwire_session"
	maxEnded        = 10_000 // maximum number of sessions that Sessions remembers as ended
)

// Sessions signs and verifies the session cookies of operators, who have entered an API token on a page. A session
// allows what its token allows, until it expires, the token is removed, or the operator logs out.
//
// A cookie contains the name of the token, the time at which the session ends, and a signature, which also covers the
// hash of the token. It does not contain the token. A nil *Sessions accepts no cookies.
type Sessions struct {
	key   []byte
	mu    sync.Mutex
	ended map[string]time.Time // sessions that ended early, by ID, with the time at which they expire
}

// NewSessions returns Sessions whose key is derived from secret. Processes with the same secret and scope accept each
// other's cookies. If secret is "", the key is random.
func NewSessions(secret, scope string) *Sessions {
	if secret == "" {
		secret = rand.Text()
	}
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "matchwire sessions\x00%s", scope)
	return &Sessions{key: mac.Sum(nil), ended: map[string]time.Time{}}
}

// start returns the value of a cookie for a new session with a token.
func (s *Sessions) start(t *Token, expires time.Time) string {
	claims := fmt.Sprintf("%s.%d.%s", rand.Text(), expires.Unix(), base64.RawURLEncoding.EncodeToString([]byte(t.Name)))
	return claims + "." + base64.RawURLEncoding.EncodeToString(s.sign(claims, t))
}

// sign returns the signature of the claims of a cookie for a token.
func (s *Sessions) sign(claims string, t *Token) []byte {
	mac := hmac.New(sha256.New, s.key)
	fmt.Fprintf(mac, "%s\x00%s", claims, strings.ToLower(t.SHA256))
	return mac.Sum(nil)
}

// find returns the token of a session, or nil if the value of the cookie is not valid now.
func (s *Sessions) find(value string, all []Token) *Token {
	at := strings.LastIndexByte(value, '.')
	parts := strings.Split(value, ".")
	if s == nil || len(parts) != 4 {
		return nil
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[3])
	if err != nil {
		return nil
	}
	var found *Token
	for i := range all {
		if hmac.Equal(signature, s.sign(value[:at], &all[i])) {
			found = &all[i]
		}
	}
	expires, err := strconv.ParseInt(parts[1], 10, 64)
	if found == nil || err != nil || !time.Now().Before(time.Unix(expires, 0)) || s.hasEnded(parts[0]) {
		return nil
	}
	return found
}

func (s *Sessions) hasEnded(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ended := s.ended[id]
	return ended
}

// end ends the session of a valid cookie in this process.
func (s *Sessions) end(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for id, expires := range s.ended {
		if now.After(expires) {
			delete(s.ended, id)
		}
	}
	if id, _, ok := strings.Cut(value, "."); ok && len(s.ended) < maxEnded {
		s.ended[id] = now.Add(SessionLifetime)
	}
}

// sessionToken returns the token of the session of a request, or nil. Only pages of this server may use the cookie.
func (g *Guard) sessionToken(r *http.Request) *Token {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil || !fromOwnPage(r) {
		return nil
	}
	return g.Sessions.find(cookie.Value, g.Tokens.all())
}

// fromOwnPage reports whether a page of this server made a request, according to the browser. A person can also open
// an address, which changes nothing.
func fromOwnPage(r *http.Request) bool {
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	switch {
	case site != "":
		return site == "same-origin" || site == "none" && safe
	case origin != "": // an old browser, or a site without TLS
		u, err := url.Parse(origin)
		return err == nil && u.Host != "" && u.Host == r.Host
	}
	return safe
}

// Login returns the cookie of a new session for the API token in the header Authorization, and the time at which the
// session ends. The token needs the scope [Operate].
func (g *Guard) Login(r *http.Request) (*http.Cookie, time.Time, error) {
	t, err := g.Tokens.bearer(r, Operate)
	switch {
	case !g.AcceptsTokens(), g.Sessions == nil:
		return nil, time.Time{}, noTokens()
	case err != nil:
		return nil, time.Time{}, err
	case !t.has(Operate):
		return nil, time.Time{}, t.lacks(Operate)
	}
	expires := time.Now().Add(SessionLifetime).Truncate(time.Second)
	return newCookie(r, g.Sessions.start(t, expires), int(SessionLifetime.Seconds())), expires, nil
}

// Logout ends the session of a request, and returns the cookie that replaces its cookie. It returns a *[Denied] if the
// request has no session.
func (g *Guard) Logout(r *http.Request) (*http.Cookie, error) {
	empty := newCookie(r, "", -1)
	cookie, err := r.Cookie(sessionCookie)
	if err != nil || g.sessionToken(r) == nil {
		return empty, &Denied{http.StatusUnauthorized, "the request has no valid session"}
	}
	g.Sessions.end(cookie.Value)
	return empty, nil
}

// newCookie returns a session cookie that is valid for some seconds.
func newCookie(r *http.Request, value string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	}
}

// Allowed returns the scopes that a request may use.
func (g *Guard) Allowed(r *http.Request) []Scope {
	all := []Scope{}
	for _, s := range Scopes() {
		if g.Allow(r, s) == nil {
			all = append(all, s)
		}
	}
	return all
}

// AcceptsTokens reports whether there are any API tokens.
func (g *Guard) AcceptsTokens() bool { return len(g.Tokens.all()) > 0 }
