package page

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/matchwire/matchwire/internal/redact"
)

// A Request holds settings for the requests of a source. The zero value is a GET request. A Request
// must not change after its first use. The settings can contain secrets, so they are sent only to
// Hosts and to the proxy.
type Request struct {
	Method  string      // "" means GET, or POST if there is a body
	Header  http.Header // additional headers
	Query   url.Values  // additional parameters of the URL
	Body    string
	Cookies bool     // send the cookies that the site has set in earlier responses to the same fetcher
	Proxy   *url.URL // nil means the proxies in the environment
	Allow   Policy   // allows addresses and ports that the policy of the client does not allow
	// Hosts are the hosts that can receive the headers, the parameters and the body. Each includes
	// its port, unless the port is the default. Empty means the host of the URL.
	Hosts []string
	// Secrets are redacted in errors and pages.
	Secrets redact.Secrets
}

// reservedHeaders lists the headers that a Request cannot have, because matchwire sets or omits them.
var reservedHeaders = []string{
	"Accept-Encoding", "Connection", "Content-Length", "Host", "If-Match", "If-Modified-Since", "If-None-Match",
	"If-Unmodified-Since", "Proxy-Authorization", "Range", "Referer", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	"User-Agent",
}

// CheckHeader returns an error if a Request cannot have the header. The error does not show the
// value.
func CheckHeader(name, value string) error {
	switch {
	case !isToken(name):
		return fmt.Errorf("header %q: want a name of letters, digits and %s", name, tokenMarks)
	case slices.Contains(reservedHeaders, http.CanonicalHeaderKey(name)):
		return fmt.Errorf("header %s: matchwire controls this header", name)
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
		return fmt.Errorf("header %s: the value has a line break or another control character", name)
	}
	return nil
}

// tokenMarks contains the characters other than letters and digits that the name of a header can have.
const tokenMarks = "!#$%&'*+-.^_`|~"

// isToken reports whether name can be the name of a header.
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
			strings.ContainsRune(tokenMarks, r))
	})
}

// CheckProxy parses the URL of a proxy. The error does not show the URL, which can contain a
// password.
func CheckProxy(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		return nil, errors.New("want the URL of a proxy: http://…, https://…, socks5://… or socks5h://…")
	}
	return u, nil
}

// isDefault reports whether r causes the same requests as the zero value.
func (r *Request) isDefault() bool {
	return r.Method == "" && r.Header == nil && r.Query == nil && r.Body == "" && !r.Cookies && r.Proxy == nil
}

// allows reports whether the URL's host can receive the settings.
func (r *Request) allows(u *url.URL) bool {
	return len(r.Hosts) == 0 || slices.Contains(r.Hosts, strings.ToLower(u.Host))
}

// method returns the method of the request.
func (r *Request) method() string {
	switch {
	case r.Method != "":
		return r.Method
	case r.Body != "":
		return http.MethodPost
	}
	return http.MethodGet
}

// new returns a request for a URL, with the settings applied.
func (r *Request) new(ctx context.Context, u *url.URL) (*http.Request, error) {
	full := *u
	if len(r.Query) > 0 {
		full.RawQuery = strings.TrimPrefix(u.RawQuery+"&"+r.Query.Encode(), "&")
	}
	var body io.Reader
	if r.Body != "" {
		body = strings.NewReader(r.Body)
	}
	ctx = context.WithValue(ctx, requestKey{}, r)
	req, err := http.NewRequestWithContext(ctx, r.method(), full.String(), body)
	if err != nil {
		return nil, err
	}
	if r.Body != "" {
		req.Header.Set("Content-Type", contentType(r.Body))
	}
	for name, values := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	return req, nil
}

// contentType returns the Content-Type of a body, for settings without a Content-Type header.
func contentType(body string) string {
	if json.Valid([]byte(body)) {
		return "application/json"
	}
	return "application/x-www-form-urlencoded"
}

type requestKey struct{}

// requestOf returns the settings of a request that new created. For a request for robots.txt, it returns
// the settings of the page. For any other request, it returns zero settings.
func requestOf(ctx context.Context) *Request {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		return r
	}
	return &Request{}
}

// redirect prepares req, the next request after a redirect. original is the request before all
// redirects. If req goes to another host, redirect removes the headers of the settings. It returns an
// error if req has a body and goes to another host.
func (r *Request) redirect(req, original *http.Request) error {
	req.Header.Del("Referer")              // contains the parameters of the previous URL
	if req.URL.Host == original.URL.Host { // keepTLS has already checked the scheme
		return nil
	}
	if req.Body != nil {
		return fmt.Errorf("the site redirects the %s request to another host, %s", req.Method, req.URL.Host)
	}
	for name := range r.Header {
		req.Header.Del(name)
	}
	return nil
}

// pageURL returns got, the URL of a response, without the parameters in r.Query. If the result would
// contain a secret, pageURL returns asked, which is the URL of the source. Neither has a password.
func (r *Request) pageURL(got, asked *url.URL) string {
	u := *got
	if len(r.Query) > 0 {
		var kept []string
		for part := range strings.SplitSeq(u.RawQuery, "&") {
			name, _, _ := strings.Cut(part, "=")
			if name, err := url.QueryUnescape(name); err == nil && !r.Query.Has(name) {
				kept = append(kept, part)
			}
		}
		u.RawQuery = strings.Join(kept, "&")
	}
	if text := u.Redacted(); r.Secrets.Redact(text) == text {
		return text
	}
	return asked.Redacted()
}

// A redactedError wraps an error and has the same text, without secrets.
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }
func (e *redactedError) Unwrap() error { return e.err }

// safeError removes the URL from the text of err, because the parameters of the URL can be secret.
// It also redacts r.Secrets. If r.isDefault is true, err is unchanged.
func (r *Request) safeError(err error) error {
	if err == nil || r.isDefault() {
		return err
	}
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	if text := r.Secrets.Redact(err.Error()); text != err.Error() {
		return &redactedError{text, err}
	}
	return err
}

// jar returns a cookie jar for one fetcher, or nil if r.Cookies is false.
func (r *Request) jar() http.CookieJar {
	if !r.Cookies {
		return nil
	}
	jar, _ := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List}) // the error is always nil
	return jar
}
