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

	"github.com/matchwire/matchwire/event"
)

// An item is a heading, a paragraph, a list item, a table row or a line of a code block in
// CONTRIBUTING.md.
type item struct {
	section string   // the heading above the item
	text    string   // the Markdown text; empty for a line of a code block
	code    []string // the code spans of the text, or the line of a code block
}

// contributing returns the items of CONTRIBUTING.md.
func contributing(t *testing.T) []item {
	t.Helper()
	text, err := os.ReadFile("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []item
	section, block := "", false
	begin := regexp.MustCompile(`^(\d+\.|-|\|) `)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			block = !block
		case block:
			all = append(all, item{section: section, code: []string{line}})
		case strings.HasPrefix(line, "## "):
			section = strings.TrimPrefix(line, "## ")
			all = append(all, item{section: section})
		case line == "" || begin.MatchString(line) || len(all) == 0:
			all = append(all, item{section: section, text: line})
		default:
			all[len(all)-1].text += "\n" + line
		}
	}
	span := regexp.MustCompile("`([^`]+)`")
	for i := range all {
		for _, m := range span.FindAllStringSubmatch(all[i].text, -1) {
			all[i].code = append(all[i].code, m[1])
		}
	}
	return all
}

// pathShape matches a path. The path can contain the placeholder NAME or CODE.
var pathShape = regexp.MustCompile(`^\.?/?([A-Za-z0-9_.-]+/)*[A-Za-z0-9_.-]+$`)

// find returns the existing files and folders whose paths match name. The placeholder NAME or CODE
// matches the name of any file or folder.
func find(name string) []string {
	name = strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/...")
	if !strings.Contains(name, "NAME") && !strings.Contains(name, "CODE") {
		if _, err := os.Stat(name); err != nil {
			return nil
		}
		return []string{name}
	}
	name = strings.ReplaceAll(name, "CODE", "NAME")
	before, _, _ := strings.Cut(name, "NAME")
	entries, err := os.ReadDir(path.Clean(before))
	if err != nil {
		return nil
	}
	var all []string
	for _, e := range entries {
		candidate := strings.ReplaceAll(name, "NAME", strings.TrimSuffix(e.Name(), path.Ext(e.Name())))
		if _, err := os.Stat(candidate); err == nil {
			all = append(all, candidate)
		}
	}
	return all
}

// Every path in CONTRIBUTING.md exists. A path with a placeholder exists for at least one name.
func TestContributingPaths(t *testing.T) {
	paths := 0
	for _, i := range contributing(t) {
		for _, c := range i.code {
			for word := range strings.FieldsSeq(c) {
				isPath := strings.Contains(word, "/") || regexp.MustCompile(`^[A-Z]*[a-z_]*\.(go|md|yaml)$`).MatchString(word)
				if isPath && pathShape.MatchString(word) {
					paths++
					if len(find(word)) == 0 {
						t.Errorf("section %q: %s does not exist", i.section, word)
					}
				}
			}
		}
	}
	if paths < 40 {
		t.Errorf("found %d paths in CONTRIBUTING.md, want 40 or more", paths)
	}
}

// Every make target and every test in CONTRIBUTING.md exists.
func TestContributingCommands(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	tests := testNames(t)
	targets, testRuns := 0, 0
	for _, i := range contributing(t) {
		for _, c := range i.code {
			words := strings.Fields(c)
			switch {
			case len(words) > 1 && words[0] == "make":
				for _, target := range words[1:] {
					if strings.Contains(target, "=") { // a variable
						continue
					}
					targets++
					if !strings.Contains(string(makefile), "\n"+target+":") {
						t.Errorf("section %q: command %q: target %s does not exist", i.section, c, target)
					}
				}
			case strings.HasPrefix(c, "go test "):
				testRuns++
				for n, word := range words {
					if word == "-run" && !tests[words[n+1]] {
						t.Errorf("section %q: command %q: test %s does not exist", i.section, c, words[n+1])
					}
				}
			case strings.HasPrefix(c, "Test") && !tests[c]:
				t.Errorf("section %q: test %s does not exist", i.section, c)
			}
		}
	}
	if targets < 8 || testRuns < 6 {
		t.Errorf("found %d make targets and %d runs of go test in CONTRIBUTING.md, want at least 8 and 6", targets, testRuns)
	}
}

