package main

import (
	_ "embed"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

//go:embed words.txt
var wordsText string

//go:embed retired.txt
var retiredText string

// rules holds the rules in words.txt and retired.txt.
type rules struct {
	phrases *regexp.Regexp       // matches any phrase without *
	advice  map[string]string    // replacements, by phrase in lower case
	wild    []wildcard           // phrases with *
	retired map[string][]retired // by identifier
}

// A wildcard is a phrase with *, and its replacement.
type wildcard struct {
	phrase *regexp.Regexp
	advice string
}

// A retired is the replacement for an identifier in the files below a folder. If folder is "", the
// replacement applies to all files.
type retired struct{ folder, replacement string }

// loadRules parses words.txt and retired.txt. A line without a replacement is an error, and so is a
// phrase that occurs twice in words.txt.
func loadRules(words, identifiers string) (*rules, error) {
	r := &rules{advice: map[string]string{}, retired: map[string][]retired{}}
	var phrases []string
	err := eachRule("words.txt", words, func(phrase, advice string) error {
		phrase = strings.ToLower(phrase)
		if r.advice[phrase] != "" {
			return fmt.Errorf("%q occurs twice", phrase)
		}
		r.advice[phrase] = advice
		pattern := strings.ReplaceAll(strings.Join(strings.Fields(regexp.QuoteMeta(phrase)), `\s+`), `\*`, `[\pL\pN'-]+`)
		if strings.Contains(phrase, "*") {
			r.wild = append(r.wild, wildcard{regexp.MustCompile(`(?i)\b` + pattern + `\b`), advice})
		} else {
			phrases = append(phrases, pattern)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	// The longest phrase must match first: "all is well" before "is well".
	slices.SortFunc(phrases, func(a, b string) int { return len(b) - len(a) })
	r.phrases = regexp.MustCompile(`(?i)\b(?:` + strings.Join(phrases, "|") + `)\b`)
	err = eachRule("retired.txt", identifiers, func(name, replacement string) error {
		folder := ""
		if before, after, ok := strings.Cut(name, " "); ok {
			folder, name = before, after
		}
		r.retired[name] = append(r.retired[name], retired{folder, replacement})
		return nil
	})
	return r, err
}

// eachRule calls f for each line "LEFT: RIGHT". It skips empty lines and comments.
func eachRule(file, text string, f func(left, right string) error) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		left, right, ok := strings.Cut(line, ": ")
		if !ok || strings.TrimSpace(left) == "" || strings.TrimSpace(right) == "" {
			return fmt.Errorf("%s line %d: %q is not PHRASE: REPLACEMENT", file, n, line)
		}
		if err := f(left, strings.TrimSpace(right)); err != nil {
			return fmt.Errorf("%s line %d: %w", file, n, err)
		}
	}
	return nil
}

// A block is a unit of text, such as a paragraph, a table cell, a comment or a string. line is the
// line of the file where the block begins. text has the line breaks of the file.
type block struct {
	line int
	text string
}

// lineAt returns the line of the file for a byte offset in text.
func (b block) lineAt(offset int) int { return b.line + strings.Count(b.text[:offset], "\n") }

// words returns a finding for each phrase from words.txt in a block.
func (r *rules) words(file string, b block) []finding {
	var all []finding
	add := func(at []int, advice string) {
		found := strings.Join(strings.Fields(b.text[at[0]:at[1]]), " ")
		all = append(all, finding{file, b.lineAt(at[0]), fmt.Sprintf("%q: write %s", found, advice)})
	}
	for _, at := range r.phrases.FindAllStringIndex(b.text, -1) {
		found := strings.ToLower(strings.Join(strings.Fields(b.text[at[0]:at[1]]), " "))
		if isPartOfName(b.text, at) {
			continue
		}
		add(at, r.advice[found])
	}
	for _, w := range r.wild {
		for _, at := range w.phrase.FindAllStringIndex(b.text, -1) {
			add(at, w.advice)
		}
	}
	return all
}

// isPartOfName reports whether the match text[at[0]:at[1]] is part of a longer name or key, such as
// mw:his or fate_x.
func isPartOfName(text string, at []int) bool {
	joins := func(c byte) bool { return strings.IndexByte("_:/.#@", c) >= 0 }
	before := at[0] > 0 && (joins(text[at[0]-1]) || text[at[0]-1] == '-')
	// A full stop or colon that ends a sentence is followed by white space or nothing.
	after := at[1]+1 < len(text) && joins(text[at[1]]) && !strings.ContainsRune(" \t\n\"'`)", rune(text[at[1]+1]))
	return before || after
}

// identifier returns the replacement for an identifier in a file, or "" if the identifier is valid there.
func (r *rules) identifier(file, name string) string {
	for _, old := range r.retired[name] {
		if old.folder == "" || strings.HasPrefix(path.Dir(file)+"/", old.folder+"/") {
			return old.replacement
		}
	}
	return ""
}
