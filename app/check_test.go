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

// write writes files, and creates their folders.
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
  league: {value: Eredivisie}
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

// check parses the sample pages of every profile and reports each page with an unexpected result.
func TestCheck(t *testing.T) {
	code, out, errs := call(t, "", nil, "check")
	if code != 0 || strings.Count(out, "ok ") < 8 || strings.Contains(out, "no sample pages") {
		t.Fatalf("check of the shipped profiles: exit %d, want 0 and at least 8 checks that pass:\n%s%s", code, out, errs)
	}
	t.Chdir(t.TempDir())
	goal := "<li><i>5'</i><b>P</b></li>"
	write(t, map[string]string{
		"matchwire.yaml": "profiles: sites\n" +
			"sources:\n  - {url: 'https://x.example/1', profile: sites/tiny.yaml, match: m1}\n",
		"sites/tiny.yaml":    tinyProfile,
		"sites/tiny/a.html":  fmt.Sprintf(tinyPage, 0, "Live", ""),
		"sites/tiny/b.html":  fmt.Sprintf(tinyPage, 1, "FT", goal),
		"sites/other.yaml":   strings.Replace(tinyProfile, "tiny", "other", 1),
		"sites/other/c.html": fmt.Sprintf(tinyPage, 2, "Live", goal),
	})
	code, out, errs = call(t, "", nil, "check")
	for _, want := range []string{
		"ok    config matchwire.yaml", "1 source", "ok    profile sites/tiny.yaml", "2 sample pages",
		"FAIL  profile sites/other.yaml",
		"sites/other/c.html: incidents: the listed goals add up to 1-0, but the score is 2-0",
	} {
		if code != 1 || !strings.Contains(out, want) {
			t.Errorf("exit %d, want 1 and %q in:\n%s%s", code, want, out, errs)
		}
	}
	// --update saves the current result of a page, with its problems, as the expected result.
	code, out, errs = call(t, "", nil, "check", "--update", "sites/other.yaml")
	if want := "1 sample page, expectations updated, 1 problem kept\n"; code != 0 || !strings.HasSuffix(out, want) {
		t.Fatalf("exit %d, want %q at the end of:\n%s%s", code, want, out, errs)
	}
	if code, out, errs := call(t, "", nil, "check", "sites/other.yaml"); code != 0 {
		t.Errorf("check after --update: exit %d, want 0: %s%s", code, out, errs)
	}
	laterGoal := strings.Replace(goal, "5'", "6'", 1)
	write(t, map[string]string{"sites/other/c.html": fmt.Sprintf(tinyPage, 2, "Live", laterGoal)})
	code, out, _ = call(t, "", nil, "check", "sites/other.yaml")
	want := `sites/other/c.html: result differs from sites/other/c.html.expect.json:`
	if code != 1 || !strings.Contains(out, want) || !strings.Contains(out, `"minute": 6`) {
		t.Errorf("exit %d, want 1, %q and \"minute\": 6 in:\n%s", code, want, out)
	}
	write(t, map[string]string{"sites/other/c.html": "<h1>gone</h1>"})
	code, out, _ = call(t, "", nil, "check", "sites/other.yaml")
	if want := `"unusable": "the page names neither team`; code != 1 || !strings.Contains(out, want) {
		t.Errorf("exit %d, want 1 and %s in:\n%s", code, want, out)
	}
	// The expected result can be that a page is unusable. An expectation file without its
	// page is an error.
	code, out, errs = call(t, "", nil, "check", "--update", "sites/other.yaml")
	if want := "1 sample page, expectations updated, 1 unusable page kept\n"; code != 0 || !strings.HasSuffix(out, want) {
		t.Fatalf("exit %d, want %q at the end of:\n%s%s", code, want, out, errs)
	}
	if code, out, errs := call(t, "", nil, "check", "sites/other.yaml"); code != 0 {
		t.Errorf("check after --update: exit %d, want 0: %s%s", code, out, errs)
	}
	if err := os.Remove("sites/other/c.html"); err != nil {
		t.Fatal(err)
	}
	code, out, _ = call(t, "", nil, "check", "sites/other.yaml")
	want = "sites/other/c.html.expect.json: the sample page c.html is missing"
	if code != 1 || !strings.Contains(out, want) {
		t.Errorf("exit %d, want 1 and %s in:\n%s", code, want, out)
	}
	write(t, map[string]string{"sites/other.yaml": tinyProfile + "    shirt: u\n"})
	if code, _, errs := call(t, "", nil, "check"); code != 2 || !strings.Contains(errs, `other.yaml:16:5`) {
		t.Errorf("profile with an unknown key: exit %d, want 2 and an error at other.yaml:16:5: %s", code, errs)
	}
}

