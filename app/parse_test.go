package app

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const listProfile = `profile: list
sport: soccer
matches: li
empty: {when: {yes: .none}}
match:
  id: {attr: id}
  home: b
  away: u
  start: {css: i, layout: 2006-01-02 15:04}
  league: {value: L}
`

// parse fails if a profile for lists finds no match. The error describes the page. parse does not
// fail if the profile recognizes the page as an empty list.
func TestCaseListProfileOnAForeignPage(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, map[string]string{
		"list.yaml": listProfile,
		"feed.yaml": "profile: feed\nsport: soccer\nformat: json\nmatches: {jq: '.games[]'}\nempty: {jq: '.games " +
			"== []'}\nmatch: {id: {jq: .id}, home: {jq: .h}, away: {jq: .a}, league: {value: L}}\n",
		"tiny.yaml":    tinyProfile,
		"empty.html":   "<div class=none></div>",
		"heading.html": "<title>All games</title><li>Saturday</li>",
		"teams.html":   "<li><b>A</b></li>",
		"tiny.html":    fmt.Sprintf(tinyPage, 0, "Live", ""),
		"wall.html":    "<html><title>Before you continue</title></html>",
		"empty.json":   `{"games": []}`,
		"error.json":   `{"error": "quota", "code": 7}`,
		"list.json":    `[1]`,
	})
	for _, tc := range []struct {
		page, profile string
		code          int
		want          string
	}{
		{"empty.html", "list.yaml", 0, "0 matches"},
		{"empty.json", "feed.yaml", 0, "0 matches"},
		{"heading.html", "list.yaml", 1, "no match found: no row is a match (rows: 1)\nthe page is HTML with the " +
			"title \"All games\"; no known profile"},
		{"teams.html", "list.yaml", 1, "no match found: no row is a match (rows: 1)"},
		{"tiny.html", "list.yaml", 1, "no match found: no rows\nthe page is HTML without a title"},
		{"wall.html", "list.yaml", 1, `the page is HTML with the title "Before you continue"`},
		{"wall.html", "tiny.yaml", 1, `the page is HTML with the title "Before you continue"`},
		{"error.json", "feed.yaml", 1, "no match found: no rows\nthe page is JSON with the members code, error; no " +
			"known profile"},
		{"list.json", "list.yaml", 1, "the page is JSON; no known profile"},
	} {
		for _, flags := range [][]string{nil, {"--json"}} {
			code, out, errs := call(t, "", nil, append([]string{"parse", tc.page, "-p", tc.profile}, flags...)...)
			if code != tc.code || flags == nil && !strings.Contains(out+errs, tc.want) {
				t.Errorf(
					"parse %s with %s %v: exit %d, want %d and %s:\n%s%s",
					tc.page,
					tc.profile,
					flags,
					code,
					tc.code,
					tc.want,
					out,
					errs,
				)
			}
			if code == 1 && !strings.Contains(errs, "set empty in the profile") && !strings.Contains(errs, "neither team") &&
				!strings.Contains(errs, "not HTML") {
				t.Errorf("parse %s with %s: want the key empty, \"neither team\" or \"not HTML\" in the error:\n%s",
					tc.page, tc.profile, errs)
			}
		}
	}
}

// parse prints one line for all problems with the same cause. With --json, it prints each problem.
func TestCaseProblemsAreGrouped(t *testing.T) {
	t.Chdir(t.TempDir())
	page := strings.Repeat("<li id=m%d><b>A</b><u>B</u><i>soon</i></li>", 126)
	for n := range 126 {
		page = strings.Replace(page, "%d", fmt.Sprint(n), 1)
	}
	write(t, map[string]string{"list.yaml": listProfile, "page.html": page})
	code, out, errs := call(t, "", nil, "parse", "page.html", "-p", "list.yaml")
	const line = `matches row 1: match.start: "soon" is not a time in the layout "2006-01-02 15:04" ` +
		`(126 times: also row 2, row 3, row 4, …)`
	if code != 0 || strings.Count(out, "soon") != 2 || !strings.Contains(out, "126 problems:\n  "+line+"\n") {
		t.Errorf("exit %d, want 0, \"soon\" twice and %s:\n%s%s", code, line, out, errs)
	}
	code, out, errs = call(t, "", nil, "parse", "page.html", "-p", "list.yaml", "--json")
	var result struct {
		Problems []struct{ Field, Message string }
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil || code != 0 || len(result.Problems) != 126 {
		t.Errorf("exit %d, %d problems, error %v, want 126 problems:\n%s", code, len(result.Problems), err, errs)
	}
}
