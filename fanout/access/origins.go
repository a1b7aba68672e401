package access

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Origins lists the origins whose pages may connect. An entry is like https://example.org,
// https://*.example.org or http://localhost:*. The last form allows each port of a host.
type Origins []string

// Allow reports whether the client that sent a request may connect. The client may connect if the
// request has no Origin header, if the host of the origin is the host of the request, or if the
// origin matches an entry of the list.
func (all Origins) Allow(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	return strings.EqualFold(u.Host, r.Host) ||
		slices.ContainsFunc(all, func(o string) bool { return originMatches(o, u) })
}

// originMatches reports whether the origin u matches an entry of [Origins].
func originMatches(pattern string, u *url.URL) bool {
	scheme, host, _ := strings.Cut(strings.ToLower(pattern), "://")
	if scheme != strings.ToLower(u.Scheme) {
		return false
	}
	if name, ok := strings.CutSuffix(host, ":*"); ok {
		return name == strings.ToLower(u.Hostname())
	}
	if domain, ok := strings.CutPrefix(host, "*"); ok {
		return strings.HasSuffix(strings.ToLower(u.Host), domain)
	}
	return host == strings.ToLower(u.Host)
}

// CheckOrigin returns an error if o is not a valid entry of [Origins].
func CheckOrigin(o string) error {
	u, err := url.Parse(strings.TrimSuffix(strings.Replace(o, "://*.", "://", 1), ":*"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Contains(u.Host, "*") ||
		u.Path != "" || u.RawQuery != "" || u.User != nil || strings.HasSuffix(o, ":*") && strings.Contains(o, "://*.") {
		return fmt.Errorf("origin %q: want one like https://example.org, https://*.example.org or http://localhost:*", o)
	}
	return nil
}