// The folder of profiles can contain other YAML files, such as the config itself. check lists the
// files that it ignores, except the config. A file that looks like a profile, or that a command
// names as a profile, must be a valid profile.
func TestOtherFilesBesideProfiles(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, map[string]string{
		"matchwire.yaml": "profiles: .\nconsumers:\n  notify: {channels: {log: {log: {}}}}\n",
		"tiny.yaml":      tinyProfile, "page.html": fmt.Sprintf(tinyPage, 0, "Live", ""),
		"sources.yaml": "- {url: 'https://x.example/1', profile: tiny}\n",
		"compose.yaml": "services: {web: {image: nginx}}\n",
		"fixture.yaml": "profile: tiny\nmatch: m1\npages:\n  - {file: page.html, at: 2026-11-28T15:00:00Z}\n",
	})
	code, out, errs := call(t, "", nil, "parse", "page.html", "-p", "tiny")
	if code != 0 || !strings.Contains(out, "Ajax v PSV") {
		t.Errorf("parse: exit %d, want 0 and the teams:\n%s%s", code, out, errs)
	}
	if code, out, errs := call(t, "", nil, "replay", ".", "--speed", "max", "--print"); code != 0 {
		t.Errorf("replay: exit %d, want 0:\n%s%s", code, out, errs)
	}
	code, out, errs = call(t, "", nil, "check")
	for _, want := range []string{"ok  profile tiny.yaml", "ok  file sources.yaml", "ok  file compose.yaml",
		"ok  file fixture.yaml", "ignored, because it is not a profile"} {
		if code != 0 || !strings.Contains(out, want) || strings.Contains(out, "file matchwire.yaml") {
			t.Errorf("check: exit %d, want 0, %q and no line for matchwire.yaml in:\n%s%s", code, want, out, errs)
		}
	}
	for _, args := range [][]string{{"check", "matchwire.yaml"}, {"parse", "page.html", "-p", "sources.yaml"}} {
		code, _, errs := call(t, "", nil, args...)
		if code != 2 || !strings.Contains(errs, "yaml:1:1: not a profile: want") {
			t.Errorf("%v: exit %d, want 2 and an error that the file is not a profile: %s", args, code, errs)
		}
	}
	for name, text := range map[string]string{
		"only a name": "profile: x\n", "a misspelled key": "sports: soccer\nmatch: {home: .h}\n",
		"a syntax error": "profile: [\n", "no content": "",
	} {
		write(t, map[string]string{"new.yaml": text})
		code, _, errs := call(t, "", nil, "parse", "page.html", "-p", "tiny")
		if code == 0 || !strings.Contains(errs, "new.yaml:") {
			t.Errorf("a profile with %s: exit %d, want a failure that names new.yaml: %s", name, code, errs)
		}
	}
}

