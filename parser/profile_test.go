package parser_test

import (
	"strings"
	"testing"

	"github.com/matchwire/matchwire/parser"
)

const smallProfile = `profile: small
sport: soccer
match:
  id: {value: m1}
  league: .league
  home: .home
  away: .away
  home_score: .hs
  away_score: .as
  status: {css: .status, map: {Live: live, FT: final, HT: break ht, 2nd: live 2h}}
incidents:
  - rows: li
    kind: {css: .kind, map: {Goal: goal, Own: goal own_goal, Yellow: yellow_card, Sub: substitution}}
    side: {when: {home: li.h, away: li.a}}
    clock: time
    player: b
    off: i
`

// Every mistake is named by file, line, column and value.
func TestProfileMistakes(t *testing.T) {
	for _, tc := range []struct{ name, old, new, want string }{
		{"unknown key", "league: .league", "leage: .league", `small.yaml:5:3: unknown field "leage"`},
		{"unknown key in a rule", "id: {value: m1}", "id: {val: m1}", `small.yaml:4:8: unknown field "val"`},
		{"broken selector", "home: .home", "home: '.home['", `small.yaml:6:9: match.home: selector ".home["`},
		{"broken selector in css", "{css: .status,", "{css: '.status >',", `small.yaml:10:17: match.status.css: selector ".status >"`},
		{"broken selector in when", "home: li.h", "home: 'li:nope'", `small.yaml:14:25: incidents[0].side.when.home: selector "li:nope"`},
		{"broken jq", "id: {value: m1}", "id: {jq: '.a |'}", `small.yaml:4:12: match.id.jq: jq ".a |"`},
		{"broken regexp", "league: .league", "league: {css: .league, regexp: '('}", `small.yaml:5:34: match.league.regexp: regexp "("`},
		{"unknown kind", "Goal: goal", "Goal: gaol", `small.yaml:13:36: incidents[0].kind.map.Goal: kind "gaol"`},
		{"kind of another sport", "Goal: goal", "Goal: touchdown", `kind "touchdown"`},
		{"unknown side", "home: li.h", "left: li.h", `side "left"`},
		{"unknown status", "Live: live", "Live: playing", `status "playing"`},
		{"unknown period", "HT: break ht", "HT: break q2", `status "break q2"`},
		{"unknown sport", "sport: soccer", "sport: quidditch", `small.yaml:2:8: sport: sport "quidditch"`},
		{"a text for a switch", "league: .league", "league: {css: .league, own: maybe}", `small.yaml:5:31: "maybe": want true or false`},
		{"rows without a kind", "    kind: {css: .kind, map: {Goal: goal, Own: goal own_goal, Yellow: yellow_card, Sub: substitution}}\n", "", `rows and kind are needed`},
		{"bad name", "profile: small", "profile: Small Site", `profile "Small Site"`},
		{"two sources", "id: {value: m1}", "id: {value: m1, css: a}", `small.yaml:4:7: match.id: give one of css, jq, when, join and value`},
		{"no source", "id: {value: m1}", "id: {prefix: m}", `match.id: says nothing`},
		{"side and team", "    clock: time", "    team: u\n    clock: time", `give one of side and team`},
		{"no teams", "  home: .home\n", "", `match.home and match.away`},
		{"unknown transform", "clock: time", "clock: {css: time, as: sundial}", `as "sundial"`},
		{"unknown zone", "league: .league", "start: {css: a, zone: Mars/Olympus}", `zone "Mars/Olympus"`},
		{"a list for a selector", "home: .home", "home: {css: [.home]}", `small.yaml:6:15`},
		{"not YAML", "match:\n", "match: {\n", `small.yaml:`},
		{"a list", smallProfile, "- a\n", `small.yaml:1:1`},
		{"empty", smallProfile, "", `small.yaml:1:1: profile ""`},
	} {
		_, err := parser.LoadProfile("small.yaml", []byte(strings.Replace(smallProfile, tc.old, tc.new, 1)))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v\nwant %s", tc.name, err, tc.want)
		}
	}
}

func extract(t *testing.T, page string) (parser.Observation, []parser.Problem) {
	t.Helper()
	p, err := parser.LoadProfile("small.yaml", []byte(smallProfile))
	if err != nil {
		t.Fatal(err)
	}
	all, problems, err := p.Extract(parser.Page{Body: []byte(page)})
	if err != nil {
		t.Fatalf("%v %v", err, problems)
	}
	return all[0], problems
}

func TestUnusablePages(t *testing.T) {
	p, err := parser.LoadProfile("small.yaml", []byte(smallProfile))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ body, want string }{
		"empty":            {"", "the page is empty"},
		"white space":      {" \n\t", "the page is empty"},
		"a picture":        {"\x89PNG\r\n\x1a\n0000", "not HTML (it looks like image/png)"},
		"plain text":       {"Service temporarily unavailable", "not HTML"},
		"JSON":             {`{"error":"no"}`, "not HTML"},
		"a consent wall":   {"<html><body><h1>We value your privacy</h1></body></html>", "names neither team: match.home: nothing found: no element .home"},
		"a page cut off":   {`<html><p class=home>A</p><p class=away>B</p>`, "the page is cut off"},
		"one team missing": {`<p class=home>A</p>`, "match.away: nothing found"},
		"one team twice":   {`<p class=home>A</p><p class=away>a</p>`, `names "A" as both teams`},
	} {
		if o, _, err := p.Extract(parser.Page{Body: []byte(tc.body)}); err == nil || !strings.Contains(err.Error(), tc.want) || o != nil {
			t.Errorf("%s: %v, %v, want %q", name, o, err, tc.want)
		}
	}
}

func TestProblemsAreNamed(t *testing.T) {
	_, problems := extract(t, `<p class=league>L<p class=home>A</p><p class=away>B</p><p class=hs>2</p><p class=as>x</p><p class=status>Tea</p>
		<li class=h><u class=kind>Goal</u><time>soon</time><b>P</b></li>
		<li class=h><u class=kind>Juggling</u><time>5'</time><b>P</b></li>
		<li><u class=kind>Goal</u><time>5'</time><b>P</b></li>`)
	var all []string
	for _, p := range problems {
		all = append(all, p.String())
	}
	got := strings.Join(all, "\n")
	for _, want := range []string{
		`match.away_score: "x" is no score`,
		`match.status: "Tea" is not in the map`,
		`incidents[0] row 1: clock: "soon" is no clock`,
		`incidents[0] row 2: kind: "Juggling" is not in the map`,
		`incidents[0] row 3: side: a goal of neither team`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in\n%s", want, got)
		}
	}
	_, problems = extract(t, `<p class=league>L<p class=home>A</p><p class=away>B</p><p class=hs>2</p><p class=as>0</p><p class=status>Live</p>
		<li class=h><u class=kind>Goal</u><time>5'</time><b>P</b></li>`)
	if len(problems) != 1 || problems[0].String() != "incidents: the goals listed make 1-0, the score is 2-0" {
		t.Errorf("a page that disagrees with itself: %v", problems)
	}
}

func TestLibraryFind(t *testing.T) {
	lib := library(t)
	if _, err := lib.Find("fbreff"); err == nil || !strings.Contains(err.Error(), "fbref") {
		t.Errorf("a misspelt name: %v", err)
	}
	if _, err := lib.Find("nowhere.yaml"); err == nil || !strings.Contains(err.Error(), "nowhere.yaml") {
		t.Errorf("a missing file: %v", err)
	}
}
