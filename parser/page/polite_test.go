package page_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/andybalholm/brotli"

	"github.com/matchwire/matchwire/internal/netguard"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/page"
)

func fetcher(t *testing.T, o page.Options, url string) *page.Fetcher {
	t.Helper()
	f, err := page.NewClient(o).Fetcher(url)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var quick = page.Options{PerHost: time.Millisecond, Policy: page.Policy{Private: true, AnyPort: true}}

// A page with any supported encoding is decompressed. A page that is too large after decompression
// is an error.
func TestCompression(t *testing.T) {
	s := parsertest.NewSite(t)
	f := fetcher(t, quick, s.URL)
	compress := func(encoding string, body []byte) []byte {
		var b bytes.Buffer
		switch encoding {
		case "gzip":
			z := gzip.NewWriter(&b)
			_, _ = z.Write(body)
			_ = z.Close()
		case "br":
			z := brotli.NewWriter(&b)
			_, _ = z.Write(body)
			_ = z.Close()
		default:
			b.Write(body)
		}
		return b.Bytes()
	}
	answer := func(encoding string, body []byte) {
		s.Answer(func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.Header.Get("Accept-Encoding"), "br") {
				t.Errorf("Accept-Encoding %q, want it to include br", r.Header.Get("Accept-Encoding"))
			}
			w.Header().Set("Content-Encoding", encoding)
			_, _ = w.Write(body)
		})
	}
	for _, encoding := range []string{"gzip", "br", "identity"} {
		answer(encoding, compress(encoding, []byte("<p>Rondón")))
		if page, err := f.Fetch(t.Context()); err != nil || string(page.Body) != "<p>Rondón" {
			t.Errorf("body with encoding %s: %q, %v, want the decompressed page", encoding, page.Body, err)
		}
		answer(encoding, compress(encoding, make([]byte, 17<<20)))
		if _, err := f.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "larger than 16 MiB") {
			t.Errorf("fetching a page of 17 MiB with encoding %s: %v, want an error about the size", encoding, err)
		}
	}
	whole := compress("gzip", []byte(strings.Repeat("<p>Rondón", 1000)))
	answer("gzip", whole[:len(whole)/2])
	if _, err := f.Fetch(t.Context()); err == nil {
		t.Error("half a compressed page is accepted, want an error")
	}
	answer("zstd", whole)
	if _, err := f.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), `"zstd"`) {
		t.Errorf("Fetch with an encoding that was not requested: %v, want an error that names the encoding", err)
	}
}

// A page that robots.txt forbids is not requested. If robots.txt cannot be fetched, no page is
// requested. If robots.txt does not exist, all pages are allowed.
func TestRobots(t *testing.T) {
	s := parsertest.NewSite(t)
	s.Answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<p>page") })
	s.Robots = "User-agent: *\nDisallow: /\n\nUser-agent: matchwire\nDisallow: /private\nAllow: /\n"
	if _, err := fetcher(t, quick, s.URL+"/match?id=1").Fetch(t.Context()); err != nil {
		t.Errorf("fetching an allowed page: %v, want the page", err)
	}
	var refused *page.RefusedError
	_, err := fetcher(t, quick, s.URL+"/private/1").Fetch(t.Context())
	if !errors.As(err, &refused) || !refused.Forbidden() || !strings.Contains(err.Error(), "robots.txt forbids the page") {
		t.Errorf("fetching a forbidden page: %v, want a RefusedError because of robots.txt", err)
	}
	ignoring := quick
	ignoring.IgnoreRobots = true
	if _, err := fetcher(t, ignoring, s.URL+"/private/1").Fetch(t.Context()); err != nil {
		t.Errorf("fetching a forbidden page with IgnoreRobots: %v, want the page", err)
	}
	before := s.Count()
	s.Robots = "User-agent: *\nDisallow: /\n"
	if _, err := fetcher(t, quick, s.URL+"/match").Fetch(t.Context()); !errors.As(err, &refused) || s.Count() != before {
		t.Errorf("Fetch with all pages forbidden: %v, %d more requests, want a RefusedError and no requests",
			err, s.Count()-before)
	}
	// The target of a redirect is also checked.
	other := parsertest.NewSite(t)
	other.Answer(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, s.URL+"/match", http.StatusFound) })
	if _, err := fetcher(t, quick, other.URL+"/x").Fetch(t.Context()); !errors.As(err, &refused) || s.Count() != before {
		t.Errorf("Fetch with a redirect to a forbidden page: %v, %d more requests, want a RefusedError and no requests",
			err, s.Count()-before)
	}

	status := http.StatusNotFound
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/robots.txt" {
			w.WriteHeader(status)
		}
	}))
	defer plain.Close()
	if _, err := fetcher(t, quick, plain.URL).Fetch(t.Context()); err != nil {
		t.Errorf("Fetch without a robots.txt: %v, want the page", err)
	}
	status = http.StatusServiceUnavailable
	if _, err := fetcher(t, quick, plain.URL).Fetch(t.Context()); !errors.As(err, &refused) || refused.Forbidden() {
		t.Errorf("Fetch with a robots.txt that cannot be fetched: %v, want a temporary RefusedError", err)
	}
}

