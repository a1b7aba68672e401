package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// find returns the findings in one file as "LINE: TEXT".
func find(t *testing.T, file, text string) []string {
	t.Helper()
	r, err := loadRules(`
seldom: rarely
stands in: is in
all is well: everything works
is well: is healthy
of a * without one: if it has none
fate: disposition
`, `
Fate: Disposition
fanout wants: Filter
`)
	if err != nil {
		t.Fatal(err)
	}
	found, err := r.tree(fstest.MapFS{file: {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range found {
		if f.file != file {
			t.Errorf("finding in file %s, want %s", f.file, file)
		}
		all = append(all, fmt.Sprintf("%d: %s", f.line, f.text))
	}
	return all
}

// check fails the test unless the findings in one file are want.
func check(t *testing.T, file, text string, want ...string) {
	t.Helper()
	if got := find(t, file, text); !slices.Equal(got, want) {
		t.Errorf("findings in\n%s\ngot\n  %s\nwant\n  %s", text, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestWordsInGo(t *testing.T) {
	check(t, "a.go", "// Package a is seldom used.\npackage a\n\n"+
		"// F stands\n// in the way, and\n// Seldom twice.\nfunc F() { /* and\nseldom */ }\n",
		`1: "seldom": write rarely`, `4: "stands in": write is in`, `6: "Seldom": write rarely`, `8: "seldom": write rarely`)
	check(t, "a.go", "package a\n\nvar help = `first\nseldom`\nvar s = \"x\\nseldom\"\n\n"+
		"type T struct {\n\tX int `help:\"All is well.\"`\n}\n",
		`4: "seldom": write rarely`, `5: "seldom": write rarely`, `8: "All is well": write everything works`)
	check(t, "a.go", "package a\n\n//seldom:directive\n\nimport \"example.org/seldom\"\n\n"+
		"var seldom2, seldom_x = \"mw:fate\", \"the fate_x\"\n")
	check(t, "a.go", "package a\n\n// A copy of a consumer without one.\nvar x = \"the fate: bad\"\n",
		`3: "of a consumer without one": write if it has none`, `4: "fate": write disposition`)
	check(t, "a.go", "package a\n\nvar name, text = \"seldom\", \"seldom so\"\n", `3: "seldom": write rarely`)
	check(t, "a_test.go", "package a\n\nvar page, message = `<p>is seldom`, \"is seldom\"\n", `3: "seldom": write rarely`)
	check(t, "testdata/a.go", "package a // seldom\n")
}

func TestIdentifiers(t *testing.T) {
	text := "package a\n\ntype Fate int\n\nfunc f(wants int, FateX string) Fate { return Fate(wants) }\n"
	fate := "identifier Fate: write Disposition"
	check(t, "broker/a.go", text, "3: "+fate, "5: "+fate, "5: "+fate)
	wants := "5: identifier wants: write Filter"
	check(t, "fanout/filter/a.go", text, "3: "+fate, wants, "5: "+fate, "5: "+fate, wants)
}

// words returns a sentence of n words.
func words(n int) string { return "The" + strings.Repeat(" word", n-1) + "." }

func TestSentences(t *testing.T) {
	long := "sentence of 31 words, want at most 30: The word word word word …"
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"of 30 words", words(30), nil},
		{"of 31 words", words(31), []string{"1: " + long}},
		{"after a short one, over a line break", "Short.\n" + words(31), []string{"2: " + long}},
		{"two in a paragraph", words(20) + " " + words(20), nil},
		{"a question and an answer", strings.TrimSuffix(words(20), ".") + "? " + words(20), nil},
		{"a stop in quotation marks", "He wrote \"" + words(16) + "\" " + words(16), nil},
		{"with e.g. inside", strings.TrimSuffix(words(16), ".") + ", e.g. " + strings.ToLower(words(14)),
			[]string{"1: " + long}},
		{"two paragraphs", strings.TrimSuffix(words(20), ".") + ":\n\n" + words(20), nil},
		{"two items", "- " + strings.TrimSuffix(words(20), ".") + "\n- " + words(20), nil},
		{"an item over two lines", "1. " + strings.TrimSuffix(words(20), ".") + "\n   " + words(11), []string{"1: " + long}},
		{"in one cell", "| a | b |\n|---|---|\n| x | " + words(31) + " |", []string{"3: " + long}},
		{"in two cells", "| " + words(20) + " | " + words(20) + " |", nil},
		{"a heading and a paragraph", "# " + strings.TrimSuffix(words(20), ".") + "\n" + words(20), nil},
		{"in code", "```\n" + words(31) + "\n```\n\n`" + words(31) + "`", nil},
		{"code counts as a word", words(30)[:len(words(30))-1] + " `one two three`.", []string{"1: " + long}},
		{"a URL is not a word", strings.TrimSuffix(words(29), ".") + " [page](https://example.org/a/b?c=d). More.", nil},
		{"a dash is not a word", strings.TrimSuffix(words(15), ".") + " – " + strings.ToLower(words(15)), nil},
	} {
		t.Run(tc.name, func(t *testing.T) { check(t, "a.md", tc.text, tc.want...) })
	}
}

func TestWordsInMarkdown(t *testing.T) {
	check(t, "a.md", "# Seldom\n\nIt stands\nin `seldom` a\n[seldom](seldom.md) place.\n\n"+
		"| all is well | x |\n|---|---|\n",
		`1: "Seldom": write rarely`, `3: "stands in": write is in`, `5: "seldom": write rarely`,
		`7: "all is well": write everything works`)
	check(t, "a.md", "```yaml\nx: 1 # seldom\n```\n\n```html\n<p>seldom</p>\n```\n\n```sh\nseldom\n```\n",
		`2: "seldom": write rarely`, `10: "seldom": write rarely`)
}

func TestOtherFiles(t *testing.T) {
	const want = `2: "seldom": write rarely`
	check(t, "a.js", "f();\n// seldom\n", want)
	check(t, "Makefile", "\n# seldom\n", want)
	check(t, "api/a.yaml", "\ndescription: seldom\n", want)
	check(t, "profiles/a.yaml", "\nx: seldom\n")
	check(t, ".git/a.md", "\nseldom\n")
	check(t, ".github/a.md", "\nseldom\n", want)
}

// loadRules rejects an invalid line, and the error contains the line. words finds each phrase in words.txt.
func TestRules(t *testing.T) {
	for text, want := range map[string]string{
		"seldom: rarely\nanew\n":                  `words.txt line 2: "anew" is not PHRASE: REPLACEMENT`,
		"# a\n\nseldom: \n":                       `words.txt line 3: "seldom:" is not PHRASE: REPLACEMENT`,
		"seldom: rarely\nSeldom: at rare times\n": `words.txt line 2: "seldom" occurs twice`,
	} {
		if _, err := loadRules(text, ""); err == nil || err.Error() != want {
			t.Errorf("rules %q: error %v, want %s", text, err, want)
		}
	}
	r, err := loadRules(wordsText, retiredText)
	if err != nil {
		t.Fatal(err)
	}
	// No replacement contains a phrase that must itself be replaced.
	for phrase, advice := range r.advice {
		if got := r.words("a.md", block{1, "It " + strings.ReplaceAll(phrase, "*", "thing") + " it."}); len(got) == 0 {
			t.Errorf("phrase %q: no findings, want at least one", phrase)
		}
		if got := r.words("a.md", block{1, advice}); len(got) > 0 {
			t.Errorf("the replacement of %q has the findings %v, want none", phrase, got)
		}
	}
}

func TestRun(t *testing.T) {
	tree := fstest.MapFS{"docs/a.md": {Data: []byte("It is seldom lest.\n")}, "b.md": {Data: []byte("Good.\n")}}
	for count, want := range map[bool]string{
		false: "docs/a.md:1: \"seldom\": write rarely\ndocs/a.md:1: \"lest\": write so that … not\n",
		true:  "    2 docs\n",
	} {
		var out strings.Builder
		if code, err := run(&out, tree, count); err != nil || code != 1 || out.String() != want {
			t.Errorf("count %v: exit code %d, error %v, want 1; printed\n%s\nwant\n%s", count, code, err, &out, want)
		}
	}
	delete(tree, "docs/a.md")
	var out strings.Builder
	if code, err := run(&out, tree, false); err != nil || code != 0 || out.Len() > 0 {
		t.Errorf("without findings: exit code %d, error %v, printed %q, want 0 and no output", code, err, &out)
	}
}
