package page_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/redact"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/page"
)

// A recordingServer records the requests for pages. It does not record requests for robots.txt.
type recordingServer struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

func newRecordingServer(t *testing.T, respond http.HandlerFunc) *recordingServer {
	t.Helper()
	s := &recordingServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/robots.txt" {
			http.NotFound(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.requests, s.bodies = append(s.requests, r), append(s.bodies, string(body))
		s.mu.Unlock()
		respond(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *recordingServer) received(t *testing.T) ([]*http.Request, []string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests, s.bodies
}

func requestFetcher(t *testing.T, u string, r *page.Request) *page.Fetcher {
	t.Helper()
	f, err := page.NewClient(quick).RequestFetcher(u, r)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// secretRequest returns settings with testenv.Secret in a header and in a parameter.
func secretRequest() *page.Request {
	return &page.Request{
		Header: http.Header{"X-Api-Key": {testenv.Secret}, "Accept": {"application/json"}},
		Query:  url.Values{"key": {testenv.Secret}, "live": {"all"}}, Secrets: redact.New(testenv.Secret),
	}
}

// A request has the headers, the parameters and the body of its settings. The page does not
// contain the secrets, even if the site repeats them.
func TestRequestSettings(t *testing.T) {
	t.Parallel()
	s := newRecordingServer(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "key %s for %s", r.Header.Get("X-Api-Key"), r.URL.RawQuery)
	})
	settings := secretRequest()
	settings.Body = `{"query": "live"}`
	got, err := requestFetcher(t, s.URL+"/feed?day=1", settings).Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, bodies := s.received(t)
	r := all[0]
	if r.Method != http.MethodPost || bodies[0] != settings.Body || r.Header.Get("X-Api-Key") != testenv.Secret ||
		r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Accept") != "application/json" ||
		r.URL.Query().Get("live") != "all" || r.URL.Query().Get("day") != "1" || r.URL.Query().Get("key") != testenv.Secret ||
		r.Header.Get("User-Agent") != page.UserAgent {
		t.Errorf("request %s %s %v with body %q, want a POST with the settings", r.Method, r.URL, r.Header, bodies[0])
	}
	if got.URL != s.URL+"/feed?day=1" {
		t.Errorf("page URL %s, want it without the parameters of the settings", got.URL)
	}
	testenv.NoSecret(t, got, got.Body)
}

// Headers, parameters and bodies are not sent to another host after a redirect.
func TestSecretsStayAtTheirHost(t *testing.T) {
	t.Parallel()
	other := newRecordingServer(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "other") })
	var status int
	s := newRecordingServer(t, nil)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/robots.txt":
			http.NotFound(w, r)
		case "/same":
			fmt.Fprint(w, r.Header.Get("X-Api-Key"))
		case "/to-same":
			http.Redirect(w, r, "/same", http.StatusFound)
		default:
			http.Redirect(w, r, other.URL+"/x", status)
		}
	})
	status = http.StatusFound
	got, err := requestFetcher(t, s.URL+"/to-other", secretRequest()).Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, _ := other.received(t)
	if len(all) != 1 || string(got.Body) != "other" {
		t.Fatalf("%d requests, body %q, want one request, and the body of the other host", len(all), got.Body)
	}
	testenv.NoSecret(t, all[0].Header, all[0].URL, got)
	settings := secretRequest()
	settings.Secrets = nil // do not redact the page, because it shows whether the site received the header
	if got, err = requestFetcher(t, s.URL+"/to-same", settings).Fetch(t.Context()); err != nil ||
		string(got.Body) != testenv.Secret {
		t.Errorf("body %q, error %v after a redirect to the same host, want the header", got.Body, err)
	}
	status = http.StatusTemporaryRedirect
	settings = secretRequest()
	settings.Body = testenv.Secret
	_, err = requestFetcher(t, s.URL+"/to-other", settings).Fetch(t.Context())
	if err == nil || !strings.Contains(err.Error(), "redirects the POST request to another host") {
		t.Errorf("error %v, want an error that refuses to redirect the body", err)
	}
	if all, _ = other.received(t); len(all) != 1 {
		t.Errorf("the other host received %d requests, want 1, from the earlier redirect", len(all))
	}
	testenv.NoSecret(t, err)
}

// Errors do not contain the secrets.
func TestErrorsOfRequestsHaveNoSecrets(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	loop := newRecordingServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.String()+"&again="+testenv.Secret, http.StatusFound)
	})
	proxy, err := page.CheckProxy("http://user:" + testenv.Secret + "@" + strings.TrimPrefix(gone.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		url   string
		proxy *url.URL
	}{
		"connection refused": {gone.URL + "/", nil}, "redirects": {loop.URL + "/", nil},
		"proxy refused": {"http://site.example/", proxy},
	} {
		settings := secretRequest()
		settings.Proxy = tc.proxy
		_, err := requestFetcher(t, tc.url, settings).Fetch(t.Context())
		if err == nil {
			t.Errorf("%s: no error, want one", name)
		}
		testenv.NoSecret(t, err, page.PublicReason(err))
	}
	_, err = page.CheckProxy("ftp://user:" + testenv.Secret + "@proxy")
	if err == nil {
		t.Error("CheckProxy accepts ftp, want an error")
	}
	testenv.NoSecret(t, err)
}

