package apiclient_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/internal/apiclient"
	"github.com/matchwire/matchwire/internal/problem"
	"github.com/matchwire/matchwire/internal/testenv"
)

// serve starts a server, and returns a client for it with a token.
func serve(t *testing.T, h http.HandlerFunc) *apiclient.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := apiclient.New(s.URL, testenv.Secret)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The error of a failed call has the reason from the server, and never the token.
func TestErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		respond http.HandlerFunc
		want    string
	}{
		"problem": {func(w http.ResponseWriter, _ *http.Request) {
			problem.Write(w, http.StatusForbidden, "not with this token", "")
		}, "not with this token"},
		"another program": {http.NotFound, "does not serve the API or the streams of matchwire: HTTP status 404 Not Found"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://other.example/", http.StatusFound)
		}, "HTTP status 302 Found"},
		"no JSON": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
			"reading the response to GET /api/instances"},
		"no HTTP": {func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				conn.Close()
			}
		}, "no matchwire answers at http://127.0.0.1"},
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Authorization"); got != "Bearer "+testenv.Secret {
				t.Errorf("%s: the header Authorization is %q, want the token", name, got)
			}
			tc.respond(w, r)
		})
		_, err := c.Instances(t.Context())
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", name, err, tc.want)
		}
		testenv.NoSecret(t, err)
	}
}

// If nothing listens at the address, the error says so, without the words of the operating system.
func TestNothingListens(t *testing.T) {
	t.Parallel()
	c, err := apiclient.New("http://127.0.0.1:1", "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Instances(t.Context())
	if want := "no matchwire answers at http://127.0.0.1:1"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Instances(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context has ended: error %v, want %v", err, context.Canceled)
	}
}

// A path below the URL of the server belongs to every call. An ID is one element of the path.
func TestPaths(t *testing.T) {
	t.Parallel()
	paths := make(chan string, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths <- r.URL.RequestURI()
		http.NotFound(w, r)
	}))
	defer s.Close()
	c, err := apiclient.New(s.URL+"/scores/", "")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Trace(t.Context(), "a/b?c", 7)
	if got, want := <-paths, "/scores/api/trace/a%2Fb%3Fc?jobs=7"; got != want {
		t.Errorf("the call has the path %s, want %s", got, want)
	}
}

// New refuses what is not the URL of a server. The error never contains a password.
func TestServerURL(t *testing.T) {
	t.Parallel()
	for _, server := range []string{
		"localhost:8080", "", "ftp://localhost", "http://", "http://localhost?a=b", "http://localhost#a", "http://%zz",
		"http://user:" + url.QueryEscape(testenv.Secret) + "@localhost", "user:" + testenv.Secret + "@localhost",
	} {
		_, err := apiclient.New(server, "")
		if err == nil {
			t.Errorf("New(%q): no error, want one", server)
		}
		testenv.NoSecret(t, err)
	}
}
