package app

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/matchwire/matchwire/internal/testenv"
)

const feedProfile = `profile: feed
sport: soccer
format: json
match: {id: {value: f1}, home: {jq: .home}, away: {jq: .away}, home_score: {jq: .hg}, away_score: {jq: .ag},
	status: {jq: .status}, league: {value: L}}
`

// keyedFeed starts a feed that answers only requests with the key and the parameter live=all.
func keyedFeed(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/robots.txt":
			http.NotFound(w, r)
		case r.Header.Get("X-Key") != testenv.Secret || r.URL.Query().Get("live") != "all":
			http.Error(w, "no key", http.StatusUnauthorized)
		default:
			fmt.Fprintf(w, `{"home":"A","away":"B","hg":1,"ag":0,"status":"live","key":%q}`, r.Header.Get("X-Key"))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// check accepts valid request settings. Each mistake in request settings causes an error. The output
// contains no secret.
func TestCaseRequestSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("FEED_KEY", testenv.Secret)
	t.Setenv("BAD_KEY", testenv.Secret+"\nX-Other: 1")
	write(t, map[string]string{"feed.yaml": feedProfile, "key.txt": testenv.Secret + "\n", "empty.txt": "\n"})
	source := func(settings string) string {
		return "sources:\n  - url: https://api.example/fixtures?live=all\n    profile: feed.yaml\n" + settings
	}
	for _, tc := range [][2]string{
		{source("    headers: {x-apisports-key: abc}\n"), ""},
		{source("    headers: {x-key: {env: FEED_KEY}, Authorization: {file: key.txt}}\n"), ""},
		{source("    method: POST\n    body: {file: key.txt}\n    cookies: true\n"), ""},
		{source("    query: {league: 39, date: '{date:2006-01-02}', key: {env: FEED_KEY}}\n    zone: Europe/London\n"), ""},
		{source("    body: '{\"query\": \"{ live }\"}'\n    proxy: http://user:pass@proxy.example:3128\n"), ""},
		{"requests:\n  api: {hosts: [api.example], headers: {x-key: {env: FEED_KEY}}}\n" + source("    request: api\n"), ""},
		{source("    headers: {x-key: {env: NO_KEY}}\n"),
			"matchwire.yaml:4:22: sources[0].headers.x-key: environment variable NO_KEY is empty"},
		{source("    headers: {x-key: {file: none.txt}}\n"), "matchwire.yaml:4:22: sources[0].headers.x-key: open"},
		{source("    headers: {x-key: {file: empty.txt}}\n"), "file empty.txt is empty"},
		{source("    headers: {x-key: {vault: a}}\n"),
			"matchwire.yaml:4:22: sources[0].headers.x-key: want a string, {file: NAME} or {env: NAME}"},
		{source("    headers: {x-key: {env: BAD_KEY}}\n"),
			"matchwire.yaml:4:22: sources[0].headers.x-key: header x-key: the value has a line break"},
		{source("    headers: {Host: a}\n"), "matchwire.yaml:4:21: sources[0].headers.Host: header Host: matchwire " +
			"controls this header"},
		{source("    headers: {x key: a}\n"), `header "x key": want a name`},
		{source("    headers: {x-key: a, X-KEY: b}\n"), "headers X-KEY and x-key have the same name"},
		{source("    headers: [a]\n"), "matchwire.yaml:4:14"},
		{source("    method: PUT\n"), `matchwire.yaml:2:8: sources[0]: method "PUT": want GET or POST`},
		{source("    method: GET\n    body: a\n"), "matchwire.yaml:5:11: sources[0].body: a GET request cannot have a body"},
		{source("    proxy: ftp://proxy\n"), "matchwire.yaml:4:12: sources[0].proxy: want the URL of a proxy"},
		{source("    proxy: {env: FEED_KEY}\n"), "matchwire.yaml:4:12: sources[0].proxy: want the URL of a proxy"},
		{source("    cookies: maybe\n"), `matchwire.yaml:4:14: sources[0].cookies: "maybe": want true or false`},
		{source("    header: {a: b}\n"), `matchwire.yaml:4:5: unknown field "header"`},
		{source("    query: {date: '{date:HH}'}\n"),
			"matchwire.yaml:4:19: sources[0].query.date: query date: {date:HH}: want a layout that shows the day"},
		{source("    zone: Mars/Olympus\n"), `zone "Mars/Olympus": want a time zone like Europe/Berlin`},
		{source("    request: api\n"), `request "api" does not exist`},
		{source("    request: api\n    cookies: true\n"), `request "api": set either request or the settings themselves`},
		{"requests:\n  api: {hosts: [other.example]}\n" + source("    request: "+"api\n"),
			`matchwire.yaml:4:8: sources[0]: request "api" is only for other.example`},
		{"requests:\n  api: {headers: {x-key: a}}\n", "matchwire.yaml:2:8: requests.api: hosts is missing"},
		{"requests:\n  api: {hosts: ['https://x']}\n", `host "https://x": want a host like api.example`},
		{"requests:\n  A P I: {hosts: [x]}\n", `request "A P I": want 1 to 60 characters from a-z`},
	} {
		settings, want := tc[0], tc[1]
		write(t, map[string]string{"matchwire.yaml": settings})
		code, out, errs := call(t, "", nil, "check")
		if want == "" && code != 0 || want != "" && (code != exitUsage || !strings.Contains(errs, want)) {
			t.Errorf("check of\n%s: exit %d, want the error %q, or success if it is empty:\n%s", settings, code, want, errs)
		}
		testenv.NoSecret(t, out, errs)
	}
}

