// Package terminal writes to terminals: text that pages cannot control, colours, progress lines and a
// status line.
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
	if err != nil || columns < 20 { // a terminal that does not know its width
		return 80
	}
	return columns
}

// Moves reports whether programs may move the cursor of the terminal that the variables describe. They may not if
// the terminal is dumb, or if it is the log of a CI system.
func Moves(getenv func(string) string) bool { return getenv("TERM") != "dumb" && getenv("CI") == "" }

// Colors reports whether text for stream has colours. It has if the stream is a terminal that can show them.
// NO_COLOR or CLICOLOR=0 removes the colours. CLICOLOR_FORCE adds them to any stream.
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