// A fixture can be in the folder of the samples, beside other sample pages.
func TestCheckFixtureAmongSamples(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, map[string]string{
		"tiny.yaml": tinyProfile,
		"tiny/fixture.yaml": "profile: ../tiny.yaml\nmatch: m1\npages:\n  - {file: ./1.html, at: 2026-11-28T15:00:00Z}\n" +
			"  - {file: pages/2.html, at: 2026-11-28T15:05:00Z}\n",
		"tiny/1.html":       fmt.Sprintf(tinyPage, 0, "Live", ""),
		"tiny/pages/2.html": fmt.Sprintf(tinyPage, 0, "Live", ""),
		"tiny/other.html":   fmt.Sprintf(tinyPage, 0, "FT", ""),
	})
	code, out, errs := call(t, "", nil, "check", "tiny.yaml")
	if code != 0 || !strings.Contains(out, "3 sample pages") {
		t.Errorf("exit %d, want 0 and 3 sample pages:\n%s%s", code, out, errs)
	}
	if code, out, errs := call(t, "", nil, "replay", "tiny", "--speed", "max", "--print"); code != 0 {
		t.Errorf("replay: exit %d, want 0:\n%s%s", code, out, errs)
	}
	_, out, errs = call(t, "", nil, "check", "--update", "tiny.yaml")
	if strings.Count(out, "expectations updated") != 1 {
		t.Errorf("check --update: want only the expectation of other.html to be updated:\n%s%s", out, errs)
	}
	bad := fmt.Sprintf(tinyPage, 1, "Live", "")
	write(t, map[string]string{"tiny/1.html": bad, "tiny/pages/2.html": bad, "tiny/other.html": bad})
	code, out, _ = call(t, "", nil, "check", "tiny.yaml")
	for _, want := range []string{
		"tiny/1.html: incidents: no rows, though", "tiny/pages/2.html: incidents: no rows, though",
		"tiny/other.html: result differs"} {
		if code != 1 || !strings.Contains(out, want) {
			t.Errorf("exit %d, want 1 and %q in:\n%s", code, want, out)
		}
	}
}

// A page of a fixture can show no match on purpose. If it does show one, check reports it.
func TestCheckUnusablePage(t *testing.T) {
	t.Chdir(t.TempDir())
	usable := fmt.Sprintf(tinyPage, 0, "Live", "")
	write(t, map[string]string{
		"tiny.yaml": tinyProfile,
		"tiny/fixture.yaml": "profile: ../tiny.yaml\nmatch: m1\npages:\n  - {file: 1.html, at: 2026-11-28T15:00:00Z}\n" +
			"  - {file: 2.html, at: 2026-11-28T15:05:00Z, unusable: true}\n",
		"tiny/1.html": usable,
		"tiny/2.html": "<p>We are back soon.</p>",
	})
	if code, out, errs := call(t, "", nil, "check", "tiny.yaml"); code != 0 || !strings.Contains(out, "2 sample pages") {
		t.Errorf("exit %d, want 0 and 2 sample pages:\n%s%s", code, out, errs)
	}
	write(t, map[string]string{"tiny/2.html": usable})
	const want = "tiny/2.html: the page is usable, although fixture.yaml has unusable: true"
	if code, out, _ := call(t, "", nil, "check", "tiny.yaml"); code != 1 || !strings.Contains(out, want) {
		t.Errorf("exit %d, want 1 and %q in:\n%s", code, want, out)
	}
}

// record saves each new version of a page, and a copy of the profile. replay replays the
// recording.
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
	code, _, errs := call(t, "", nil,
		"record", site.URL+"/m", "-p", "tiny.yaml", "-o", "rec", "--match", "m1", "--every", "1s")
	for _, want := range []string{
		"page 1 saved", "Ajax v PSV, live 0–0", "page 2 saved", "live 1–0", "403 Forbidden",
		"4 fetches, 1 failed; 2 pages saved in ",
	} {
		if code != 1 || !strings.Contains(errs, want) {
			t.Errorf("record: exit %d, want 1 and %q in:\n%s", code, want, errs)
		}
	}
	if err := os.Remove("tiny.yaml"); err != nil { // the fixture has a copy
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
		t.Errorf("replay: exit %d, events %q, want %q\n%s", code, kinds, want, errs)
	}
	// check fails if a profile can no longer parse a recording.
	write(t, map[string]string{"broken.yaml": strings.Replace(tinyProfile, "rows: li", "rows: lii", 1)})
	if err := os.CopyFS("broken/rec", os.DirFS("rec")); err != nil {
		t.Fatal(err)
	}
	code, out, _ = call(t, "", nil, "check", "broken.yaml")
	for _, want := range []string{"incidents: no rows, though the score is not 0-0", "2 sample pages"} {
		if code != 1 || !strings.Contains(out, want) {
			t.Errorf("exit %d, want 1 and %q in:\n%s", code, want, out)
		}
	}
	// If record saves no page, it leaves no files.
	record := []string{"record", site.URL + "/m", "-p", "rec/profile.yaml", "--match", "m1", "-o"}
	if code, _, errs := call(t, "", nil, append(record, "none")...); code != 1 || !strings.Contains(errs, "403") {
		t.Errorf("site that responds with 403: exit %d, want 1 and an error with 403: %s", code, errs)
	}
	if left, _ := os.ReadDir("none"); len(left) > 0 {
		t.Errorf("a recording without a page left the files %v, want none", left)
	}
	code, _, errs = call(t, "", nil, append(record, "rec")...)
	if code != 2 || !strings.Contains(errs, "already has a fixture") {
		t.Errorf("folder that has a fixture: exit %d, want 2 and an error that says so: %s", code, errs)
	}
}

