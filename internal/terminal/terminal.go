// Package terminal writes to terminals: text without control characters, tables, colours, logs, progress lines and
// a status line.
package terminal

import (
	"cmp"
	"os"

	"golang.org/x/term"
)

// File returns stream if it is a terminal, otherwise nil.
func File(stream any) *os.File {
	if f, ok := stream.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// Columns returns the width of a terminal in characters. It returns 0 if the stream is not a terminal.
func Columns(stream any) int {
	f := File(stream)
	if f == nil {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns < 20 { // unknown, or too narrow to lay out text
		return 80
	}
	return columns
}

// Rows returns the height of a terminal in lines. It returns 0 if the stream is not a terminal, or if its height is
// unknown.
func Rows(stream any) int {
	f := File(stream)
	if f == nil {
		return 0
	}
	_, rows, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return rows
}

// CursorMoves reports whether a program may move the cursor: not if TERM is dumb or CI is set.
func CursorMoves(getenv func(string) string) bool {
	return getenv("TERM") != "dumb" && getenv("CI") == ""
}

// Colors reports whether to colour text for stream. By default, only text for terminals has colours. NO_COLOR or
// CLICOLOR=0 removes them. CLICOLOR_FORCE adds them for any stream.
func Colors(stream any, getenv func(string) string) bool {
	switch {
	case getenv("NO_COLOR") != "":
		return false
	case cmp.Or(getenv("CLICOLOR_FORCE"), "0") != "0":
		return true
	case getenv("CLICOLOR") == "0", getenv("TERM") == "dumb":
		return false
	}
	return File(stream) != nil
}

// A Style is the colour or weight of a text. The zero Style changes nothing.
type Style string

// The styles. They use the basic colours, which people choose in their terminal.
const (
	Bold   Style = "1"
	Dim    Style = "2"
	Red    Style = "31"
	Green  Style = "1;32"
	Yellow Style = "33"
	Cyan   Style = "36"
)

// Paint returns text in the style. The text must be printable.
func (s Style) Paint(text string) string {
	if s == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}
