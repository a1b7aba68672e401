package recording_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/recording"
)

// Each folder in testdata/cases is a fixture with invented pages that an earlier version of
// matchwire misread. A replay of the fixture produces the lines in the folder's file events.txt:
// one line for each event, and one line for each warning in the log.
func TestCases(t *testing.T) {
	manifests, err := filepath.Glob("testdata/cases/*/" + recording.ManifestName)
	if err != nil || len(manifests) == 0 {
		t.Fatalf("%d cases, error %v, want at least 1", len(manifests), err)
	}
	for _, manifest := range manifests {
		dir := filepath.Dir(manifest)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			got := playCase(t, path.Base(dir), os.DirFS(dir))
			golden := filepath.Join(dir, "events.txt")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("the events differ from %s.\ngot:\n%s\nwant:\n%s", golden, got, want)
			}
		})
	}
}

// playCase replays a fixture and returns its events and warnings, one on each line. A line begins
// with the time of the page.
func playCase(t *testing.T, name string, folder fs.FS) []byte {
	t.Helper()
	f, err := recording.LoadFixture(name, folder)
	if err != nil {
		t.Fatal(err)
	}
	var lines, warnings bytes.Buffer
	in := parsertest.Ingester(t)
	in.Log = slog.New(slog.NewTextHandler(&warnings, &slog.HandlerOptions{Level: slog.LevelWarn,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.MessageKey || a.Key == "error" || a.Key == "reason" || a.Key == "problem" {
				return a
			}
			return slog.Attr{}
		}}))
	p := &recording.Replayer{Library: parsertest.Library(t), Ingester: in,
		Each: func(_ context.Context, fetched page.Page, events []event.Event) error {
			at := fetched.At.Format("2006-01-02 15:04:05")
			for line := range strings.Lines(warnings.String()) {
				fmt.Fprintf(&lines, "%s warning %s", at, line)
			}
			warnings.Reset()
			for _, e := range events {
				fmt.Fprintf(&lines, "%s %s\n", at, describe(e))
			}
			return nil
		}}
	if err := p.Play(t.Context(), []*recording.Fixture{f}); err != nil {
		t.Fatal(err)
	}
	return lines.Bytes()
}

// describe returns a one-line description of an event, without IDs.
func describe(e event.Event) string {
	d := e.Data
	words := []string{strings.TrimPrefix(e.Type, string(d.Sport)+".")}
	add := func(name, value string) {
		if value != "" {
			words = append(words, name+"="+value)
		}
	}
	if d.Clock != nil {
		add("period", string(d.Clock.Period))
	}
	add("time", d.Time)
	add("side", string(d.Side))
	add("player", d.Player)
	add("detail", d.Detail)
	add("off", d.Off)
	add("assist", d.Assist)
	if d.Score != nil {
		add("score", d.Score.String())
	}
	if d.Shootout != nil {
		add("shootout", d.Shootout.String())
	}
	if d.Match != nil {
		add("status", strings.TrimSpace(string(d.Match.Status)+" "+string(d.Match.Period)))
		add("match", d.Match.Home+" v "+d.Match.Away)
	}
	for _, member := range slices.Sorted(maps.Keys(d.Changes)) {
		add("change", fmt.Sprintf("%s %q→%q", member, d.Changes[member].Old, d.Changes[member].New))
	}
	add("reason", d.Reason)
	if d.Provisional {
		words = append(words, "provisional")
	}
	if d.Backfill {
		words = append(words, "backfill")
	}
	return strings.Join(words, " ")
}
