package parser_test

import (
	"bytes"
	"flag"
	"fmt"
	"html"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/internal/season"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

var update = flag.Bool("update", false, "rewrite testdata/faults.txt")

// faultsFile is the path of the file with a case for each fault. The comment at its top describes the
// format.
const faultsFile = "testdata/faults.txt"

// For each fault of package season, testdata/faults.txt has a case: a few pages with the fault, and
// the notifications that they cause. The pages must cause exactly these notifications.
func TestFaults(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(faultsFile)
	if err != nil {
		t.Fatal(err)
	}
	head, cases, _ := strings.Cut(string(want), "\n== ")
	var got strings.Builder
	got.WriteString(head)
	tested := map[string]bool{}
	for _, text := range strings.Split(cases, "\n== ") {
		title, pages, _ := strings.Cut(text, "\n")
		parts := strings.SplitN(title, ": ", 3)
		if len(parts) != 3 || !slices.Contains(season.Faults(event.Sport(parts[0])), parts[1]) {
			t.Errorf("the title %q names no fault of package season: want SPORT: FAULT: STORY", title)
			continue
		}
		tested[parts[1]] = true
		fmt.Fprintf(&got, "\n== %s\n%s", title, readings(t, event.Sport(parts[0]), pages))
	}
	for _, s := range season.Sports() {
		for _, fault := range season.Faults(s) {
			if !tested[fault] {
				t.Errorf("the fault %q of %s has no case in %s", fault, s, faultsFile)
			}
		}
	}
	if *update {
		if err := os.WriteFile(faultsFile, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got.String() != string(want) {
		gotLines, wantLines := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
		for i := range min(len(gotLines), len(wantLines)) {
			if gotLines[i] != wantLines[i] {
				t.Fatalf("%s line %d differs. If the new notifications are right, run with -update.\ngot  %s\nwant %s", faultsFile,
					i+1, gotLines[i], wantLines[i])
			}
		}
	}
}

// readings reads the pages of a case. It returns each page with the notifications that the page
// causes. If the case names a fixture, readings returns pages unchanged. Another test checks fixtures.
func readings(t *testing.T, sport event.Sport, pages string) string {
	if folder, ok := strings.CutPrefix(strings.TrimSpace(pages), "fixture "); ok {
		if _, err := os.Stat(folder + "/events.txt"); err != nil {
			t.Errorf("a case names a fixture without events.txt: %v", err)
		}
		return pages
	}
	rules := fanRules
	if r := sport.Rules(); !r.InningsScore && !r.SetScore {
		rules = strings.Replace(fanRules, "match:\n", "match:\n"+fanLineScore, 1)
	}
	prof, err := profile.Load("fan.yaml", []byte("profile: fan\nsport: "+string(sport)+rules))
	if err != nil {
		t.Fatal(err)
	}
	tracker := parsertest.Ingester(t).Track(prof, "m1")
	var out strings.Builder
	for line := range strings.Lines(pages) {
		if strings.HasPrefix(line, "  ") {
			continue // a notification that the golden file expects
		}
		out.WriteString(line)
		if line = strings.TrimSpace(line); line != "" {
			out.WriteString(notifications(t, tracker, line))
		}
	}
	return out.String()
}

// notifications reads the page that line describes, and returns a line for each notification.
// Incidents that happened before the first page cause no notification.
func notifications(t *testing.T, tracker *poll.Tracker, line string) string {
	var out strings.Builder
	events, _ := tracker.Ingest(event.WithTID(t.Context(), event.NewTID()), fanPage(t, line))
	for _, e := range events {
		if !e.Data.Backfill {
			fmt.Fprintf(&out, "  %s\n", notify.Line(e))
		}
	}
	return out.String()
}

// fanRules are the rules of the profile that reads the pages of fanPage.
const fanRules = `
match:
  league: {value: Test League}
  home: .home
  away: .away
  home_score: .hs
  away_score: .as
  home_shootout: {css: .hp, optional: true}
  away_shootout: {css: .ap, optional: true}
  status: .status
  clock: .clock
  start: .start
  winner: {css: .winner, optional: true}
incidents:
  - rows: {css: li, optional: true}
    kind: {attr: data-kind}
    side: {attr: data-side}
    period: {attr: data-period}
    clock: time
    player: b
    home_score: {css: u, regexp: '^\d+'}
    away_score: {css: u, regexp: '\d+$'}
`

// fanLineScore are the rules for the line score. Cricket and tennis do not need them, because the
// rules for their score also read the line score.
const fanLineScore = `
  home_line_score: {css: .hl, optional: true}
  away_line_score: {css: .al, optional: true}
`

// fanRow matches a row: period, clock, kind, detail, side, player and score. Period, detail and
// score are optional.
var fanRow = regexp.MustCompile(`^(?:([a-z]+\d|\dh) )?(\S+) ([a-z_]+)(?:/(\S+))? (home|away) (\S+)(?: (\d+-\d+))?$`)

// fanPage returns the page that a line of a case describes.
func fanPage(t *testing.T, line string) page.Page {
	t.Helper()
	var field [7]string // time, state, score, rows, kick-off, teams, winner
	for i, text := range strings.Split(line, "|") {
		field[i] = strings.TrimSpace(text)
	}
	clock, nextDay := strings.CutPrefix(field[0], "+1 ")
	at, err := time.Parse(time.DateTime, "2026-11-28 "+clock)
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if nextDay {
		at = at.AddDate(0, 0, 1)
	}
	if field[1] == "blank" {
		return page.Page{At: at}
	}
	var b bytes.Buffer
	write := func(class, text string) {
		if text != "" {
			fmt.Fprintf(&b, "<p class=%s>%s</p>\n", class, html.EscapeString(text))
		}
	}
	b.WriteString("<!DOCTYPE html><html><body>\n")
	home, away, found := strings.Cut(field[5], " v ")
	if !found {
		home, away = "Ayr", "Raith"
	}
	write("home", home)
	write("away", away)
	start := "15:00"
	if field[4] != "" {
		start = field[4]
	}
	write("start", "2026-11-28T"+start+":00Z")
	words := strings.SplitN(field[1], " ", 3) // such as live q1 02:50
	write("status", strings.Join(words[:min(2, len(words))], " "))
	if len(words) == 3 {
		write("clock", words[2])
	}
	score, truncated := strings.CutPrefix(field[2], "cut ")
	score, parts, _ := strings.Cut(score, " by period ")
	hl, al, _ := strings.Cut(parts, " ")
	write("hl", strings.ReplaceAll(hl, ",", " "))
	write("al", strings.ReplaceAll(al, ",", " "))
	score, kicks, _ := strings.Cut(score, " ")
	if strings.Contains(score, "-") {
		hs, as, _ := strings.Cut(score, "-")
		write("hs", hs)
		write("as", as)
	} else { // cricket and tennis: the text of each side
		write("hs", strings.ReplaceAll(score, ",", " "))
		write("as", strings.ReplaceAll(kicks, ",", " "))
		kicks = ""
	}
	hp, ap, _ := strings.Cut(kicks, "-")
	write("hp", hp)
	write("ap", ap)
	write("winner", field[6])
	b.WriteString("<ul>\n")
	for row := range strings.SplitSeq(field[3], ";") {
		if row = strings.TrimSpace(row); row == "" {
			continue
		}
		m := fanRow.FindStringSubmatch(row)
		if m == nil {
			t.Fatalf("row %q: want a match of %s", row, fanRow)
		}
		fmt.Fprintf(&b, "<li data-kind=\"%s\" data-side=%s data-period=\"%s\"><time>%s</time> <b>%s</b> <u>%s</u></li>\n",
			strings.TrimSpace(m[3]+" "+m[4]), m[5], m[1], html.EscapeString(m[2]), strings.Trim(m[6], "-"), m[7])
	}
	if !truncated {
		b.WriteString("</ul></body></html>\n")
	}
	return page.Page{Body: b.Bytes(), At: at}
}
