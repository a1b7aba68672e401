// Prose checks the English of a source tree. It reports
//
//   - words and phrases of words.txt, in Markdown, in comments and strings of Go code, and in the
//     scripts and API documents,
//   - identifiers of retired.txt, in Go code,
//   - sentences of more than 30 words, in Markdown.
//
// It prints one line for each, with what to write instead, and exits with 1 if there is any.
//
//	go run ./internal/prose [-count] [FOLDER]
package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

func main() {
	count := flag.Bool("count", false, "print the number of findings in each folder")
	flag.Parse()
	code, err := run(os.Stdout, os.DirFS(cmp.Or(flag.Arg(0), ".")), *count)
	if err != nil {
		fmt.Fprintln(os.Stderr, "prose:", err)
		code = 2
	}
	os.Exit(code)
}

// A finding is one place to rewrite.
type finding struct {
	file string
	line int
	text string // what is wrong, and what to write
}

func (f finding) String() string { return fmt.Sprintf("%s:%d: %s", f.file, f.line, f.text) }

// run prints the findings in root and returns the exit code.
func run(out io.Writer, root fs.FS, count bool) (int, error) {
	rules, err := loadRules(wordsText, retiredText)
	if err != nil {
		return 0, err
	}
	all, err := rules.tree(root)
	if err != nil {
		return 0, err
	}
	if count {
		folders := map[string]int{}
		for _, f := range all {
			folders[path.Dir(f.file)]++
		}
		for _, folder := range slices.Sorted(maps.Keys(folders)) {
			fmt.Fprintf(out, "%5d %s\n", folders[folder], folder)
		}
	} else {
		for _, f := range all {
			fmt.Fprintln(out, f)
		}
	}
	if len(all) > 0 {
		return 1, nil
	}
	return 0, nil
}

// skipped folders hold no prose of ours. This one quotes the words that it looks for.
var skipped = []string{"node_modules", "testdata", "dist", "prose"}

// tree returns the findings of a tree in the order of its files.
func (r *rules) tree(root fs.FS) ([]finding, error) {
	var all []finding
	err := fs.WalkDir(root, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			hidden := strings.HasPrefix(d.Name(), ".") && d.Name() != "." && d.Name() != ".github"
			if hidden || slices.Contains(skipped, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		check := r.checkOf(file)
		if check == nil {
			return nil
		}
		text, err := fs.ReadFile(root, file)
		if err != nil {
			return err
		}
		found, err := check(file, string(text))
		all = append(all, found...)
		return err
	})
	return all, err
}

// checkOf returns the check for a file of this name, nil for a file without prose.
func (r *rules) checkOf(file string) func(file, text string) ([]finding, error) {
	switch path.Ext(file) {
	case ".go":
		return r.goFile
	case ".md":
		return r.markdown
	case ".js", ".py", ".lua":
		return r.plain
	case ".yaml", ".yml", ".json":
		if strings.HasPrefix(file, "api/") {
			return r.plain
		}
	}
	if path.Base(file) == "Makefile" {
		return r.plain
	}
	return nil
}

// plain checks a whole file for words.
func (r *rules) plain(file, text string) ([]finding, error) {
	return r.words(file, block{1, text}), nil
}
