package page

import (
	"fmt"
	"net/url"
)

// CheckURL reads the URL of a page: http or https.
func CheckURL(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("URL %q: want http://… or https://…", Redacted(rawURL))
	}
	return u, nil
}

// redacted is a URL without its password, if it can be read at all.
func Redacted(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "(unreadable)"
	}
	return u.Redacted()
}
