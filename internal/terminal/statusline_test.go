package terminal

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/matchwire/matchwire/internal/testenv"
)

// screen returns the lines on a terminal of 40 columns.
func screen(t *testing.T, output string) []string {
	t.Helper()
	lines, err := testenv.Screen(output, 40)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// The status line stays below all other output, whatever its length, and disappears without a trace.
func TestStatusLine(t *testing.T) {
	var out strings.Builder
	s := &StatusLine{out: &out, columns: func() int { return 40 }}
	check := func(want ...string) {
		t.Helper()
		if got := screen(t, out.String()); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the terminal shows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	write := func(text string) {
		t.Helper()
		if n, err := s.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("Write(%q): %d, %v, want %d without an error", text, n, err, len(text))
		}
	}
	write("first\n")
	check("first", "")
	s.Set("2 sources")
	check("first", "2 sources")
	write("second\nthird\n")
	check("first", "second", "third", "2 sources")
	s.Set("1 source")
	check("first", "second", "third", "1 source")
	write("in two ")
	check("first", "second", "third", "in two")
	s.Set("3 sources")
	check("first", "second", "third", "in two")
	write("parts\n")
	check("first", "second", "third", "in two parts", "3 sources")
	s.Set("\x1b[2J\n" + strings.Repeat("0123456789", 5))
	check("first", "second", "third", "in two parts", "\ufffd[2J 0123456789012345678901234567890123")
	write("fourth\n")
	s.Set("")
	check("first", "second", "third", "in two parts", "fourth", "")
	write("last\n")
	check("first", "second", "third", "in two parts", "fourth", "last", "")
}

// Concurrent writes and updates never mix a line of the log with the status line.
func TestStatusLineIsConcurrent(t *testing.T) {
	var out strings.Builder
	s := &StatusLine{out: &out, columns: func() int { return 40 }}
	const writers, lines = 4, 200
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range lines {
				fmt.Fprintf(s, "writer %d line %d\n", w, i)
				s.Set(fmt.Sprint("status ", w, i))
			}
		})
	}
	all.Wait()
	got := screen(t, out.String())
	if len(got) != writers*lines+1 || !strings.HasPrefix(got[len(got)-1], "status ") {
		t.Fatalf("the terminal shows %d lines, the last one %q; want %d and the status",
			len(got), got[len(got)-1], writers*lines+1)
	}
	for _, line := range got[:len(got)-1] {
		if !strings.HasPrefix(line, "writer ") {
			t.Errorf("the terminal shows %q, want only lines of the writers above the status", line)
		}
	}
}
