package page

import (
	"fmt"
	"net/url"
)

// CheckURL parses the URL of a page. It returns an error unless the scheme is http or https and the
// URL has a host.
func CheckURL(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("URL %q: want http://… or https://…", Redacted(rawURL))
	}
	return u, nil
}

// Redacted returns a URL without its password, for logs and errors. It returns "(invalid URL)" if
// the URL cannot be parsed.
func Redacted(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "(invalid URL)"
	}
	return u.Redacted()
}
