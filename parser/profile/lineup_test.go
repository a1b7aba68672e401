package profile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// lineupProfile is SmallProfile with rules for line-ups.
var lineupProfile = strings.Replace(parsertest.SmallProfile, "incidents:", `  home_formation: .form
  away_coach: .coach
lineups:
  - rows: .home-squad dt, .home-squad dd
    side: {value: home}
    role: {css: dt, inherit: true, map: {Starters: starter, Bench: substitute}}
    player: {css: dd, own: true}
    number: i
    position: u
  - rows: .away-squad li
    team: s
    player: b
incidents:`, 1)

const lineupPage = `<p class=league>L<p class=home>A</p><p class=away>B</p><p class=hs>0</p><p class=as>0</p>` +
	`<p class=status>Live</p><p class=form>4-3-3</p><p class=coach>Coach</p>` +
	`<dl class=home-squad><dt>Starters</dt><dd><i>1</i> Ann <u>GK</u></dd><dd><i>9</i> Bea</dd>` +
	`<dt>Bench</dt><dd><i>12</i> Cy</dd><dd><i>12</i> Cy</dd></dl>%s`

func extractLineups(t *testing.T, away string) (string, []string) {
	t.Helper()
	p, err := profile.Load("small.yaml", []byte(lineupProfile))
	if err != nil {
		t.Fatal(err)
	}
	all, problems, err := p.Extract(t.Context(), page.Page{Body: fmt.Appendf(nil, lineupPage, away)})
	if err != nil {
		t.Fatal(err)
	}
	var text, faults []string
	for _, l := range all[0].Lineups {
		text = append(text, fmt.Sprint(l.Side, l.Formation, l.Coach, l.Players))
	}
	for _, f := range problems {
		faults = append(faults, f.String())
	}
	return strings.Join(text, "; "), faults
}

// A line-up has the players of all lists of its side. Rows inherit the role from a heading, and a
// player who is listed twice counts once.
func TestLineups(t *testing.T) {
	t.Parallel()
	home := "home4-3-3[{Ann 1 GK false} {Bea 9  false} {Cy 12  true}]"
	got, problems := extractLineups(t, "<ul class=away-squad><li><s>b</s><b>Dan</b></li><li><s>B</s></li></ul>")
	if want := home + "; awayCoach[{Dan   false}]"; got != want || problems != nil {
		t.Errorf("line-ups %s, problems %q\nwant %s", got, problems, want)
	}
	// It is not a problem if the page shows no line-up yet.
	if got, problems = extractLineups(t, ""); got != home || problems != nil {
		t.Errorf("line-ups %s, problems %q\nwant %s", got, problems, home)
	}
	got, problems = extractLineups(t, "<ul class=away-squad><li><s>C</s><b>Dan</b></li></ul>")
	want := "lineups[1] row 1: side: the row does not show the team of the player"
	if got != home || !slices.Equal(problems, []string{want}) {
		t.Errorf("line-ups %s, problems %q, want %s and the problem %q", got, problems, home, want)
	}
}

// A line-up has at most event.MaxLineup players, with short texts.
func TestLineupBounds(t *testing.T) {
	t.Parallel()
	var rows strings.Builder
	for n := range 100 {
		fmt.Fprintf(&rows, "<li><s>B</s><b>%d %s</b></li>", n, strings.Repeat("\u00e9", 300))
	}
	got, problems := extractLineups(t, "<ul class=away-squad>"+rows.String()+"</ul>")
	if len(got) > event.MaxLineup*120+200 || !strings.Contains(got, "{63 ") || strings.Contains(got, "{64 ") ||
		len(problems) != 1 || !strings.Contains(problems[0], "more than 64 players") {
		t.Errorf("line-ups of %d bytes, problems %q, want 64 short names and one problem", len(got), problems)
	}
}

// Invalid rules for line-ups are reported with their line and value.
func TestLineupRulesAreChecked(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ old, new, want string }{
		{"    player: b\n", "", "lineups"},
		{"    team: s\n", "", "small.yaml:20:11: lineups[1].rows: set either side or team"},
		{"    team: s\n", "    team: s\n    side: {value: home}\n", "set either side or team"},
		{"{value: home}", "{value: left}", `side "left": want one of home, away`},
		{"Bench: substitute", "Bench: reserve", `role "reserve": want one of starter, substitute`},
		{"rows: .away-squad li", "rows: {value: li}", "rows: want css or jq"},
		{"rows: .away-squad li", "rows: {css: li, attr: x}", "rows can have only css, jq"},
		{"number: i", "shirt: i", "small.yaml"},
	} {
		text := strings.Replace(lineupProfile, tc.old, tc.new, 1)
		if text == lineupProfile {
			t.Fatalf("the profile does not contain %q", tc.old)
		}
		if _, err := profile.Load("small.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s instead of %s: error %v, want %s", tc.new, tc.old, err, tc.want)
		}
	}
}