// check refuses two profiles with the same name. It reports each of your profiles that replaces a
// shipped profile.
func TestCheckProfileNames(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, map[string]string{
		"matchwire.yaml":      "profiles: sites\n",
		"sites/mysite.yaml":   tinyProfile,
		"sites/zz.yaml":       "# another file\n" + tinyProfile,
		"alone/abseits.yaml":  strings.Replace(tinyProfile, "profile: tiny", "profile: abseits", 1),
		"replaces.yaml":       "profiles: alone\n",
		"elsewhere/tiny.yaml": tinyProfile,
		"both.yaml": "profiles: alone2\nsources:\n" +
			"  - {url: 'https://x.example/1', profile: elsewhere/tiny.yaml, match: m1}\n",
		"alone2/tiny.yaml": tinyProfile,
		"same.yaml": "profiles: alone2\nsources:\n" +
			"  - {url: 'https://x.example/1', profile: ./alone2/tiny.yaml, match: m1}\n",
	})
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"check"}, 2,
			`profile sites/zz.yaml:2:10: profile: "tiny" is also the name of the profile in mysite.yaml: give each`},
		{[]string{"parse", "x.html", "-p", "tiny"}, 2, "is also the name of the profile in mysite.yaml"},
		{[]string{"check", "--config", "both.yaml"}, 2, "alone2/tiny.yaml and elsewhere/tiny.yaml have the same name, tiny"},
		{[]string{"check", "--config", "same.yaml"}, 0, "profile alone2/tiny.yaml"},
		{[]string{"check", "--config", "replaces.yaml"}, 0, "no sample pages, replaces the shipped profile abseits"},
	} {
		code, out, errs := call(t, "", nil, tc.args...)
		if code != tc.code || !strings.Contains(out+errs, tc.want) {
			t.Errorf("%v: exit %d, want %d and %s in:\n%s%s", tc.args, code, tc.code, tc.want, out, errs)
		}
	}
}

