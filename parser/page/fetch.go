package page

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/andybalholm/brotli"
)

// Bounds of one fetch.
const (
	fetchTimeout = 20 * time.Second // of each request, its body included
	maxPage      = 16 << 20         // bytes, decompressed
	maxRedirects = 5
)

// UserAgent is how matchwire introduces itself to sites.
const UserAgent = "matchwire (+https://github.com/matchwire/matchwire)"

// A Client fetches pages as a guest who behaves: it says who it is, obeys
// robots.txt, spaces its requests to a host and keeps few under way at a time.
// All that fetch in a process should share one.
type Client struct{ http *http.Client }

// NewClient returns a client. Proxies come from the environment: HTTP_PROXY,
// HTTPS_PROXY, NO_PROXY.
func NewClient(m Options) *Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if !m.PrivateAddresses {
		guard(t)
	}
	return newClient(t, m)
}

func newClient(transport *http.Transport, m Options) *Client {
	transport.DisableCompression = true // see decompressed: Go's own knows only gzip
	transport.ResponseHeaderTimeout = fetchTimeout
	transport.MaxResponseHeaderBytes = 64 << 10
	return &Client{&http.Client{
		Transport: newPolite(transport, m),
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fmt.Errorf("more than %d redirects", maxRedirects)
			}
			return keepTLS(via[len(via)-1].URL, r.URL)
		},
	}}
}

// keepTLS refuses a redirect to where anybody on the way can change the page.
func keepTLS(from, to *url.URL) error {
	if from.Scheme == "https" && to.Scheme != "https" {
		return fmt.Errorf("a redirect from https to %s", to.Redacted())
	}
	return nil
}

// A Fetcher fetches one URL again and again, and asks the site to send only
// what has changed. It is for one goroutine.
type Fetcher struct {
	client *Client
	url    *url.URL

	etag, modified string       // of the last page, for the next request
	took           atomic.Int64 // nanoseconds that the site needed to begin the last answer
}

// Fetcher fetches an http or https URL.
func (c *Client) Fetcher(rawURL string) (*Fetcher, error) {
	u, err := CheckURL(rawURL)
	return &Fetcher{client: c, url: u}, err
}

// Fetch gets the page. It returns ErrUnchanged or a *RefusedError where those
// say more.
func (f *Fetcher) Fetch(ctx context.Context) (Page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url.String(), nil)
	if err != nil {
		return Page{}, err
	}
	req.Header.Set("User-Agent", UserAgent)
	req.Header.Set("Accept", "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.5")
	req.Header.Set("Accept-Encoding", "gzip, br")
	if f.etag != "" {
		req.Header.Set("If-None-Match", f.etag)
	}
	if f.modified != "" {
		req.Header.Set("If-Modified-Since", f.modified)
	}
	f.took.Store(0)
	resp, err := f.client.http.Do(req.WithContext(httptrace.WithClientTrace(ctx, f.clock())))
	if err != nil {
		return Page{}, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified && (f.etag != "" || f.modified != ""):
		return Page{}, ErrUnchanged
	case resp.StatusCode != http.StatusOK:
		return Page{}, &RefusedError{resp.StatusCode, retryAfter(resp.Header.Get("Retry-After"))}
	}
	body, err := decompressed(resp)
	if err != nil {
		return Page{}, err
	}
	f.etag, f.modified = resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")
	page := Page{URL: resp.Request.URL.Redacted(), Header: http.Header{}, Body: body, At: time.Now().UTC()}
	for _, name := range KeptHeaders {
		if v := resp.Header.Get(name); v != "" {
			page.Header.Set(name, v)
		}
	}
	return page, nil
}

// decompressed reads the body, in bounds.
func decompressed(resp *http.Response) ([]byte, error) {
	var from io.Reader = resp.Body
	switch encoding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(resp.Body)
		if err != nil {
			return nil, fmt.Errorf("decompressing the page: %w", err)
		}
		from = z
	case "br":
		from = brotli.NewReader(resp.Body)
	default:
		return nil, fmt.Errorf("the page is compressed as %q, which nobody asked for", encoding)
	}
	body, err := io.ReadAll(io.LimitReader(from, maxPage+1))
	if err != nil {
		return nil, fmt.Errorf("reading the page: %w", err)
	}
	if len(body) > maxPage {
		return nil, fmt.Errorf("the page is larger than %d MiB", maxPage>>20)
	}
	return body, nil
}

// clock takes the time of the last request of a fetch: waiting for the host's
// turn is our own doing.
func (f *Fetcher) clock() *httptrace.ClientTrace {
	var asked atomic.Int64
	return &httptrace.ClientTrace{
		WroteRequest:         func(httptrace.WroteRequestInfo) { asked.Store(time.Now().UnixNano()) },
		GotFirstResponseByte: func() { f.took.Store(int64(time.Since(time.Unix(0, asked.Load())))) },
	}
}

// Took returns how long the site took to begin its latest answer. Waiting for a slot at the host does
// not count.
func (f *Fetcher) Took() time.Duration { return time.Duration(f.took.Load()) }

// Forget makes the next fetch get the page even if it is unchanged: what was
// fetched last could not be taken over.
func (f *Fetcher) Forget() { f.etag, f.modified = "", "" }

// retryAfter parses a Retry-After header. A longer wait than maxRetryAfter is cut.
func retryAfter(h string) time.Duration {
	if n, err := strconv.Atoi(h); err == nil && n > 0 {
		return min(time.Duration(min(n, 1<<30))*time.Second, maxRetryAfter)
	}
	if t, err := http.ParseTime(h); err == nil {
		return min(max(0, time.Until(t)), maxRetryAfter)
	}
	return 0
}
