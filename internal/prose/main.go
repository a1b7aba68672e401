// Prose checks the English of a source tree. It reports
//
//   - the words and phrases that words.txt lists, if they occur in Markdown, in comments and
//     strings of Go code, in scripts or in API documents,
//   - the identifiers that retired.txt lists, if they occur in Go code,
//   - sentences of more than 30 words, in Markdown.
//
// It prints a line for each finding, with a replacement unless the finding is a long sentence. It
// exits with 1 if there are findings, and with 2 after an error.
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
	count := flag.Bool("count", false, "print only the number of findings in each folder")
	flag.Parse()
	code, err := run(os.Stdout, os.DirFS(cmp.Or(flag.Arg(0), ".")), *count)
	if err != nil {
		fmt.Fprintln(os.Stderr, "prose:", err)
		code = 2
	}
	os.Exit(code)
}

// A finding is a place in a file that must be rewritten.
type finding struct {
	file string
	line int
	text string // the problem, and its replacement if there is one
}

func (f finding) String() string { return fmt.Sprintf("%s:%d: %s", f.file, f.line, f.text) }

// run prints the findings in root, or with count, the number of findings in each folder. It returns
// the exit code.
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

// skipped lists folders that are not checked. They contain no prose of this project, except the
// folder prose, which quotes the words to replace.
var skipped = []string{"node_modules", "testdata", "dist", "prose"}

// tree returns the findings in a file system, in the order of its files.
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

// checkOf returns the check for a file with this name, or nil if the file is not checked.
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

// plain checks the words of a whole file.
func (r *rules) plain(file, text string) ([]finding, error) {
	return r.words(file, block{1, text}), nil
}
