// Package guard decides who may call the HTTP endpoints of a process. Each endpoint requires
// a [Scope].
package guard

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/fanout/access"
	"github.com/matchwire/matchwire/internal/problem"
)

// A Scope is a group of endpoints. An API token has one or more scopes.
type Scope string

// All scopes.
const (
	Read    Scope = "read"    // scoreboards and streams, which are public unless the streams need tokens
	Operate Scope = "operate" // sources, the pipeline, traces, instances and dead letters; it includes Read and Metrics
	Change  Scope = "change"  // calls that change something; it includes Operate, but not Read or Metrics
	Metrics Scope = "metrics" // metrics and the details of the health endpoints
)

// Scopes returns all scopes.
func Scopes() []Scope { return []Scope{Read, Operate, Change, Metrics} }

// A Guard decides who may call the endpoints of one listener. Its methods may be called from
// several goroutines.
//
// If only this machine can connect to the listener, the scopes Operate and Metrics need no token.
// They do need a token if a proxy has forwarded the request, because the client can be anywhere.
type Guard struct {
	// Local means that only this machine can connect to the listener.
	Local bool
	// Open means that the scope Metrics needs no token.
	Open bool
	// Hosts are the names, besides localhost, that browsers may use to reach a local listener.
	Hosts []string
	// Streams verifies the tokens of stream clients. If it is nil, the scope Read needs no
	// token.
	Streams *access.Keys
	// Tokens are the API tokens; can be nil.
	Tokens *Tokens
	// Sessions verifies the cookies of operators. If it is nil, no cookies are accepted.
	Sessions *Sessions
}

// A Denied is the error for a request that the guard refuses.
type Denied struct {
	Status int // 401 or 403
	detail string
}

func (d *Denied) Error() string { return d.detail }

// Allow returns nil if a request may use a scope, and otherwise a *[Denied].
func (g *Guard) Allow(r *http.Request, s Scope) error {
	switch {
	case s == Read && g.Streams == nil, s == Metrics && g.Open, s != Change && s != Read && g.isLocal(r):
		return nil
	}
	err := g.allowToken(r, s)
	if err == nil || s != Read {
		return err
	}
	claims, invalid := g.Streams.Verify(r)
	switch {
	case invalid != nil:
		return &Denied{http.StatusUnauthorized, invalid.Error()}
	case len(claims.Topics)+len(claims.Match)+len(claims.Team) > 0 && !slices.Contains(claims.Match, r.PathValue("id")):
		return &Denied{http.StatusForbidden, "the token restricts events: it allows only the scoreboards of the matches " +
			"that its claim \"match\" lists"}
	}
	return nil
}

// HasToken reports whether a request has an API token, or the cookie of a session, with a scope.
func (g *Guard) HasToken(r *http.Request, s Scope) bool { return g.allowToken(r, s) == nil }

const bearerPrefix, sessionPrefix = "Bearer ", "Session "

// Credential returns the credential of a request for [Guard.HasScope]. This is the token in the header Authorization,
// or else the cookie of a session. It is "" if the request has neither.
func (g *Guard) Credential(r *http.Request) string {
	header := r.Header.Get("Authorization")
	switch {
	case strings.HasPrefix(header, bearerPrefix):
		return header
	case header != "" || g.sessionToken(r) == nil:
		return ""
	}
	cookie, _ := r.Cookie(sessionCookie) // sessionToken has found it
	return sessionPrefix + cookie.Value
}

// HasScope reports whether a credential is that of an API token with a scope. The guard of an earlier config can have
// returned the credential, if it has the same Sessions.
func (g *Guard) HasScope(credential string, s Scope) bool {
	var found *Token
	if token, ok := strings.CutPrefix(credential, bearerPrefix); ok {
		found = g.Tokens.find(token)
	} else if cookie, ok := strings.CutPrefix(credential, sessionPrefix); ok {
		found = g.Sessions.find(cookie, g.Tokens.all())
	}
	return found != nil && found.has(s)
}

// Require returns a handler that calls h only if the request may use a scope.
func (g *Guard) Require(s Scope, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var denied *Denied
		if errors.As(g.Allow(r, s), &denied) {
			denied.Write(w)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// Write writes the error as the response.
func (d *Denied) Write(w http.ResponseWriter) {
	if d.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="matchwire"`)
	}
	problem.Write(w, d.Status, d.detail, "")
}

// forwarded lists the headers that proxies add to requests.
var forwarded = []string{"Via", "Forwarded", "X-Forwarded-For", "X-Real-Ip"}

// isLocal reports whether a request comes from this machine, not through a proxy.
func (g *Guard) isLocal(r *http.Request) bool {
	return g.Local && !slices.ContainsFunc(forwarded, func(name string) bool { return r.Header.Get(name) != "" })
}

// CheckHost returns a handler that calls h only if the host of the request is a name of the
// listener. Without this check, another site could point its own host name to the address of this
// machine. Its pages could then read what a local listener serves (DNS rebinding). CheckHost checks
// only local listeners. It does not check requests with the header Via, which browsers cannot set.
func (g *Guard) CheckHost(h http.Handler) http.Handler {
	if !g.Local {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.isName(r.Host) && r.Header.Get("Via") == "" {
			problem.Write(w, http.StatusMisdirectedRequest,
				fmt.Sprintf("this server is not %q: to serve under this name, add it to hosts in the config", r.Host), "")
			return
		}
		h.ServeHTTP(w, r)
	})
}

// isName reports whether a host, with or without a port, is a name or address of a local listener.
func (g *Guard) isName(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	if ip := net.ParseIP(name); ip != nil {
		return ip.IsLoopback()
	}
	return host == "" || strings.EqualFold(name, "localhost") || // only very old clients send no host
		slices.ContainsFunc(g.Hosts, func(h string) bool { return strings.EqualFold(name, h) })
}
