package parser_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser"
)

// A site answers with what its handler says at the moment.
type site struct {
	*httptest.Server
	robots   string
	mu       sync.Mutex
	answer   http.HandlerFunc
	requests []*http.Request
}

func newSite(t *testing.T) *site {
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/robots.txt" {
			fmt.Fprint(w, s.robots)
			return
		}
		s.mu.Lock()
		answer := s.answer
		s.requests = append(s.requests, r)
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) says(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = h
}

func (s *site) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func TestFetch(t *testing.T) {
	s := newSite(t)
	client := parser.NewClient(parser.Manners{PerHost: time.Millisecond, PrivateAddresses: true})
	f, err := client.Fetcher(s.URL + "/match")
	if err != nil {
		t.Fatal(err)
	}
	s.says(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Content-Type", "text/html; charset=iso-8859-1")
		fmt.Fprint(w, "<p>Mbapp\xe9")
	})
	page, err := f.Fetch(t.Context())
	if err != nil || !strings.HasPrefix(page.URL, s.URL) || page.Header.Get("Content-Type") == "" || page.At.IsZero() {
		t.Fatalf("%+v %v", page, err)
	}
	if ua := s.requests[0].UserAgent(); ua != parser.UserAgent {
		t.Errorf("User-Agent %q", ua)
	}
	if _, err := f.Fetch(t.Context()); !errors.Is(err, parser.ErrUnchanged) {
		t.Errorf("unchanged page: %v", err)
	}
	f.Forget()
	if _, err := f.Fetch(t.Context()); err != nil {
		t.Errorf("forgotten page: %v", err)
	}
	s.says(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) })
	if _, err := f.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("redirects without end: %v", err)
	}
	s.says(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 17<<20)) })
	if _, err := f.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "larger than 16 MiB") {
		t.Errorf("a page without end: %v", err)
	}
	s.says(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	var refused *parser.RefusedError
	if _, err := f.Fetch(t.Context()); !errors.As(err, &refused) || refused.Status != 429 || refused.Wait != 7*time.Second {
		t.Errorf("429: %v", err)
	}
	// Within the 7 seconds nobody asks the host for anything.
	other, err := client.Fetcher(s.URL + "/other")
	if err != nil {
		t.Fatal(err)
	}
	before := s.count()
	if _, err := other.Fetch(t.Context()); !errors.As(err, &refused) || refused.Wait <= 0 || refused.Wait > 7*time.Second || s.count() != before {
		t.Errorf("asked again: %v, %d requests more", err, s.count()-before)
	}
	for _, bad := range []string{"", "ftp://x/", "http://", "file:///etc/passwd", "http://user:" + testenv.Secret + "@[bad"} {
		_, err := client.Fetcher(bad)
		if err == nil {
			t.Errorf("URL %q is taken", bad)
		}
		testenv.NoSecret(t, err)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
