package parser_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// The pages of this test are 60 captures of one feed from one day. If a page has several new goals,
// each goal is reported. Each match ends once.
func TestCapturedSequence(t *testing.T) {
	dir := testenv.Needs(t, testenv.Pages(".."), "MATCHWIRE_PAGES")
	files, err := filepath.Glob(filepath.Join(dir, "soccer/seq-spl-20260412/*.json"))
	if err != nil || len(files) != 60 {
		t.Fatalf("%d files, error %v, want 60 files", len(files), err)
	}
	p, err := profile.Load("spl.yaml", []byte(parsertest.SPLProfile))
	if err != nil {
		t.Fatal(err)
	}
	tracker := parsertest.Ingester(t).Track(p, "")
	var lines []string
	ends := map[string]int{}
	for _, f := range files {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse("2006-01-02T150405", filepath.Base(f)[4:21])
		if err != nil {
			t.Fatal(err)
		}
		events, err := tracker.Ingest(t.Context(), page.Page{URL: "feed", Body: body, At: at})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Data.Kind == event.MatchEnd {
				ends[e.Subject+string(e.Data.Action)]++
			}
			if e.Subject == "spl-742531" {
				lines = append(lines, parsertest.Line(e))
			} else if !e.Data.Backfill {
				t.Errorf("match %s was already over: unexpected event %s", e.Subject, parsertest.Line(e))
			}
		}
	}
	want := []string{
		"match_start 0-0 backfill", "period_start 1h 0-0 backfill", "goal home 1-0 provisional backfill",
		"goal 35' home 2-0 provisional", "goal 42' away 2-1 provisional",
		"period_end 1h 2-1", "period_start 2h 2-1",
		"goal 66' away 2-2 provisional", "goal 66' away 2-3 provisional", "goal 66' away 2-4 provisional",
		"goal home 3-4 provisional", "goal away 3-5 provisional", "goal away 3-6 provisional", "period_end 2h 3-6",
		"match_end 3-6 away by regulation",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("events\n  %s\nwant\n  %s", strings.Join(lines, "\n  "), strings.Join(want, "\n  "))
	}
	if len(ends) != 6 {
		t.Errorf("%d matches ended, want 6: %v", len(ends), ends)
	}
	for m, n := range ends {
		if n != 1 || !strings.HasSuffix(m, string(event.New)) {
			t.Errorf("%d match_end events of match and action %s, want one with the action new", n, m)
		}
	}
}
