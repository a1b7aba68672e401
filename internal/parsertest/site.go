package parsertest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// A Site is a website whose handler a test can replace. It records all requests except requests for
// robots.txt.
type Site struct {
	*httptest.Server
	Robots   string // content of robots.txt; set it before the first request
	mu       sync.Mutex
	handler  http.HandlerFunc // for pages
	requests []*http.Request
}

// NewSite starts a site and closes it when the test ends. Call Answer before the first request for a
// page.
func NewSite(t *testing.T) *Site {
	s := &Site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/robots.txt" {
			fmt.Fprint(w, s.Robots)
			return
		}
		s.mu.Lock()
		handler := s.handler
		s.requests = append(s.requests, r)
		s.mu.Unlock()
		handler(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// Answer makes h the handler of all later requests for pages.
func (s *Site) Answer(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handler = h
}

// Count returns the number of requests for pages.
func (s *Site) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

// Requests returns the requests for pages, oldest first.
func (s *Site) Requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// A Buffer is a buffer that goroutines can use concurrently.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends p to the buffer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String returns the content of the buffer.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
