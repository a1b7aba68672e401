package terminal

import (
	"io"
	"os"
	"sync"
	"unicode/utf8"
)

// A StatusLine keeps a line of text below everything else that a program writes to a terminal. All writes
// to the terminal must go through the StatusLine. Its methods can be called concurrently.
type StatusLine struct {
	out     io.Writer
	columns func() int // width of the terminal

	mu     sync.Mutex
	text   string // "" if there is none
	middle bool   // the output ends in the middle of a line, so the text is not shown
}

// NewStatusLine returns a StatusLine for a terminal. At first it has no text.
func NewStatusLine(f *os.File) *StatusLine {
	return &StatusLine{out: f, columns: func() int { return Columns(f) }}
}

const clearLine = "\r\x1b[K"

// Write writes p above the text.
func (s *StatusLine) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	out := string(p)
	if s.shown() {
		out = clearLine + out
	}
	s.middle = p[len(p)-1] != '\n'
	if s.shown() {
		out += s.visible()
	}
	if _, err := io.WriteString(s.out, out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Set replaces the text. If the text is wider than the terminal, its end is not shown.
func (s *StatusLine) Set(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text = oneLine(text)
	if text == s.text {
		return
	}
	out := ""
	if s.shown() {
		out = clearLine
	}
	s.text = text
	if s.shown() {
		out += s.visible()
	}
	_, _ = io.WriteString(s.out, out) // the next Write reports a broken terminal
}

// shown reports whether the text is on the terminal.
func (s *StatusLine) shown() bool { return s.text != "" && !s.middle }

// visible returns the part of the text that does not reach the last column, where terminals would begin a new
// line.
func (s *StatusLine) visible() string {
	n := s.columns() - 1
	if utf8.RuneCountInString(s.text) <= n {
		return s.text
	}
	return string([]rune(s.text)[:max(0, n)])
}
