package recording_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/recording"
)

// Each fixture with a file events.txt produces the events in that file, one on each line. A line ends
// with the situation of the match if the situation has changed.
func TestSports(t *testing.T) {
	goldens, err := filepath.Glob("../../fixtures/*/*/events.txt")
	if err != nil || len(goldens) < 10 {
		t.Fatalf("%d fixtures, error %v, want at least 10", len(goldens), err)
	}
	for _, golden := range goldens {
		dir := filepath.Dir(golden)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			situation := ""
			for _, e := range playFolder(t, dir) {
				fmt.Fprintf(&got, "%s %s%s", e.Time.Format("2006-01-02 15:04:05"), describe(e), result(e))
				if now := e.Data.Match.Situation.String(); now != situation {
					situation = now
					fmt.Fprintf(&got, " situation=%q", now)
				}
				got.WriteByte('\n')
			}
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("the events differ from %s.\ngot:\n%s\nwant:\n%s", golden, &got, want)
			}
		})
	}
}

// playFolder replays the fixture in a folder.
func playFolder(t *testing.T, dir string) []event.Event {
	t.Helper()
	f, err := recording.LoadFixture(dir, os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	return parsertest.Play(t, parsertest.Ingester(t), f)
}

// result describes the points, the line score and the winner of an event. It returns "" if the
// event has none of these.
func result(e event.Event) string {
	var b strings.Builder
	if e.Data.Points > 0 {
		fmt.Fprintf(&b, " points=%d", e.Data.Points)
	}
	if e.Data.LineScore != nil {
		fmt.Fprintf(&b, " line=%q", e.Data.LineScore)
	}
	if e.Data.Winner != "" {
		fmt.Fprintf(&b, " winner=%s by %s", e.Data.Winner, e.Data.DecidedBy)
	}
	return b.String()
}

// basketLine matches a line for a basket in the file of facts. The groups are the period, the team,
// the points, the player, the score of the guests and the score of the hosts.
var basketLine = regexp.MustCompile(`^- Q(\d) \| [\d:.]+ \| (\w+) \| (\d) \| (.+?) \| (\d+)-(\d+) \| `)

// The events of a real basketball game report each basket once, in order, with the score after the
// basket.
func TestEveryBasketOfAGame(t *testing.T) {
	t.Parallel()
	facts, err := os.Open("../../../shared/facts/nba-0022000001.md")
	if err != nil {
		t.Skip("the file with the facts of the game is missing")
	}
	defer facts.Close()
	var want []string
	for lines := bufio.NewScanner(facts); lines.Scan(); {
		if m := basketLine.FindStringSubmatch(lines.Text()); m != nil {
			side := map[string]string{"BKN": "home", "GSW": "away"}[m[2]]
			want = append(want, fmt.Sprintf("q%s %s +%s %s %s-%s", m[1], side, m[3], m[4], m[6], m[5]))
		}
	}
	var got []string
	for _, e := range playFolder(t, "../../fixtures/basketball/nba-0022000001-bkn-gsw") {
		if d := e.Data; d.Kind == "basket" || d.Action != event.New {
			got = append(got, fmt.Sprintf("%s %s +%d %s %s", d.Clock.Period, d.Side, d.Points, d.Player, d.Score))
		}
	}
	if len(want) != 120 || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%d baskets:\n%s\nwant %d:\n%s", len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
	}
}
