package page

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/andybalholm/brotli"
	"golang.org/x/sync/semaphore"

	"github.com/matchwire/matchwire/internal/netguard"
	"github.com/matchwire/matchwire/internal/retryafter"
)

// Limits for fetches.
const (
	fetchTimeout = 20 * time.Second // timeout of each request, including the body of the response
	maxPage      = 16 << 20         // maximum size of a decompressed page, in bytes
	largePage    = 1 << 20          // minimum size of a large page, in bytes
	maxLarge     = 4                // maximum number of large pages that a client reads at the same time
	maxRedirects = 5
)

// UserAgent is the User-Agent header of every request of a client without a contact.
const UserAgent = "matchwire (+https://github.com/matchwire/matchwire)"

// A Client identifies itself, obeys robots.txt, and spaces its requests to each host. All
// goroutines of a process should share one Client.
type Client struct {
	transport http.RoundTripper
	userAgent string
	large     *semaphore.Weighted // limits the number of large pages that are read at the same time
}

// NewClient returns a client. The client uses the proxy settings in the environment variables
// HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
func NewClient(o Options) *Client {
	return newClient(http.DefaultTransport.(*http.Transport).Clone(), netguard.Network{}, o)
}

func newClient(base *http.Transport, n netguard.Network, o Options) *Client {
	base.DisableCompression = true // the transport itself supports only gzip; see decompress
	base.ResponseHeaderTimeout = fetchTimeout
	base.MaxResponseHeaderBytes = 64 << 10
	transport := newPoliteTransport(newGuardedTransport(base, n, o.Policy), o)
	return &Client{transport, o.userAgent(), semaphore.NewWeighted(maxLarge)}
}

// checkRedirect returns an error if a redirect must not be followed.
func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if err := keepTLS(via[len(via)-1].URL, r.URL); err != nil {
		return err
	}
	return requestOf(r.Context()).redirect(r, via[0])
}

// keepTLS returns an error for a redirect from https to http, because an attacker on the network
// could change a page that is sent over http.
func keepTLS(from, to *url.URL) error {
	if from.Scheme == "https" && to.Scheme != "https" {
		return fmt.Errorf("redirect from https to %s", to.Redacted())
	}
	return nil
}

// A Fetcher fetches one URL repeatedly. After the first fetch, it sends conditional requests. Only
// one goroutine can use a Fetcher at a time.
type Fetcher struct {
	http    *http.Client
	agent   string              // the User-Agent header
	large   *semaphore.Weighted // see Client
	url     *url.URL
	request *Request

	etag, modified string       // validators of the latest page, for the next request
	took           atomic.Int64 // result of Took, in nanoseconds
}

// Fetcher returns a fetcher for an http or https URL.
func (c *Client) Fetcher(rawURL string) (*Fetcher, error) {
	return c.RequestFetcher(rawURL, &Request{})
}

// RequestFetcher returns a fetcher whose requests have the settings r. It returns an error if
// r.Hosts is not empty and does not contain the host of the URL.
func (c *Client) RequestFetcher(rawURL string, r *Request) (*Fetcher, error) {
	u, err := CheckURL(rawURL)
	if err != nil {
		return nil, err
	}
	if !r.allows(u) {
		return nil, fmt.Errorf(
			"URL %q: the settings of the request are only for %s",
			u.Redacted(),
			strings.Join(r.Hosts, ", "),
		)
	}
	client := &http.Client{Transport: c.transport, CheckRedirect: checkRedirect, Jar: r.jar()}
	return &Fetcher{http: client, agent: c.userAgent, large: c.large, url: u, request: r}, nil
}

// Fetch fetches the page. It returns [ErrUnchanged] if the page has not changed. It returns a
// [RefusedError] if the site or its robots.txt refuses the page, and a [BusyError] if too many
// requests wait for the host.
func (f *Fetcher) Fetch(ctx context.Context) (Page, error) {
	page, err := f.fetch(ctx)
	return page, f.request.safeError(err)
}

func (f *Fetcher) fetch(ctx context.Context) (Page, error) {
	ctx = netguard.WithPort(ctx, netguard.PortOf(f.url))
	req, err := f.request.new(httptrace.WithClientTrace(ctx, f.timing()), f.url)
	if err != nil {
		return Page{}, err
	}
	req.Header.Set("User-Agent", f.agent)
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.5")
	}
	req.Header.Set("Accept-Encoding", "gzip, br")
	if f.etag != "" {
		req.Header.Set("If-None-Match", f.etag)
	}
	if f.modified != "" {
		req.Header.Set("If-Modified-Since", f.modified)
	}
	f.took.Store(0)
	resp, err := f.http.Do(req)
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
	body, err := f.decompress(ctx, resp)
	if err != nil {
		return Page{}, err
	}
	if req.Method == http.MethodGet { // the status 304 is defined only for GET and HEAD
		f.etag, f.modified = resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")
	}
	page := Page{
		URL: f.request.pageURL(resp.Request.URL, f.url), Header: http.Header{},
		Body: f.request.Secrets.RedactBytes(body), At: time.Now().UTC(),
	}
	for _, name := range KeptHeaders {
		if v := resp.Header.Get(name); v != "" {
			page.Header.Set(name, v)
		}
	}
	return page, nil
}

// decompress returns the decompressed body. A body of more than maxPage bytes is an error.
func (f *Fetcher) decompress(ctx context.Context, resp *http.Response) ([]byte, error) {
	var plain io.Reader = resp.Body
	switch encoding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(resp.Body)
		if err != nil {
			return nil, fmt.Errorf("decompressing the page: %w", err)
		}
		plain = z
	case "br":
		plain = brotli.NewReader(resp.Body)
	default:
		return nil, fmt.Errorf("the page has Content-Encoding %q: want gzip, br or none", encoding)
	}
	body, err := io.ReadAll(io.LimitReader(plain, largePage))
	if err == nil && len(body) == largePage {
		body, err = f.readLarge(ctx, body, plain)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the page: %w", err)
	}
	if len(body) > maxPage {
		return nil, fmt.Errorf("the page is larger than %d MiB", maxPage>>20)
	}
	return body, nil
}

// readLarge reads the rest of a large page and returns the whole page. It waits until fewer than
// maxLarge other large pages are being read.
func (f *Fetcher) readLarge(ctx context.Context, beginning []byte, rest io.Reader) ([]byte, error) {
	if err := f.large.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer f.large.Release(1)
	b := bytes.NewBuffer(beginning)
	_, err := b.ReadFrom(io.LimitReader(rest, maxPage+1-largePage))
	return b.Bytes(), err
}

// timing returns a trace that sets f.took.
func (f *Fetcher) timing() *httptrace.ClientTrace {
	var sent atomic.Int64
	return &httptrace.ClientTrace{
		WroteRequest:         func(httptrace.WroteRequestInfo) { sent.Store(time.Now().UnixNano()) },
		GotFirstResponseByte: func() { f.took.Store(int64(time.Since(time.Unix(0, sent.Load())))) },
	}
}

// Took returns the time from the latest request to the first byte of its response, without the wait
// for a slot at the host.
func (f *Fetcher) Took() time.Duration { return time.Duration(f.took.Load()) }

// Forget makes the next Fetch return the page even if the page has not changed. Call Forget if the
// page could not be ingested.
func (f *Fetcher) Forget() { f.etag, f.modified = "", "" }

// retryAfter parses a Retry-After header. It returns at most maxRetryAfter, or 0 if the header is
// not valid.
func retryAfter(h string) time.Duration {
	wait, _ := retryafter.Parse(h)
	return min(wait, maxRetryAfter)
}
