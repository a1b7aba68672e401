package app

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-isatty"

	"github.com/matchwire/matchwire/internal/pipeline"
)

// A progress shows the progress of a command on a terminal. It shows nothing if the
// output is not a terminal or the command ends within 200 ms.
type progress struct {
	f     *os.File // nil if the output is not a terminal
	unit  string   // such as "page"
	total int      // 0 if unknown
	done  int
	drawn time.Time // time of the last update; before the first update, the time of newProgress
	shown bool      // the progress line is on the terminal
}

func newProgress(w io.Writer, unit string, total int) *progress {
	return &progress{f: terminal(w), unit: unit, total: total, drawn: time.Now()}
}

// terminal returns stream if it is a terminal, otherwise nil.
func terminal(stream any) *os.File {
	if f, ok := stream.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		return f
	}
	return nil
}

const bar = "=============================="

// step counts one more unit as done. It updates the progress line with the count and note, at most
// every 200 ms. If the line is on the terminal, step always updates it for the last unit.
func (p *progress) step(note string) {
	p.done++
	last := p.shown && p.done == p.total
	if p.f == nil || !last && time.Since(p.drawn) < 200*time.Millisecond {
		return
	}
	p.drawn, p.shown = time.Now(), true
	if p.total == 0 {
		fmt.Fprintf(p.f, "\r%s%s ", pipeline.Plural(p.done, p.unit), note)
		return
	}
	full := len(bar) * min(p.done, p.total) / p.total
	fmt.Fprintf(p.f, "\r[%-*s] %d of %s%s ", len(bar), bar[:full], p.done, pipeline.Plural(p.total, p.unit), note)
}

// reach counts units as done until done are.
func (p *progress) reach(done int) {
	for p.done < done {
		p.step("")
	}
}

// clear removes the progress line, so that the command can print a line of its own.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.f, "\r\x1b[K")
		p.shown = false
	}
}

// end ends the progress line with a line feed, if the line is on the terminal.
func (p *progress) end() {
	if p.shown {
		fmt.Fprintln(p.f)
	}
}

// A textWriter writes text for people. It writes U+FFFD in place of each character that controls a
// terminal or changes the order of the text around it. Text from pages can contain such characters.
type textWriter struct{ out io.Writer }

func (w textWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.out, printable(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// printable replaces some characters of text with U+FFFD: control characters except line feed and
// tab, bidirectional controls, line and paragraph separators, and invisible characters that can
// hide text. It keeps the joiners that some scripts and emoji need.
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

// text returns a [textWriter] for standard output.
func (p *program) text() io.Writer { return textWriter{p.out} }