// The client follows up to five redirects to robots.txt, and obeys the Crawl-delay in the file.
func TestRobotsBehindRedirects(t *testing.T) {
	hops := 5
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := 0
		if _, err := fmt.Sscanf(r.URL.Path, "/r%d", &n); err != nil && r.URL.Path != "/robots.txt" {
			fmt.Fprint(w, "<p>page")
			return
		}
		if n < hops {
			http.Redirect(w, r, fmt.Sprintf("/r%d", n+1), http.StatusFound)
			return
		}
		fmt.Fprint(w, "User-agent: *\nCrawl-delay: 0.3\nDisallow: /private\n")
	}))
	defer server.Close()
	began := time.Now()
	for range 2 {
		if _, err := fetcher(t, quick, server.URL+"/m").Fetch(t.Context()); err != nil {
			t.Errorf("Fetch with %d redirects to robots.txt: %v, want the page", hops, err)
		}
	}
	client := page.NewClient(quick)
	for range 3 {
		f, err := client.Fetcher(server.URL + "/m")
		if err == nil {
			_, err = f.Fetch(t.Context())
		}
		if err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(began); took < 600*time.Millisecond {
		t.Errorf("three pages of a host with a Crawl-delay of 0.3 s took %v, want at least 600ms", took)
	}
	hops = 6
	if _, err := fetcher(t, quick, server.URL+"/m").Fetch(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "redirects") {
		t.Errorf("Fetch with %d redirects to robots.txt: %v, want an error about redirects", hops, err)
	}
}

// The requests of all goroutines to one host are spaced, and at most two are in flight at the same time.
func TestRequestsAreSpaced(t *testing.T) {
	var mu sync.Mutex
	var times []time.Time
	var inFlight, most atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		times = append(times, time.Now())
		mu.Unlock()
		n := inFlight.Add(1)
		defer inFlight.Add(-1)
		for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
		}
		time.Sleep(150 * time.Millisecond)
		fmt.Fprint(w, "<p>page")
	}))
	defer server.Close()
	const gap = 40 * time.Millisecond
	client := page.NewClient(page.Options{PerHost: gap, IgnoreRobots: true, Policy: page.Policy{Private: true}})
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			f, err := client.Fetcher(server.URL)
			if err == nil {
				_, err = f.Fetch(t.Context())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	if most.Load() > 2 || len(times) != 8 {
		t.Errorf("%d requests, up to %d in flight; want 8, and at most 2 in flight", len(times), most.Load())
	}
	if took := times[7].Sub(times[0]); took < 7*gap {
		t.Errorf("8 requests within %v, want at least %v between two requests", took, gap)
	}
}

// A redirect from https to http is not followed.
func TestRedirectFromHTTPSToHTTP(t *testing.T) {
	plain := parsertest.NewSite(t)
	server := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer server.Close()
	client := page.NewClientOver(server.Client().Transport.(*http.Transport), netguard.Network{}, quick)
	f, err := client.Fetcher(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "redirect from https") ||
		plain.Count() > 0 {
		t.Errorf("Fetch: %v, %d requests over http, want an error about the redirect and no requests", err, plain.Count())
	}
}
