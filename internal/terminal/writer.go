package terminal

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Writer writes text for people. It writes the text as [Printable] returns it. On a terminal, it breaks long
// lines between words. Write each line in one call.
type Writer struct {
	out     io.Writer
	columns int // width of the terminal; 0 if there is none
}

// NewWriter returns a Writer to a stream.
func NewWriter(stream io.Writer) Writer { return Writer{stream, Columns(stream)} }

// NewRawWriter returns a Writer that does not break lines, for text that people copy.
func NewRawWriter(stream io.Writer) Writer { return Writer{out: stream} }

func (w Writer) Write(p []byte) (int, error) {
	text := Printable(string(p))
	if w.columns > 0 {
		text = w.wrap(text)
	}
	if _, err := io.WriteString(w.out, text); err != nil {
		return 0, err
	}
	return len(p), nil
}

// wrap breaks long lines between words. The rest of a line is indented by two more spaces than its beginning.
func (w Writer) wrap(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line, end := strings.CutSuffix(line, "\n")
		if utf8.RuneCountInString(line) > w.columns {
			line = Hang(line, len(line)-len(strings.TrimLeft(line, " "))+2, w.columns)
		}
		b.WriteString(line)
		if end {
			b.WriteString("\n")
		}
	}
	return b.String()
}

// Printable returns text with U+FFFD in place of each character that controls a terminal, or that changes the
// order of the text around it: control characters except line feed and tab, bidirectional controls, line and
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

// oneLine returns text as [Printable] does, with a space in place of each line feed.
func oneLine(text string) string { return strings.ReplaceAll(Printable(text), "\n", " ") }
