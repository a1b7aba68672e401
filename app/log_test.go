package app

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/terminal"
)

// The log contains no text that changes what a terminal shows, wherever the text comes from.
func TestLogQuotesTexts(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"\x1b[2J\x1b]0;title\x07", "a\u009b31mb\x00\r\nlevel=ERROR msg=x", "\u202eb\u2066c\u200f\u061c",
		"\u200bb\ufeffc\u2028d", "\xff",
	} {
		var b strings.Builder
		newLogger(&b, slog.LevelInfo, false).Warn("player "+text, "name", text, "error", errors.New(text))
		line := strings.TrimSuffix(b.String(), "\n")
		if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%q is logged as\n%s\nwith %q at byte %d, want printable characters only", text, line, line[i:i+1], i)
		}
	}
}

// An event has the colour of its kind, and its text cannot control the terminal.
func TestEventsHaveColours(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		key   string
		data  event.Data
		color terminal.Style
	}{
		{"soccer.mls.goal", event.Data{Player: "Ann"}, terminal.Green},
		{"soccer.mls.goal_corrected", event.Data{Player: "Ann", Action: event.Corrected}, terminal.Yellow},
		{"soccer.mls.goal_retracted", event.Data{Player: "Ann", Action: event.Retracted}, terminal.Red},
		{"soccer.mls.red_card", event.Data{Player: "\x1b[2J\u202eAnn\x07"}, terminal.Red},
		{"soccer.mls.source_stale", event.Data{}, terminal.Dim},
		{"soccer.mls.substitution", event.Data{Player: "Ann"}, ""},
	} {
		e, err := event.Of(tc.key, tc.data, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, env := range []map[string]string{{"CLICOLOR_FORCE": "1"}, {}} {
			var out strings.Builder
			p := newProgram(env, "", &out, nil)
			if err := p.printEvent(e); err != nil {
				t.Fatal(err)
			}
			first, second, _ := strings.Cut(out.String(), "\n")
			text, ids := first[len("15:04:05  "):], second[len("          "):]
			if len(env) > 0 {
				plain := strings.TrimSuffix(strings.TrimPrefix(text, "\x1b["+string(tc.color)+"m"), "\x1b[0m")
				if tc.color.Paint(plain) != text || !strings.HasPrefix(ids, "\x1b[2m"+tc.key) {
					t.Errorf("%s is shown as %q and %q, want the colour %q and dim IDs", tc.key, text, ids, tc.color)
				}
				text = plain
			}
			if strings.ContainsFunc(text, unicode.IsControl) || strings.Contains(text, "\u202e") {
				t.Errorf("%s is shown as %q, want printable text", tc.key, text)
			}
		}
	}
}
