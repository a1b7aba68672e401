package terminal

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"unicode"
)

// The log for people has a short beginning, then the attributes. Its text is printable, wherever it comes from.
func TestLogHandler(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	log := slog.New(NewLogHandler(&out, slog.LevelInfo, false, noLimit))
	log.With("role", "parser").WithGroup("poll").Info("page read", "match", "a b", "took", 12)
	log.Debug("not logged")
	log.Info("consumer ready", "keys", []string{"a", "b", "c", "d", "e", "f", "g"})
	log.Warn("page \x1b[31mnot\nread", "error", errors.New("bad\u202e\x1b[2J\nx"))
	lines := strings.Split(out.String(), "\n")
	want := []string{
		`page read  role=parser poll.match="a b" poll.took=12`,
		`consumer ready  keys="[a b c d e] and 2 more"`,
		"WARN  page \ufffd[31mnot read  " + `error="bad\u202e\x1b[2J\nx"`,
		"",
	}
	if len(lines) != len(want) {
		t.Fatalf("got %d lines, want %d:\n%s", len(lines), len(want), out.String())
	}
	for i, line := range lines {
		if i < len(want)-1 {
			line = line[len("15:04:05  "):]
		}
		if line != want[i] {
			t.Errorf("line %d is %q, want %q", i, line, want[i])
		}
	}
	out.Reset()
	slog.New(NewLogHandler(&out, slog.LevelInfo, true, noLimit)).Error("lost\u202e", "name", "\x1b]0;x\x07")
	line := strings.TrimSuffix(out.String(), "\n")
	unpainted := strings.NewReplacer("\x1b[31m", "", "\x1b[2m", "", "\x1b[0m", "").Replace(line)
	if out.Len() == 0 || strings.ContainsFunc(unpainted, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("the coloured line is %q, want printable text apart from the colours", out.String())
	}
}

func noLimit() int { return 0 }

// On a terminal, a long line of the log is broken between words, and its beginning stands out.
func TestLongLogLines(t *testing.T) {
	t.Parallel()
	for _, colors := range []bool{false, true} {
		var out strings.Builder
		log := slog.New(NewLogHandler(&out, slog.LevelInfo, colors, func() int { return 40 }))
		log.Warn("page not read", "url", "http://site.example/match", "failures", 3)
		lines := screen(t, out.String())
		got := strings.Join(lines, "\n")[len("15:04:05"):]
		if want := "  WARN  page not read\n          url=http://site.example/match\n          failures=3\n"; got != want {
			t.Errorf("with colours %v, the terminal shows\n%s\nwant\n%s", colors, got, want)
		}
	}
}