// A fetcher with cookies sends the cookies of its site. Other fetchers do not.
func TestCookies(t *testing.T) {
	t.Parallel()
	s := newRecordingServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "s1"})
		w.Header().Set("ETag", `"1"`)
		fmt.Fprint(w, r.Header.Get("Cookie"))
	})
	for _, cookies := range []bool{true, false} {
		f := requestFetcher(t, s.URL, &page.Request{Cookies: cookies})
		want := ""
		for range 2 {
			got, err := f.Fetch(t.Context())
			if err != nil || string(got.Body) != want {
				t.Errorf("cookies %t: body %q, error %v, want %q", cookies, got.Body, err, want)
			}
			if cookies {
				want = "session=s1"
			}
		}
	}
}

// A POST request is not conditional.
func TestPostIsNotConditional(t *testing.T) {
	t.Parallel()
	s := newRecordingServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"1"`)
		fmt.Fprint(w, "page")
	})
	f := requestFetcher(t, s.URL, &page.Request{Body: "a=b"})
	for range 2 {
		if _, err := f.Fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	all, _ := s.received(t)
	for _, r := range all {
		if r.Header.Get("If-None-Match") != "" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			t.Errorf("headers %v, want a form without If-None-Match", r.Header)
		}
	}
}

// Requests for pages and for robots.txt go through the proxy in the settings. Pages at private
// addresses are still refused, even after a redirect. The proxy itself can have a private address.
func TestProxyOfARequest(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.URL.String())
		mu.Unlock()
		switch r.URL.Path {
		case "/robots.txt":
			fmt.Fprint(w, "User-agent: *\nDisallow: /forbidden\n")
		case "/to-private":
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		default:
			fmt.Fprint(w, "via proxy "+r.Header.Get("Proxy-Authorization"))
		}
	}))
	defer proxy.Close()
	u, err := page.CheckProxy(strings.Replace(proxy.URL, "http://", "http://user:pass@", 1))
	if err != nil {
		t.Fatal(err)
	}
	client := page.NewClient(page.Options{PerHost: time.Millisecond}) // without private addresses
	fetch := func(url string) (page.Page, error) {
		f, err := client.RequestFetcher(url, &page.Request{Proxy: u})
		if err != nil {
			t.Fatal(err)
		}
		return f.Fetch(t.Context())
	}
	if got, err := fetch("http://site.example/page"); err != nil || string(got.Body) != "via proxy Basic dXNlcjpwYXNz" {
		t.Errorf("body %q, error %v, want a response from the proxy", got.Body, err)
	}
	var refused *page.RefusedError
	if _, err := fetch("http://site.example/forbidden"); !errors.As(err, &refused) || refused.Status != 0 {
		t.Errorf("error %v, want a RefusedError because of robots.txt", err)
	}
	var private *page.PrivateError
	for _, target := range []string{"http://10.0.0.1/", "http://localhost/", "http://site.example/to-private"} {
		if _, err := fetch(target); !errors.As(err, &private) {
			t.Errorf("%s: error %v, want a PrivateError", target, err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if fmt.Sprint(seen) != "[http://site.example/robots.txt http://site.example/page http://site.example/to-private]" {
		t.Errorf("the proxy received %v, want robots.txt, the page and the redirect", seen)
	}
}

// Settings that cannot be sent cause errors.
func TestRequestErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range [][3]string{
		{"X Key", "a", "want a name of letters"}, {"", "a", "want a name"}, {"Host", "a", "controls this header"},
		{"user-agent", "a", "controls this header"}, {"If-None-Match", "a", "controls this header"},
		{"X-Key", testenv.Secret + "\nX-Other: 1", "line break"},
	} {
		err := page.CheckHeader(tc[0], tc[1])
		if err == nil || !strings.Contains(err.Error(), tc[2]) {
			t.Errorf("header %q: error %v, want %s", tc[0], err, tc[2])
		}
		testenv.NoSecret(t, err)
	}
	if err := page.CheckHeader("x-apisports-key", "a b"); err != nil {
		t.Error(err)
	}
	_, err := page.NewClient(page.Options{}).
		RequestFetcher("https://other.example/", &page.Request{Hosts: []string{"api.example"}})
	if err == nil || !strings.Contains(err.Error(), "only for api.example") {
		t.Errorf("error %v, want an error that names the only host of the settings, api.example", err)
	}
}
