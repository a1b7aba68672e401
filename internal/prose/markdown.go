package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxWords is the maximum number of words in a sentence.
const maxWords = 30

// markdown checks the words and the length of the sentences in a Markdown file. It also checks the
// words in code blocks, because code blocks contain comments. It skips html and json blocks.
func (r *rules) markdown(file, text string) ([]finding, error) {
	prose, code := markdownBlocks(text)
	var all []finding
	for _, b := range prose {
		all = append(all, r.words(file, b)...)
		all = append(all, longSentences(file, b)...)
	}
	for _, b := range code {
		all = append(all, r.words(file, b)...)
	}
	return all, nil
}

var (
	fence    = regexp.MustCompile("^\\s*(```+|~~~+)\\s*(\\w*)")
	item     = regexp.MustCompile(`^\s*(?:[-*+]|\d+[.)])\s+`)
	heading  = regexp.MustCompile(`^\s*#+\s`)
	rule     = regexp.MustCompile(`^\s*(?:-{3,}|\*{3,}|_{3,}|<!--.*)\s*$`)
	codeSpan = regexp.MustCompile("(?s)``.+?``|`[^`]+`")
	link     = regexp.MustCompile(`(?s)!?\[([^\]]*)\]\([^)]*\)`)
	autolink = regexp.MustCompile(`<https?://[^>]*>`)
)

// markdownBlocks splits a file into blocks of prose, and code blocks other than html and json. A
// paragraph, a list item, a heading or a table cell is a block of prose.
func markdownBlocks(text string) (prose, code []block) {
	var open *block // the paragraph, item or heading that may continue in the next line
	end := func() {
		if open != nil && strings.TrimSpace(open.text) != "" {
			prose = append(prose, plainMarkdown(*open))
		}
		open = nil
	}
	inCode, checked := "", false
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if m := fence.FindStringSubmatch(line); m != nil && (inCode == "" || strings.HasPrefix(m[1], inCode) && m[2] == "") {
			end()
			if inCode != "" {
				inCode = ""
				continue
			}
			inCode, checked = m[1], m[2] != "html" && m[2] != "json"
			if checked {
				code = append(code, block{n + 1, ""})
			}
			continue
		}
		switch trimmed := strings.TrimSpace(line); {
		case inCode != "":
			if checked {
				code[len(code)-1].text += line + "\n"
			}
		case trimmed == "", rule.MatchString(line):
			end()
		case strings.HasPrefix(trimmed, "|"):
			end()
			for _, cell := range cells(trimmed) {
				prose = append(prose, plainMarkdown(block{n, cell}))
			}
		case heading.MatchString(line):
			end()
			open = &block{n, line}
			end()
		case open == nil || item.MatchString(line):
			end()
			open = &block{n, item.ReplaceAllString(line, "")}
		default:
			open.text += "\n" + strings.TrimPrefix(trimmed, "> ")
		}
	}
	end()
	return prose, code
}

// cells returns the cells of a table row. A | in a code span or after a backslash is text.
func cells(row string) []string {
	row = codeSpan.ReplaceAllString(row, "``")
	row = strings.ReplaceAll(row, `\|`, "¦")
	return strings.Split(strings.Trim(row, "|"), "|")
}

// plainMarkdown replaces each code span and each URL in angle brackets with two backquotes, and each
// link with its text in brackets. It preserves the line breaks of code spans.
func plainMarkdown(b block) block {
	b.text = codeSpan.ReplaceAllStringFunc(b.text, func(span string) string {
		return "``" + strings.Repeat("\n", strings.Count(span, "\n"))
	})
	b.text = link.ReplaceAllString(b.text, "[$1]")
	b.text = autolink.ReplaceAllString(b.text, "``")
	return b
}

// longSentences returns a finding for each sentence of more than maxWords words.
func longSentences(file string, b block) []finding {
	var all []finding
	for start := 0; start < len(b.text); {
		end := start + sentenceLength(b.text[start:])
		if words := countWords(b.text[start:end]); words > maxWords {
			line := b.lineAt(end - len(strings.TrimLeft(b.text[start:end], " \t\n*_")))
			first := strings.Join(strings.Fields(b.text[start:end])[:5], " ")
			text := fmt.Sprintf("sentence of %d words, want at most %d: %s …", words, maxWords, first)
			all = append(all, finding{file, line, text})
		}
		start = end
	}
	return all
}

var stop = regexp.MustCompile(`[.!?]["'’”)*_]*\s+`)

// sentenceLength returns the length of the first sentence of text, in bytes. A full stop, an
// exclamation mark or a question mark ends a sentence if white space follows and the next character is
// not a lower-case letter. So the full stops in "e.g. this" and "3.5 s" do not end a sentence.
func sentenceLength(text string) int {
	for _, at := range stop.FindAllStringIndex(text, -1) {
		if next, _ := utf8.DecodeRuneInString(text[at[1]:]); !unicode.IsLower(next) {
			return at[1]
		}
	}
	return len(text)
}

// countWords returns the number of words in text. A code span counts as a word. A dash does not.
func countWords(text string) int {
	isAlphanumeric := func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }
	n := 0
	for _, word := range strings.Fields(text) {
		if strings.Contains(word, "``") || strings.ContainsFunc(word, isAlphanumeric) {
			n++
		}
	}
	return n
}
