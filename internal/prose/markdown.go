package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxWords is how many words a sentence in Markdown may have.
const maxWords = 30

// markdown checks the words and the length of the sentences of a Markdown file. A paragraph, a list
// item, a heading and a table cell are blocks of their own. Code is no prose, but in code blocks
// other than pages (html) and answers (json) the words are checked, for their comments.
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

// markdownBlocks splits a file into blocks of prose and code blocks. In prose a code span is reduced
// to "“" with the line breaks that it had, and a link to its text in brackets.
func markdownBlocks(text string) (prose, code []block) {
	var open *block // the paragraph, item or heading that goes on
	end := func() {
		if open != nil && strings.TrimSpace(open.text) != "" {
			prose = append(prose, plainMarkdown(*open))
		}
		open = nil
	}
	inCode, isProse := "", false
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
			inCode, isProse = m[1], m[2] != "html" && m[2] != "json"
			if isProse {
				code = append(code, block{n + 1, ""})
			}
			continue
		}
		switch trimmed := strings.TrimSpace(line); {
		case inCode != "":
			if isProse {
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

// cells are the cells of a row of a table. A | in code, or behind a backslash, is text.
func cells(row string) []string {
	row = codeSpan.ReplaceAllString(row, "``")
	row = strings.ReplaceAll(row, `\|`, "¦")
	return strings.Split(strings.Trim(row, "|"), "|")
}

func plainMarkdown(b block) block {
	b.text = codeSpan.ReplaceAllStringFunc(b.text, func(span string) string {
		return "``" + strings.Repeat("\n", strings.Count(span, "\n"))
	})
	b.text = link.ReplaceAllString(b.text, "[$1]")
	b.text = autolink.ReplaceAllString(b.text, "``")
	return b
}

// longSentences returns the sentences of more than maxWords words.
func longSentences(file string, b block) []finding {
	var all []finding
	for start := 0; start < len(b.text); {
		end := start + sentence(b.text[start:])
		if words := countWords(b.text[start:end]); words > maxWords {
			line := b.lineAt(end - len(strings.TrimLeft(b.text[start:end], " \t\n*_")))
			first := strings.Join(strings.Fields(b.text[start:end])[:5], " ")
			text := fmt.Sprintf("a sentence of %d words, at most %d: %s …", words, maxWords, first)
			all = append(all, finding{file, line, text})
		}
		start = end
	}
	return all
}

var stop = regexp.MustCompile(`[.!?]["'’”)*_]*\s+`)

// sentence is the length of the first sentence of a text. A full stop ends a sentence if a space and
// no small letter follow, so "e.g. this" and "3.5 s" are no ends.
func sentence(text string) int {
	for _, at := range stop.FindAllStringIndex(text, -1) {
		if next, _ := utf8.DecodeRuneInString(text[at[1]:]); !unicode.IsLower(next) {
			return at[1]
		}
	}
	return len(text)
}

// countWords counts what has a letter or a digit, and code spans.
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
