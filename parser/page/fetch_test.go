package page_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/page"
)

func TestFetch(t *testing.T) {
	s := parsertest.NewSite(t)
	client := page.NewClient(page.Options{PerHost: time.Millisecond, Policy: page.Policy{Private: true}})
	f, err := client.Fetcher(s.URL + "/match")
	if err != nil {
		t.Fatal(err)
	}
	s.Answer(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Content-Type", "text/html; charset=iso-8859-1")
		fmt.Fprint(w, "<p>Mbapp\xe9")
	})
	fetched, err := f.Fetch(t.Context())
	if err != nil || !strings.HasPrefix(fetched.URL, s.URL) || fetched.Header.Get("Content-Type") == "" ||
		fetched.At.IsZero() {
		t.Fatalf("Fetch: %+v, %v, want a page with a URL, a Content-Type and a time", fetched, err)
	}
	if ua := s.Requests()[0].UserAgent(); ua != page.UserAgent {
		t.Errorf("User-Agent %q, want %q", ua, page.UserAgent)
	}
	if _, err := f.Fetch(t.Context()); !errors.Is(err, page.ErrUnchanged) {
		t.Errorf("fetching an unchanged page: %v, want ErrUnchanged", err)
	}
	f.Forget()
	if _, err := f.Fetch(t.Context()); err != nil {
		t.Errorf("Fetch after Forget: %v, want the page", err)
	}
	s.Answer(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) })
	if _, err := f.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("Fetch with endless redirects: %v, want an error about redirects", err)
	}
	s.Answer(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 17<<20)) })
	if _, err := f.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "larger than 16 MiB") {
		t.Errorf("fetching a page of 17 MiB: %v, want an error about the size", err)
	}
	s.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	var refused *page.RefusedError
	if _, err := f.Fetch(t.Context()); !errors.As(err, &refused) || refused.Status != 429 ||
		refused.Wait != 7*time.Second {
		t.Errorf("Fetch with a 429 response: %v, want a RefusedError with Wait 7s", err)
	}
	// The client sends no request to the host within these 7 seconds.
	other, err := client.Fetcher(s.URL + "/other")
	if err != nil {
		t.Fatal(err)
	}
	before := s.Count()
	_, err = other.Fetch(t.Context())
	if !errors.As(err, &refused) || refused.Wait <= 0 || refused.Wait > 7*time.Second || s.Count() != before {
		t.Errorf("Fetch within Retry-After: %v, %d more requests, want a RefusedError and no requests",
			err, s.Count()-before)
	}
	for _, bad := range []string{"", "ftp://x/", "http://", "file:///etc/passwd",
		"http://user:" + testenv.Secret + "@[bad"} {
		_, err := client.Fetcher(bad)
		if err == nil {
			t.Errorf("URL %q is accepted, want an error", bad)
		}
		testenv.NoSecret(t, err)
	}
}

// Every request shows the contact, including the request for robots.txt.
func TestContact(t *testing.T) {
	agents := map[string]string{} // by path
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		agents[r.URL.Path] = r.UserAgent()
	}))
	defer s.Close()
	o := quick
	o.Contact = "https://club.example/bot"
	if _, err := fetcher(t, o, s.URL+"/live").Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	const agent = "matchwire (+https://github.com/matchwire/matchwire; https://club.example/bot)"
	if want := map[string]string{"/robots.txt": agent, "/live": agent}; !maps.Equal(agents, want) {
		t.Errorf("the requests have the User-Agents %v, want %v", agents, want)
	}
}

func TestCheckContact(t *testing.T) {
	for contact, valid := range map[string]bool{
		"me@club.example": true, "https://club.example/bot?a=b": true, "http://club.example": true,
		"": false, "me": false, "club.example": false, "Ann <me@club.example>": false, "mailto:me@club.example": false,
		"https://a:b@club.example/": false, "https://club.example/(bot)": false, "https://club.example/a b": false,
		"https://club.example/\r\nX: y": false, "https://club.example/ü": false,
		"https://club.example/" + strings.Repeat("x", 200): false,
	} {
		if err := page.CheckContact(contact); (err == nil) != valid {
			t.Errorf("CheckContact(%q): error %v, want valid %v", contact, err, valid)
		}
	}
}
