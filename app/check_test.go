package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/matchwire/matchwire/event"
)

func write(t *testing.T, files map[string]string) {
	t.Helper()
	for name, body := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const tinyProfile = `profile: tiny
sport: soccer
match:
  home: .h
  away: .a
  home_score: .hs
  away_score: .as
  status: {css: p, map: {Live: live, FT: ended}}
incidents:
  - rows: li
    kind: {value: goal}
    side: {value: home}
    player: b
    clock: i
`

const tinyPage = `<b class=h>Ajax</b><b class=a>PSV</b><u class=hs>%d</u><u class=as>0</u><p>%s</p>%s`

// check runs every profile against its sample pages, and says which page gives
// what it should not.
func TestCheck(t *testing.T) {
	code, out, errs := call(t, "", nil, "check")
	if code != 0 || strings.Count(out, "ok ") < 11 || strings.Contains(out, "no sample pages") {
		t.Fatalf("matchwire's own profiles: exit %d\n%s%s", code, out, errs)
	}
	t.Chdir(t.TempDir())
	goal := "<li><i>5'</i><b>P</b></li>"
	write(t, map[string]string{
		"matchwire.yaml":     "profiles: sites\nsources:\n  - {url: 'https://x.example/1', profile: sites/tiny.yaml, match: m1}\n",
		"sites/tiny.yaml":    tinyProfile,
		"sites/tiny/a.html":  fmt.Sprintf(tinyPage, 0, "Live", ""),
		"sites/tiny/b.html":  fmt.Sprintf(tinyPage, 1, "FT", goal),
		"sites/other.yaml":   strings.Replace(tinyProfile, "tiny", "other", 1),
		"sites/other/c.html": fmt.Sprintf(tinyPage, 2, "Live", goal),
	})
	code, out, errs = call(t, "", nil, "check")
	for _, want := range []string{"ok     config matchwire.yaml", "1 source", "ok     profile sites/tiny.yaml", "2 sample pages",
		"FAULT  profile sites/other.yaml", "sites/other/c.html: incidents: the goals listed make 1-0, the score is 2-0"} {
		if code != 1 || !strings.Contains(out, want) {
			t.Errorf("exit %d, lacks %q:\n%s%s", code, want, out, errs)
		}
	}
	// What a page gives now, problems and all, becomes what it must give.
	if code, _, errs := call(t, "", nil, "check", "--update", "sites/other.yaml"); code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if code, out, errs := call(t, "", nil, "check", "sites/other.yaml"); code != 0 {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	write(t, map[string]string{"sites/other/c.html": fmt.Sprintf(tinyPage, 2, "Live", strings.Replace(goal, "5'", "6'", 1))})
	code, out, _ = call(t, "", nil, "check", "sites/other.yaml")
	if want := `sites/other/c.html: not as expected: sites/other/c.html.expect.json:`; code != 1 || !strings.Contains(out, want) || !strings.Contains(out, `"minute": 6`) {
		t.Errorf("exit %d, lacks %q:\n%s", code, want, out)
	}
	write(t, map[string]string{"sites/other/c.html": "<h1>gone</h1>"})
	if code, out, _ = call(t, "", nil, "check", "sites/other.yaml"); code != 1 || !strings.Contains(out, `"unusable": "the page names neither team`) {
		t.Errorf("exit %d:\n%s", code, out)
	}
	// A page that must not be usable can be a sample too; an expectation
	// without its page cannot.
	if code, _, errs := call(t, "", nil, "check", "--update", "sites/other.yaml"); code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if code, out, errs := call(t, "", nil, "check", "sites/other.yaml"); code != 0 {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if err := os.Remove("sites/other/c.html"); err != nil {
		t.Fatal(err)
	}
	if code, out, _ = call(t, "", nil, "check", "sites/other.yaml"); code != 1 || !strings.Contains(out, "sites/other/c.html.expect.json: there is no such page") {
		t.Errorf("exit %d:\n%s", code, out)
	}
	write(t, map[string]string{"sites/other.yaml": tinyProfile + "    shirt: u\n"})
	if code, _, errs := call(t, "", nil, "check"); code != 2 || !strings.Contains(errs, `sites/other.yaml:15:5`) && !strings.Contains(errs, `other.yaml:15:5`) {
		t.Errorf("a profile that cannot be read: exit %d: %s", code, errs)
	}
}

// A page is recorded as it changes, with the profile beside it, and the
// recording plays.
func TestRecord(t *testing.T) {
	var polls atomic.Int64
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/robots.txt" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		switch n := polls.Add(1); {
		case n < 3:
			fmt.Fprintf(w, tinyPage, 0, "Live", "")
		case n < 4:
			fmt.Fprintf(w, tinyPage, 1, "Live", "<li><i>5'</i><b>P</b></li>")
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer site.Close()
	t.Chdir(t.TempDir())
	write(t, map[string]string{"tiny.yaml": tinyProfile})
	code, _, errs := call(t, "", nil, "record", site.URL+"/m", "-p", "tiny.yaml", "-o", "rec", "--match", "m1", "--every", "1s")
	for _, want := range []string{"page 1 kept", "Ajax v PSV, live 0–0", "page 2 kept", "live 1–0", "403 Forbidden", "4 polls, 1 without a page; 2 pages kept in "} {
		if code != 1 || !strings.Contains(errs, want) {
			t.Errorf("exit %d, lacks %q:\n%s", code, want, errs)
		}
	}
	if err := os.Remove("tiny.yaml"); err != nil { // the recording has its own
		t.Fatal(err)
	}
	code, out, errs := call(t, "", nil, "replay", "rec", "--speed", "max", "--print")
	var kinds []string
	for line := range strings.Lines(out) {
		var e event.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, string(e.Data.Kind)+" "+e.Subject+" "+e.Data.Player)
	}
	if want := []string{"match_start m1 ", "period_start m1 ", "goal m1 P"}; code != 0 || !slices.Equal(kinds, want) {
		t.Errorf("exit %d, %q, want %q\n%s", code, kinds, want, errs)
	}
	// A recording whose profile no longer understands it is a fault of the profile.
	write(t, map[string]string{"broken.yaml": strings.Replace(tinyProfile, "rows: li", "rows: lii", 1)})
	if err := os.CopyFS("broken/rec", os.DirFS("rec")); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := call(t, "", nil, "check", "broken.yaml"); code != 1 || !strings.Contains(out, "incidents: no rows, though the score is not 0-0") || !strings.Contains(out, "2 sample pages") {
		t.Errorf("exit %d:\n%s", code, out)
	}
	// One of no page leaves nothing behind.
	if code, _, errs := call(t, "", nil, "record", site.URL+"/m", "-p", "rec/profile.yaml", "-o", "none", "--match", "m1"); code != 1 || !strings.Contains(errs, "403") {
		t.Errorf("a site that forbids it: exit %d: %s", code, errs)
	}
	if left, _ := os.ReadDir("none"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if code, _, errs := call(t, "", nil, "record", site.URL+"/m", "-p", "rec/profile.yaml", "-o", "rec", "--match", "m1"); code != 2 || !strings.Contains(errs, "already has a fixture") {
		t.Errorf("into a folder in use: exit %d: %s", code, errs)
	}
}
