package matchwire_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// markdownFiles returns the paths of the Markdown files in the repository.
func markdownFiles(t *testing.T) (files []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || d.Name() == "testdata"):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(file, ".md"):
			files = append(files, filepath.ToSlash(file))
		}
		return nil
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d Markdown files, error %v; want one or more", len(files), err)
	}
	return files
}

// readFile returns the contents of a file.
func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	fenced   = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	codeSpan = regexp.MustCompile("`[^`\n]*`")
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ +(.*)$`)
)

// anchors returns the anchors that GitHub creates for the headings of a Markdown text.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		all[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(h[1]))] = true
	}
	return all
}

// Every relative link in a Markdown file leads to an existing file and, if the link has a fragment, to a
// heading in that file.
func TestLinks(t *testing.T) {
	links := 0
	for _, file := range markdownFiles(t) {
		text := codeSpan.ReplaceAllString(fenced.ReplaceAllString(readFile(t, file), ""), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, fragment, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, ":") { // a URL
				continue
			}
			links++
			to := file
			if target != "" {
				to = path.Join(path.Dir(file), target)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: link %s: %v", file, m[1], err)
				continue
			}
			if fragment != "" && !anchors(readFile(t, to))[fragment] {
				t.Errorf("%s: link %s: %s does not have this heading", file, m[1], to)
			}
		}
	}
	if links == 0 {
		t.Error("found no relative links, want one or more")
	}
}

// testNames returns the names of all tests, fuzz tests and benchmarks.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]*)\(`)
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(file, "_test.go"):
			for _, m := range function.FindAllStringSubmatch(readFile(t, file), -1) {
				names[m[1]] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

var namedTest = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]*)")

// Every test that a page in docs names exists. Every row of the tables in docs/security.md names a test.
func TestNamedTests(t *testing.T) {
	tests := testNames(t)
	for _, file := range markdownFiles(t) {
		if !strings.HasPrefix(file, "docs/") {
			continue
		}
		text := readFile(t, file)
		for _, m := range namedTest.FindAllStringSubmatch(text, -1) {
			if !tests[m[1]] {
				t.Errorf("%s: test %s does not exist", file, m[1])
			}
		}
		if file != "docs/security.md" {
			continue
		}
		rows := 0
		for line := range strings.Lines(text) {
			switch {
			case !strings.HasPrefix(line, "| "), strings.HasSuffix(line, "| test |\n"): // no row, or a heading
			case namedTest.MatchString(line):
				rows++
			default:
				t.Errorf("%s: no test is named in the row\n%s", file, line)
			}
		}
		if rows == 0 {
			t.Errorf("%s: found no rows with tests, want one or more", file)
		}
	}
}

const (
	decisions        = "docs/decisions" // folder
	maxDecisionLines = 60               // maximum number of lines of a page in decisions
)

// decisionHeadings are the headings of every page in docs/decisions. Evidence replaces Measured on a page
// that lists tests and has no measurements.
var decisionHeadings = []string{"Context", "Decision", "Measured", "Consequences", "Alternatives"}

// The index of docs/decisions lists every page once. Each page is short and has the expected headings.
// All tests, benchmarks, files and packages that a page names exist.
func TestDecisions(t *testing.T) {
	pages, err := filepath.Glob(decisions + "/*.md")
	if err != nil || len(pages) < 2 {
		t.Fatalf("found %d pages, error %v; want two or more", len(pages), err)
	}
	index := readFile(t, decisions+"/README.md")
	for _, page := range pages {
		name, text := filepath.Base(page), readFile(t, page)
		for _, m := range regexp.MustCompile("`([a-z]+)(/[A-Za-z0-9._/-]+)`").FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(m[1]); err != nil {
				continue // the path of another module or of the standard library, such as net/http
			}
			if _, err := os.Stat(m[1] + m[2]); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if name == "README.md" {
			continue
		}
		if n := strings.Count(index, "]("+name+")"); n != 1 {
			t.Errorf("the index lists %s %d times, want once", name, n)
		}
		if n := strings.Count(text, "\n"); n > maxDecisionLines {
			t.Errorf("%s has %d lines, want at most %d", name, n, maxDecisionLines)
		}
		var found []string
		for _, h := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(text, -1) {
			if h[1] == "Evidence" {
				h[1] = "Measured"
			}
			found = append(found, h[1])
		}
		if !slices.Equal(found, decisionHeadings) {
			t.Errorf("%s has the headings %q, want %q", name, found, decisionHeadings)
		}
	}
}