// An error about a source or the profile folder names the line in the config. If two sources
// conflict, the error also names the line of the other source.
func TestCheckSources(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, map[string]string{"tiny.yaml": tinyProfile, "file": ""})
	source := func(more string) string {
		return "  - {url: 'https://x.example/1', profile: tiny.yaml, " + more + "}\n"
	}
	for config, want := range map[string]string{
		"profiles: sitez\n":              `config matchwire.yaml:1:11: profiles: "sitez": no such folder`,
		"\n\nprofiles: file\n":           `config matchwire.yaml:3:11: profiles: "file": no such folder`,
		"\ufeffprofiles: none/of/this\n": `config matchwire.yaml:1:11: profiles: "none/of/this": no such folder`,
		"sources:\n" + source("match: m1") + source("match: m1"): "config matchwire.yaml:3:5: sources[1]: " +
			"duplicate source https://x.example/1: the source in line 2 is the same",
		"sources:\n" + source("match: m1") + source("match: m2"): "config matchwire.yaml:3:5: sources[1]: " +
			`match "m2": the source in line 2 has the same page with match "m1": a page shows one match`,
		"sources:\n" + source("match: m1, zone: EST"): `zone "EST": want a time zone like Europe/Berlin, not an abbreviation`,
		"sources:\n" + source("match: m1, zone: CET"): `zone "CET": want`,
		"sources: x\n":                        "config matchwire.yaml:1:10: sources: want a list",
		"sources:\n" + source("every: [15s]"): "config matchwire.yaml:2:",
	} {
		write(t, map[string]string{"matchwire.yaml": config})
		if code, out, errs := call(t, "", nil, "check"); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("%s\nexit %d, want 2 and %s in:\n%s%s", config, code, want, out, errs)
		}
	}
	write(t, map[string]string{"matchwire.yaml": "sources:\n" +
		source("match: m1, request: a") + source("match: m2, request: b") + source("match: m3, zone: Europe/Berlin") +
		"requests:\n  a: {hosts: [x.example], query: {id: '1'}}\n  b: {hosts: [x.example], query: {id: '2'}}\n"})
	if code, out, errs := call(t, "", nil, "check"); code != 0 {
		t.Errorf("three pages with one URL: exit %d, want 0:\n%s%s", code, out, errs)
	}
}

// check, and run when it refuses the config, report the mistakes in the config and in the profiles together.
func TestAllMistakesAtOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, map[string]string{
		"matchwire.yaml": `sorces: []
listen: 8080x
profiles: own
sources:
  - {url: "htp://x.example", profile: fbref, every: 5}
  - {url: "https://x.example", profile: bad}
consumers:
  notify: {channels: {phone: {ntfy: {topc: x}}, chat: {slack: {url: foo}}}, rules: [{kinds: [gol]}]}
`,
		"own/bad.yaml": "profile: bad\nsport: soccer\nhosts: [HTTP://x]\nmatch: {home: '[[', away: .a}\n",
	})
	want := []string{"matchwire: 9 mistakes:", `matchwire.yaml:1:1: unknown field "sorces"`, "matchwire.yaml:2:9: listen",
		`matchwire.yaml:5:11: sources[0].url: URL "htp://x.example"`, "matchwire.yaml:5:53: sources[0].every",
		`matchwire.yaml:8:38: unknown field "topc"`, "matchwire.yaml:8:69: consumers.notify.channels.chat.slack.url",
		`matchwire.yaml:8:94: consumers.notify.rules[0].kinds[0]`, "own/bad.yaml:3:9: hosts[0]",
		"own/bad.yaml:4:15: match.home"}
	for _, args := range [][]string{{"check"}, {"run"}} {
		code, _, errs := call(t, "", nil, args...)
		lines := strings.Split(strings.TrimSpace(errs), "\n")
		if code != 2 || len(lines) != len(want) {
			t.Fatalf("%v: code %d, %s; want code 2 and %d lines", args, code, errs, len(want))
		}
		for i, w := range want {
			if !strings.HasPrefix(strings.TrimSpace(lines[i]), w) {
				t.Errorf("%v: line %q, want %q", args, lines[i], w)
			}
		}
	}
	// run refuses a config whose values can all be decoded in the same way.
	write(t, map[string]string{"matchwire.yaml": `sources:
  - {url: "htp://x.example", profile: fbref}
  - {url: "https://x.example", profile: nope}
`})
	code, _, errs := call(t, "", nil, "run", "--data", "none")
	if code != 2 ||
		!strings.Contains(errs, "matchwire: matchwire.yaml: 2 mistakes:\n  matchwire.yaml:2:11: sources[0].url") ||
		!strings.Contains(errs, `matchwire.yaml:3:41: sources[1].profile: profile "nope" does not exist`) {
		t.Errorf("code %d, %s; want both sources", code, errs)
	}
	// The profiles of the recorded matches are not suggested: their sites do not exist.
	if strings.Contains(errs, "cup-live") {
		t.Errorf("%s: want no profile of a site that does not exist", errs)
	}
}