// parse and record send the settings of the source with the same URL, or the settings that --request
// names. Their output and the saved pages contain no secret.
func TestCommandsWithRequestSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("FEED_KEY", testenv.Secret)
	feed := keyedFeed(t)
	host := strings.TrimPrefix(feed.URL, "http://")
	write(t, map[string]string{
		"feed.yaml": feedProfile,
		"matchwire.yaml": "requests:\n  keyed: {hosts: ['" + host + "'], headers: {x-key: {env: FEED_KEY}}}\n" +
			"  other: {hosts: [other.example], headers: {x-key: {env: FEED_KEY}}}\n" +
			"sources:\n  - {url: '" + feed.URL + "/f/{date}', profile: feed.yaml, headers: {x-key: {env: FEED_KEY}}, " +
			"query: {live: all}}\n",
	})
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"parse", feed.URL + "/f/{date}"}, 0, "A v B"},
		{[]string{"parse", feed.URL + "/g?live=all", "--request", "keyed"}, 0, "A v B"},
		{[]string{"parse", feed.URL + "/g?live=all"}, 1, "401 Unauthorized"},
		{[]string{"parse", feed.URL + "/g?live=all", "--request", "none"}, 2, `request "none" does not exist`},
		{[]string{"parse", feed.URL + "/g?live=all", "--request", "other"}, 2, "only for other.example"},
		{[]string{"record", feed.URL + "/f/{date}", "-o", "saved", "--for", "300ms"}, 0, "1 page saved"},
	} {
		code, out, errs := call(t, "", nil, append(tc.args, "-p", "feed.yaml")...)
		if code != tc.code || !strings.Contains(out+errs, tc.want) {
			t.Errorf("%v: exit %d, want %d and %s:\n%s%s", tc.args, code, tc.code, tc.want, out, errs)
		}
		testenv.NoSecret(t, out, errs)
	}
	files, err := filepath.Glob("saved/*")
	if err != nil || len(files) < 2 {
		t.Errorf("files %v, error %v, want a recording", files, err)
	}
	for _, f := range files {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		testenv.NoSecret(t, body)
	}
}

// Polls use the request settings of their source, whether the source is in the config or was added
// with an API call. The secrets do not appear in the log, in API responses or in saved pages. An
// API call can name request settings if these allow the host of its URL. It cannot contain the
// settings themselves.
func TestPollsWithRequestSettings(t *testing.T) {
	feed := keyedFeed(t)
	host := strings.TrimPrefix(feed.URL, "http://")
	dir := t.TempDir()
	write(t, map[string]string{
		filepath.Join(dir, "sites/feed.yaml"): feedProfile,
		filepath.Join(dir, "sites/list.yaml"): strings.Replace(strings.Replace(feedProfile, "profile: feed",
			"profile: other", 1), "value: f1", "value: f2", 1),
		filepath.Join(dir, "matchwire.yaml"): "profiles: sites\nfetch: {private_addresses: true}\ntrace: {pages: " +
			"pages}\nfailed_pages: failed\n" +
			"requests:\n  keyed: {hosts: ['" + host + "'], headers: {x-key: {env: FEED_KEY}}, query: {live: all}}\n" +
			"sources:\n  - {url: '" + feed.URL + "/a', profile: feed, headers: {x-key: {env: FEED_KEY}}, query: {live: " +
			"all, k: {env: FEED_KEY}}}\n",
	})
	p := start(t, "msg=serving", []string{"FEED_KEY=" + testenv.Secret, "MATCHWIRE_API_TOKEN=token-1", "AMQP_URL=",
		"REDIS_URL="},
		"run", "--config", filepath.Join(dir, "matchwire.yaml"), "--listen", "127.0.0.1:0", "--log-level", "debug")
	api := func(method, path, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+p.address()+path, bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer token-1")
		r.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		testenv.NoSecret(t, text)
		return resp.StatusCode, string(text)
	}
	for _, tc := range [][2]string{
		{`{"url":"` + feed.URL + `/b","profile":"other","request":"none"}`, "unknown request"},
		{`{"url":"` + feed.URL + `/b","profile":"other","headers":{"a":"b"}}`, "unknown field"},
		{`{"url":"http://localhost:1/b","profile":"other","request":"keyed"}`, "only for " + host},
		{`{"url":"` + feed.URL + `/b","profile":"other"}`, "fetch.ports"},
		{`{"url":"` + feed.URL + `/b","profile":"other","request":"keyed","zone":"Mars/Olympus"}`, "want a time zone"},
		{`{"url":"` + feed.URL + `/b","profile":"other","request":"source:123456"}`, "unknown request"},
	} {
		body, want := tc[0], tc[1]
		if code, text := api("POST", "/api/matches", body); code < 400 || code > 422 || !strings.Contains(text, want) {
			t.Errorf("POST %s: %d %s, want an error with %s", body, code, text, want)
		}
	}
	if code, text := api("POST", "/api/matches",
		`{"url":"`+feed.URL+`/b","profile":"other","request":"keyed"}`); code != http.StatusCreated {
		t.Fatalf("POST: %d %s, want 201", code, text)
	}
	p.eventually("both matches", func() bool {
		_, text := api("GET", "/api/matches", "")
		return strings.Contains(text, `"id":"f1"`) && strings.Contains(text, `"id":"f2"`)
	})
	_, text := api("GET", "/api/matches", "")
	if strings.Contains(text, "k=") || !strings.Contains(text, `"request":"keyed"`) {
		t.Errorf("matches %s, want the name of the settings, without their parameters", text)
	}
	p.stop(syscall.SIGTERM)
	testenv.NoSecret(t, p.output())
	files, _ := filepath.Glob(filepath.Join(dir, "pages", "*"))
	if len(files) == 0 {
		t.Error("the folder of saved pages is empty, want at least one page")
	}
}
