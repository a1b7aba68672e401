package app

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A textWriter writes text for people. Texts from pages can contain characters that control a terminal, or
// change the order of the text around them. It writes U+FFFD in place of each.
type textWriter struct{ out io.Writer }

func (w textWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.out, printable(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// printable returns text with U+FFFD in place of control characters except line feed and tab, of bidirectional
// controls, and of invisible characters that hide text. It keeps the joiners that scripts and emoji need.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Bidi_Control, r), r == '\ufeff', r == '\u200b',
			r == '\u2028', r == '\u2029':
			return utf8.RuneError
		}
		return r
	}, text)
}

// text returns a writer for text to standard output.
func (p *program) text() io.Writer { return textWriter{p.out} }
