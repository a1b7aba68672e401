package terminal

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Writer writes text for people. It writes the text as [Printable] returns it.
type Writer struct{ Out io.Writer }

func (w Writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.Out, Printable(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Printable replaces each character of text with U+FFFD that controls a terminal or changes the order of
// the text around it: control characters except line feed and tab, bidirectional controls, line and
// paragraph separators, and invisible characters that can hide text. Text from pages can contain such
// characters. Printable keeps the joiners that some scripts and emoji need.
func Printable(text string) string {
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
