package parser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Bounds of one fetch.
const (
	fetchTimeout = 20 * time.Second
	maxPage      = 16 << 20
	maxRedirects = 5
)

// UserAgent is how matchwire introduces itself to sites.
const UserAgent = "matchwire (+https://github.com/matchwire/matchwire)"

// A Fetcher fetches one URL again and again, and asks the site to send only
// what has changed. It is for one goroutine.
type Fetcher struct {
	url    *url.URL
	client *http.Client

	etag, modified string // of the last page, for the next request
}

// NewFetcher fetches an http or https URL. Proxies come from the environment.
func NewFetcher(rawURL string) (*Fetcher, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("URL %q: want http://… or https://…", redacted(rawURL))
	}
	return &Fetcher{url: u, client: &http.Client{
		Timeout: fetchTimeout,
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fmt.Errorf("more than %d redirects", maxRedirects)
			}
			return nil
		},
	}}, nil
}

// ErrUnchanged says that the site has nothing newer than the last page.
var ErrUnchanged = errors.New("page unchanged")

// A RefusedError is an answer other than a page.
type RefusedError struct {
	Status int
	Wait   time.Duration // what the site asked for by Retry-After; 0 if nothing
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the site answered %d %s", e.Status, http.StatusText(e.Status))
}

// Fetch gets the page. It returns ErrUnchanged or a *RefusedError where those
// say more.
func (f *Fetcher) Fetch(ctx context.Context) (Page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url.String(), nil)
	if err != nil {
		return Page{}, err
	}
	req.Header.Set("User-Agent", UserAgent)
	if f.etag != "" {
		req.Header.Set("If-None-Match", f.etag)
	}
	if f.modified != "" {
		req.Header.Set("If-Modified-Since", f.modified)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return Page{}, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified:
		return Page{}, ErrUnchanged
	case resp.StatusCode != http.StatusOK:
		return Page{}, &RefusedError{resp.StatusCode, retryAfter(resp.Header.Get("Retry-After"))}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPage+1))
	if err != nil {
		return Page{}, err
	}
	if len(body) > maxPage {
		return Page{}, fmt.Errorf("the page is larger than %d MiB", maxPage>>20)
	}
	f.etag, f.modified = resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")
	modified, _ := http.ParseTime(f.modified) // a bad date is no date
	return Page{URL: resp.Request.URL.Redacted(), Modified: modified, ContentType: resp.Header.Get("Content-Type"), Body: body, At: time.Now().UTC()}, nil
}

// Forget makes the next fetch get the page even if it is unchanged: what was
// fetched last could not be taken over.
func (f *Fetcher) Forget() { f.etag, f.modified = "", "" }

// redacted is a URL without its password, if it can be read at all.
func redacted(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "(unreadable)"
	}
	return u.Redacted()
}

func retryAfter(h string) time.Duration {
	if n, err := strconv.Atoi(h); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(h); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}