// Every unqualified identifier in a step occurs in a file that the same step names. Every qualified
// identifier exists in its package.
func TestContributingIdentifiers(t *testing.T) {
	bare := regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]+$`)
	qualified := regexp.MustCompile(`^([a-z]+)\.([A-Z][A-Za-z0-9]*)$`)
	all := packages(t)
	found := 0
	for _, i := range contributing(t) {
		if !strings.HasPrefix(i.section, "Add ") {
			continue
		}
		var files []string
		for _, c := range i.code {
			if pathShape.MatchString(c) && strings.Contains(c, "/") || strings.HasSuffix(c, ".go") {
				files = append(files, find(c)...)
			}
		}
		for _, c := range i.code {
			if m := qualified.FindStringSubmatch(c); m != nil {
				found++
				if !declares(all, m[1], m[2]) {
					t.Errorf("section %q: identifier %s does not exist", i.section, c)
				}
				continue
			}
			if !bare.MatchString(c) || c == "main" || c == "kinds" {
				continue
			}
			found++
			word := regexp.MustCompile(`\b` + c + `\b`)
			if !slices.ContainsFunc(files, func(file string) bool {
				text, err := os.ReadFile(file)
				return err == nil && word.Match(text)
			}) {
				t.Errorf("section %q: none of the files %v contains %s", i.section, files, c)
			}
		}
	}
	if found < 12 {
		t.Errorf("found %d identifiers in CONTRIBUTING.md, want 12 or more", found)
	}
}

// declares reports whether a package with this name declares the identifier.
func declares(all map[string]*goPackage, name, identifier string) bool {
	for dir, p := range all {
		if path.Base(dir) != name {
			continue
		}
		declared := regexp.MustCompile(`(?m)^(func|type|var|const|\t) ?` + identifier + `\b`)
		for file := range p.files {
			if text, err := os.ReadFile(file); err == nil && declared.Match(text) {
				return true
			}
		}
	}
	return false
}

// listedForSports returns the files that the section "Add a sport" of CONTRIBUTING.md names.
func listedForSports(t *testing.T) map[string]bool {
	t.Helper()
	listed := map[string]bool{}
	for _, i := range contributing(t) {
		if i.section == "Add a sport" {
			for _, c := range i.code {
				for _, file := range find(c) {
					listed[file] = true
				}
			}
		}
	}
	return listed
}

// The section "Add a sport" names every file whose code treats one sport differently from the
// others.
func TestContributingNamesEveryPlaceWhereSportsDiffer(t *testing.T) {
	var constants, names []string
	for _, s := range event.Sports() {
		names = append(names, string(s))
		constant := ""
		for word := range strings.SplitSeq(string(s), "_") {
			constant += strings.ToUpper(word[:1]) + word[1:]
		}
		constants = append(constants, constant)
	}
	patterns := map[string]*regexp.Regexp{
		".go":   regexp.MustCompile(`(case|==|!=) (\w+, |event\.\w+, )*event\.(` + strings.Join(constants, "|") + `)\b`),
		".js":   regexp.MustCompile(`(=== |startsWith\()["'](` + strings.Join(names, "|") + `)\b`),
		".yaml": regexp.MustCompile(`\[\.sport\]|\.sport == "`),
	}
	listed, places := listedForSports(t), 0
	for _, dir := range []string{"broker", "consumers", "event", "fanout", "parser"} {
		err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
			file = filepath.ToSlash(file)
			if err != nil || d.IsDir() || strings.HasSuffix(file, "_test.go") || strings.Contains(file, "/testdata/") {
				return err
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if differs := patterns[path.Ext(file)]; differs != nil && differs.Match(text) {
				places++
				if !listed[file] {
					t.Errorf("%s has %q, and CONTRIBUTING.md does not name the file under \"Add a sport\"", file, differs.Find(text))
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if places < 6 {
		t.Errorf("%d files treat a sport specially, want 6 or more", places)
	}
}

// The section "Add a sport" names every file that contains the words tennis, cricket and rugby.
// Each of these files also names all other sports.
func TestContributingNamesEveryPlaceOfASport(t *testing.T) {
	listed := listedForSports(t)
	skipped := []string{"fixtures", "node_modules", "testdata"}
	extensions := []string{".go", ".json", ".yaml", ".md", ".js"}
	withSports := 0
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if err == nil && file != "." && (strings.HasPrefix(d.Name(), ".") || slices.Contains(skipped, d.Name())) {
				return fs.SkipDir
			}
			return err
		}
		file = filepath.ToSlash(file)
		if strings.HasSuffix(file, "_test.go") || file == "CHANGELOG.md" || !slices.Contains(extensions, path.Ext(file)) {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		lower := strings.ToLower(string(text))
		for _, sport := range []string{"tennis", "cricket", "rugby"} {
			if !strings.Contains(lower, sport) {
				return nil
			}
		}
		withSports++
		if !listed[file] {
			t.Errorf("%s lists the sports, but \"Add a sport\" in CONTRIBUTING.md does not list the file", file)
		}
		for _, sport := range event.Sports() {
			name := string(sport)
			if !strings.Contains(lower, name) && !strings.Contains(lower, strings.ReplaceAll(name, "_", "")) {
				t.Errorf("%s lists other sports but not %s", file, sport)
			}
		}
		return nil
	})
	if err != nil || withSports < 7 {
		t.Errorf("found %d files with all sports, error %v; want 7 or more", withSports, err)
	}
}