// The README shows the command that runs the demo, and the command that runs the tests.
func TestREADMECommands(t *testing.T) {
	t.Parallel()
	text := readFile(t, "README.md")
	for _, command := range []string{"go run ./cmd/matchwire demo", "make test"} {
		if !strings.Contains(text, "\n```sh\n"+command+"\n```\n") {
			t.Errorf("README.md has no block with the command %q", command)
		}
	}
}

// docs/privacy.md says how long data is kept, as the code does.
func TestPrivacyRetention(t *testing.T) {
	t.Parallel()
	page := readFile(t, "docs/privacy.md")
	for _, tc := range []struct{ data, retention, file, declaration string }{
		{"`mw:push:{<channel>}:from:<address>`", "at most 61 minutes", "consumers/notify/subscribers.go",
			"ratelimit.Request{Gap: 3 * time.Minute, Burst: 20}"},
		{"`mw:push:{<channel>}:from:<address>`", "a minute", "internal/ratelimit/ratelimit.go", "+ 60000"},
		{"`mw:notify:<channel>:{<incident>}`", "48 hours", "consumers/notify/deliveries.go",
			"keepDeliveries = 48 * time.Hour"},
		{"`consumer.notify.<channel>.dead`", "30 days", "broker/rabbit/topology.go", "deadAge    = 30 * 24 * time.Hour"},
		{"queues `consumer.<name>`", "7 days", "broker/rabbit/topology.go", "queueAge   = 7 * 24 * time.Hour"},
		{"`live_events.log`", "7 days", "broker/rabbit/topology.go", `logAge          = "7D"`},
		{"`live_events.log`", "10 GB", "broker/rabbit/topology.go", "logBytes        = 10_000_000_000"},
		{"`mw:{trace:<tid>}`", "48 hours", "internal/pipeline/config.go", "defaultTraceKeep = 48 * time.Hour"},
		{"`mw:{<match>}:state`", "30 days", "parser/poll/store.go", "stateTTL = 30 * 24 * time.Hour"},
		{"`mw:{source:<id>}:watch`", "30 days", "parser/poll/sourcestore.go", "sourceTTL = 30 * 24 * time.Hour"},
		{"`mw:{<match>}:scoreboard`", "72 hours", "consumers/scoreboard/scoreboard.go", `Settings{Keep: "72h"}`},
		{"`trace.pages`", "5,000 pages or 1 GiB", "parser/page/archive.go", "= 5000 "},
		{"`trace.pages`", "5,000 pages or 1 GiB", "parser/page/archive.go", "= 1 << 30 "},
		{"`failed_pages`", "50 pages", "parser/recording/keeper.go", "= 50 "},
		{"`mw:{fanout}:checkpoints`", "64 checkpoints", "fanout/eventlog/checkpoint.go", "if n <= 64 then"},
	} {
		row := regexp.MustCompile(`(?m)^\|.*` + regexp.QuoteMeta(tc.data) + `.*\| [^|]*` + regexp.QuoteMeta(tc.retention))
		if !row.MatchString(page) {
			t.Errorf("docs/privacy.md has no row for %s with %q at its end", tc.data, tc.retention)
		}
		if !strings.Contains(readFile(t, tc.file), tc.declaration) {
			t.Errorf("%s does not contain %q: correct docs/privacy.md and this test", tc.file, tc.declaration)
		}
	}
}

// The code blocks of a page call either the installed program or the source code in a clone, not both.
func TestPagesCallOneProgram(t *testing.T) {
	t.Parallel()
	installed, source := regexp.MustCompile(`(?m)^\s*matchwire `), regexp.MustCompile(`(?m)^\s*go run \./cmd/matchwire`)
	for _, file := range markdownFiles(t) {
		var code strings.Builder
		for i, part := range strings.Split(readFile(t, file), "```") {
			if i%2 == 1 {
				code.WriteString(part)
			}
		}
		if installed.MatchString(code.String()) && source.MatchString(code.String()) {
			t.Errorf("%s calls both matchwire and go run ./cmd/matchwire", file)
		}
	}
}
