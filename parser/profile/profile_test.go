package profile_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// The error for a fault in a profile contains the position and the value of the fault.
func TestLoadErrors(t *testing.T) {
	t.Parallel()
	const kindRule = "kind: {css: .kind, map: {Goal: goal, Own: goal own_goal, Yellow: yellow_card, Sub: substitution}}"
	for _, tc := range []struct{ name, old, new, want string }{
		{"unknown key", "league: .league", "leage: .league", `small.yaml:5:3: unknown field "leage"`},
		{"unknown key in a rule", "id: {value: m1}", "id: {val: m1}", `small.yaml:4:8: unknown field "val"`},
		{"broken selector", "home: .home", "home: '.home['", `small.yaml:6:9: match.home: selector ".home["`},
		{"broken selector in css", "{css: .status,", "{css: '.status >',",
			`small.yaml:10:17: match.status.css: selector ".status >"`},
		{"broken selector in when", "home: li.h", "home: 'li:nope'",
			`small.yaml:14:25: incidents[0].side.when.home: selector "li:nope"`},
		{"broken jq", "id: {value: m1}", "id: {jq: '.a |'}", `small.yaml:4:12: match.id.jq: jq ".a |"`},
		{"broken regexp", "league: .league", "league: {css: .league, regexp: '('}",
			`small.yaml:5:34: match.league.regexp: regexp "("`},
		{"unknown kind", "Goal: goal", "Goal: gaol", `small.yaml:13:36: incidents[0].kind.map.Goal: kind "gaol"`},
		{"kind of another sport", "Goal: goal", "Goal: touchdown", `kind "touchdown"`},
		{"unknown side", "home: li.h", "left: li.h", `side "left"`},
		{"unknown status", "Live: live", "Live: playing", `status "playing"`},
		{"unknown period", "HT: break ht", "HT: break q2", `status "break q2"`},
		{"unknown sport", "sport: soccer", "sport: quidditch", `small.yaml:2:8: sport: sport "quidditch"`},
		{"a string for a boolean", "league: .league", "league: {css: .league, own: maybe}",
			`small.yaml:5:31: match.league.own: "maybe": want true or false`},
		{"rows without a kind", "    " + kindRule + "\n", "", `set both rows and kind`},
		{"bad name", "profile: small", "profile: Small Site", `profile "Small Site"`},
		{"two sources", "id: {value: m1}", "id: {value: m1, css: a}",
			`small.yaml:4:7: match.id: set only one of css, jq, when, join and value`},
		{"no source", "id: {value: m1}", "id: {prefix: m}", `match.id: the rule has no source`},
		{"side and team", "    clock: time", "    team: u\n    clock: time", `set either side or team`},
		{"no teams", "  home: .home\n", "", `set both match.home and match.away`},
		{"a constant as a selector", kindRule, "kind: goal",
			`small.yaml:13:11: incidents[0].kind: kind: goal is a selector: for a constant, write {value: goal}`},
		{"a comment for a selector", "rows: li", "rows: #li",
			"small.yaml:12:10: incidents[0].rows: the value is empty (put a selector that begins with # in quotes"},
		{"a comment for complete", "match:\n", "complete: #foot\nmatch:\n",
			"small.yaml:3:10: complete: the value is empty (put a selector that begins with # in quotes"},
		{"live in a break", "Live: live", "Live: live ht",
			`status "live ht": a match is not live during a break: want "break ht"`},
		{"invalid layout", "league: .league", "start: {css: a, layout: DD.MM.YYYY}",
			`small.yaml:5:10: match.start: layout "DD.MM.YYYY": want unix`},
		{"siblings of a text", "league: .league", "league: {css: .league, siblings: true}",
			"siblings is for matches and rows"},
		{"regexp of rows", "rows: li", "rows: {css: li, regexp: x}",
			"matches and rows can have only css, jq, siblings and optional"},
		{"a notation of clocks for a text", "league: .league", "league: {css: .league, as: minute}",
			`as "minute" is for clocks`},
		{"jq with no JSON", "league: .league", "league: {jq: .league}", "jq has no JSON to query"},
		{"a notation of scores for a clock", "clock: time", "clock: {css: time, as: runs_first}",
			`as "runs_first" is for home_score and away_score in cricket: want one of [minute`},
		{"a constant as the winner", "league: .league", "winner: home", `winner: home is a selector: for a constant`},
		{"an unknown winner", "league: .league", "winner: {css: b, map: {1: us}}",
			`winner "us": want one of home, away, draw`},
		{"unknown notation", "clock: time", "clock: {css: time, as: sundial}", `as "sundial"`},
		{"unknown zone", "league: .league", "start: {css: a, zone: Mars/Olympus}", `zone "Mars/Olympus"`},
		{"zone by abbreviation", "league: .league", "start: {css: a, zone: CEST}", "want a time zone like Europe/Berlin"},
		{"key without its underscore", "league: .league", "homescore: .hs", "did you mean home_score?"},
		{"lookbehind", "league: .league", "league: {css: a, regexp: '(?<=x)a'}", "have no lookahead or lookbehind"},
		{"lookahead", "league: .league", "league: {css: a, regexp: 'a(?!x)'}", "have no lookahead or lookbehind"},
		{"reference", "league: .league", "league: {css: a, regexp: '(a)\\1'}", "have no references to groups"},
		{"atomic group", "league: .league", "league: {css: a, regexp: '(?>a)'}", "have no atomic groups"},
		{"possessive", "league: .league", "league: {css: a, regexp: 'a++b'}", "have no possessive repetition"},
		{"a list for a selector", "home: .home", "home: {css: [.home]}", `small.yaml:6:15`},
		{"not YAML", "match:\n", "match: {\n", `small.yaml:`},
		{"a list", parsertest.SmallProfile, "- a\n", `small.yaml:1:1`},
		{"empty", parsertest.SmallProfile, "", `small.yaml:1:1: set profile, sport and match`},
	} {
		_, err := profile.Load("small.yaml", []byte(strings.Replace(parsertest.SmallProfile, tc.old, tc.new, 1)))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v\nwant %s", tc.name, err, tc.want)
		}
	}
}

func TestUnusablePages(t *testing.T) {
	t.Parallel()
	p, err := profile.Load("small.yaml", []byte(parsertest.SmallProfile))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ body, want string }{
		"empty":       {"", "the page is empty"},
		"white space": {" \n\t", "the page is empty"},
		"a picture":   {"\x89PNG\r\n\x1a\n0000", "not HTML (it looks like image/png)"},
		"plain text":  {"Service temporarily unavailable", "not HTML"},
		"JSON":        {`{"error":"no"}`, "not HTML"},
		"a consent wall": {"<html><body><h1>We value your privacy</h1></body></html>",
			"names neither team: match.home: nothing found: no element .home"},
		"truncated":        {`<html><p class=home>A</p><p class=away>B</p>`, "the page is truncated"},
		"one team missing": {`<p class=home>A</p>`, "match.away: nothing found"},
		"one team twice":   {`<p class=home>A</p><p class=away>a</p>`, `names "A" as both teams`},
	} {
		o, _, err := p.Extract(t.Context(), page.Page{Body: []byte(tc.body)})
		if err == nil || !strings.Contains(err.Error(), tc.want) || o != nil {
			t.Errorf("%s: observations %v, error %v, want only the error %q", name, o, err, tc.want)
		}
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	_, problems := parsertest.Extract(t, `<p class=league>L<p class=home>A</p><p class=away>B</p>
		<p class=hs>2</p><p class=as>x</p><p class=status>Tea</p>
		<li class=h><u class=kind>Goal</u><time>soon</time><b>P</b></li>
		<li class=h><u class=kind>Juggling</u><time>5'</time><b>P</b></li>
		<li><u class=kind>Goal</u><time>5'</time><b>P</b></li>`)
	var all []string
	for _, p := range problems {
		all = append(all, p.String())
	}
	got := strings.Join(all, "\n")
	for _, want := range []string{
		`match.away_score: "x" is not a score`,
		`match.status: "Tea" is not in the map`,
		`incidents[0] row 1: clock: "soon" is not a clock`,
		`incidents[0] row 2: kind: "Juggling" is not in the map`,
		`incidents[0] row 3: side: the row does not show the team of the goal`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("problems\n%s\nwant %q", got, want)
		}
	}
	_, problems = parsertest.Extract(t, `<p class=league>L<p class=home>A</p><p class=away>B</p>
		<p class=hs>2</p><p class=as>0</p><p class=status>Live</p>
		<li class=h><u class=kind>Goal</u><time>5'</time><b>P</b></li>`)
	if len(problems) != 1 || problems[0].String() != "incidents: the listed goals add up to 1-0, but the score is 2-0" {
		t.Errorf("a page that contradicts itself: problems %v, want only that the goals do not add up", problems)
	}
}

func TestLibraryFind(t *testing.T) {
	t.Parallel()
	lib := parsertest.Library(t)
	if _, err := lib.Find("fbreff"); err == nil || !strings.Contains(err.Error(), "fbref") {
		t.Errorf("a misspelled name: error %v, want one that names fbref", err)
	}
	if _, err := lib.Find("nowhere.yaml"); err == nil || !strings.Contains(err.Error(), "nowhere.yaml") {
		t.Errorf("a missing file: error %v, want the name of the file", err)
	}
}

// A selector finds the same elements with the index as without the index. Selectors that were used
// before make no difference.
func TestSelectors(t *testing.T) {
	t.Parallel()
	body := `<html><body><p class="home big">A</p><p class=away>B</p>
		<div id=c><h3>x</h3><i data-k=1>one</i><i class="big k">two</i></div>
		<ul class=list><li class=ev>u1</li></ul><ol><LI CLASS="ev last">o1</LI></ol>
		<svg><use xlink:href="#ball"></use></svg></body></html>`
	for selector, want := range map[string]int{
		"li": 2, "ol > li, ul > li": 2, "ol > *": 1, "[data-k]": 1, ".ev, h3": 3, "#c > :not(h3)": 2, "#c": 1, ".big": 2,
		".k.big": 1,
		"i.big":  1, `use[href="#ball"]`: 1, ".ev:not(.last)": 1, "div :nth-child(2)": 1, "li:contains('o1')": 1,
		"body > *": 6, ".none": 0, "LI": 2,
		"ul.list li": 1, "ul:has(li)": 1, "h3 + i": 1, "h3 ~ i": 2, ".home.big": 1,
	} {
		for _, first := range []string{"", ".zzz, .home", ".home"} { // the selector of home, which is used first
			text := "profile: x\nsport: soccer\nmatch: {home: .home, away: .away}\n" +
				"incidents:\n  - rows: " + strconv.Quote(selector) + "\n    kind: {value: goal}\n    side: {value: home}\n"
			if first != "" {
				text = strings.Replace(text, "home: .home", "home: '"+first+"'", 1)
			}
			p, err := profile.Load("x.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			all, problems, err := p.Extract(t.Context(), page.Page{Body: []byte(body)})
			if err != nil || all[0].Match.Home != "A" || all[0].Match.Away != "B" {
				t.Fatalf("%s after %q: observations %v, error %v, want teams A and B", selector, first, all, err)
			}
			if got := len(all[0].Incidents); got != want {
				t.Errorf("%s after %q: %d rows, want %d; problems %v", selector, first, got, want, problems)
			}
		}
	}
}

// A rule finds the first matching element of the row.
func TestFirstElementOfARow(t *testing.T) {
	t.Parallel()
	o, problems := parsertest.Extract(t, `<p class=league>L<p class=home>A</p><p class=away>B</p>
		<p class=hs>1</p><p class=as>0</p><p class=status>Live</p>
		<li class=h><u class=kind>Goal</u><s><u class=kind>Own</u></s><time>5'</time>
		<time>6'</time><b>Joe</b><b>Al</b></li>`)
	if len(problems) > 0 || len(o.Incidents) != 1 || o.Incidents[0].Player != "Joe" || o.Incidents[0].Clock.Minute != 5 ||
		o.Incidents[0].Detail != "" {
		t.Errorf("incidents %+v, problems %v, want a goal by Joe in minute 5", o.Incidents, problems)
	}
}

// A value that is not in the vocabulary, and that no map translates, causes a problem, and is not
// part of the observation.
func TestUnknownValues(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ old, new, want string }{
		{"map: {Live: live, FT: final, HT: break ht, 2nd: live 2h}", "regexp: '.*'",
			`match.status: "Live" is not a valid value ` +
				`(scheduled, delayed, live, break, interrupted, …): translate it with map`},
		{"status: {css: .status, map: {Live: live, FT: final, HT: break ht, 2nd: live 2h}}",
			"status: {css: .status, regexp: '(L)ive', prefix: 'live '}", `match.status: "L" is not a valid value`},
		{"map: {Goal: goal, Own: goal own_goal, Yellow: yellow_card, Sub: substitution}", "regexp: '.*'",
			`incidents[0] row 1: kind: "Goal" is not a valid value (goal, yellow_card,`},
		{"{when: {home: li.h, away: li.a}}", "{css: .kind}",
			`incidents[0] row 1: side: "Goal" is not a valid value (home, away)`},
		{"    clock: time", "    clock: time\n    period: {css: .kind}",
			`incidents[0] row 1: period: "Goal" is not a valid value`},
		{"id: {value: m1}", "id: {value: m/1}", `match.id: match ID "m/1"`},
	} {
		p, err := profile.Load("small.yaml", []byte(strings.Replace(parsertest.SmallProfile, tc.old, tc.new, 1)))
		if err != nil {
			t.Fatal(tc.new, err)
		}
		all, problems, err := p.Extract(t.Context(), page.Page{Body: []byte(`<p class=league>L<p class=home>A</p>
			<p class=away>B</p><p class=hs>1</p><p class=as>0</p>
			<p class=status>Live</p>
		<li class=h><u class=kind>Goal</u><time>5'</time><b>P</b></li>`)})
		if err != nil {
			t.Fatal(err)
		}
		if text := fmt.Sprint(problems); !strings.Contains(text, tc.want) {
			t.Errorf("%s: problems %s, want %s", tc.new, text, tc.want)
		}
		for i := range all {
			checkObservation(t, &all[i])
		}
	}
}

// A string whose value in the map is empty, and a missing optional value, cause no problem.
func TestIgnoredValues(t *testing.T) {
	t.Parallel()
	text := strings.Replace(parsertest.SmallProfile, "Sub: substitution}", "Sub: substitution, Kick-off: , '*': null}", 1)
	text = strings.Replace(text, "league: .league", "league: {css: .none, optional: true}", 1)
	p, err := profile.Load("small.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	all, problems, err := p.Extract(t.Context(), page.Page{Body: []byte(`<p class=home>A</p><p class=away>B</p>
		<p class=hs>1</p><p class=as>0</p><p class=status>Live</p>
		<li><u class=kind>Kick-off</u></li><li><u class=kind>Half-time show</u></li>
		<li class=h><u class=kind>Goal</u><time>5'</time><b>P</b></li>`)})
	if err != nil || len(problems) > 0 || len(all[0].Incidents) != 1 {
		t.Errorf("observations %+v, problems %v, error %v, want one goal and no problem", all, problems, err)
	}
}

// Long numbers in JSON keep all their digits.
func TestLongNumbers(t *testing.T) {
	t.Parallel()
	p, err := profile.Load("x.yaml", []byte("profile: x\nsport: soccer\nformat: json\nmatches: {jq: '.[]'}\n"+
		"match: {id: {jq: .id}, home: {jq: .h}, away: {jq: .a}, home_score: {jq: .s}, away_score: {jq: '.s + 1'}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	all, problems, err := p.Extract(t.Context(), page.Page{Body: []byte(`[{"id":1234567890123456789,"h":"A","a":"B","s":1},
		{"id":1234567890123456780,"h":"C","a":"D","s":2.0},
		{"id":123456789012345678901234567890,"h":"E","a":"F","s":3e0}]`)})
	if err != nil || len(all) != 3 || all[0].Match.ID != "1234567890123456789" ||
		all[1].Match.ID != "1234567890123456780" ||
		all[2].Match.ID != "123456789012345678901234567890" || all[1].Score.Away != 3 {
		t.Errorf("observations %+v, problems %v, error %v, want three matches with complete IDs", all, problems, err)
	}
	if _, _, err := p.Extract(t.Context(), page.Page{Body: []byte(`[] x`)}); err == nil {
		t.Error("no error for text after the JSON value, want one")
	}
}

// If the page names no period, a minute that may be stoppage time neither starts nor ends a period.
func TestMinutesWithoutAPeriod(t *testing.T) {
	t.Parallel()
	const page = `<p class=league>L<p class=home>A</p><p class=away>B</p><p class=hs>1</p><p class=as>0</p>` +
		`<p class=status>Live</p><li class=h><u class=kind>Goal</u><time>%d'</time><b>P</b></li>`
	for minute, want := range map[int]string{40: "1h 40'", 47: "2h 47'", 70: "2h 70'", 92: "et1 92'", 104: "et1 104'",
		110: "et2 110'"} {
		o, _ := parsertest.Extract(t, fmt.Sprintf(page, minute))
		if got := string(o.Incidents[0].Clock.Period) + " " + o.Incidents[0].Clock.String(); got != want {
			t.Errorf("%d': clock %s, want %s", minute, got, want)
		}
	}
	for _, minute := range []int{47, 92} {
		o, _ := parsertest.Extract(t, fmt.Sprintf(page, minute))
		_, events, err := reconcile.Match(reconcile.State{Epoch: "e"}, o, parsertest.Provenance(parsertest.Noon))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Data.Kind == event.PeriodStart || e.Data.Kind == event.PeriodEnd {
				t.Errorf("a goal at %d': event %s, want no start or end of a period", minute, parsertest.Line(e))
			}
		}
	}
}

// If a clock names its period, the profile does not guess the period of a minute such as 47'. The
// match clock also sets the period of a live match.
func TestClockNamesThePeriod(t *testing.T) {
	t.Parallel()
	p, err := profile.Load("x.yaml", []byte("profile: x\nsport: soccer\nformat: json\n"+
		"match: {home: {value: A}, away: {value: B}, league: {value: L}, status: {value: live}, clock: {jq: .clock}}\n"+
		"incidents: [{rows: {jq: '.rows[]'}, kind: {value: goal}, side: {value: home}, clock: {jq: .}}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		clock, row string
		period     event.Period
		guessed    bool
	}{
		{"2nd half 48'", "2nd half 47'", "2h", false},
		{"48'", "47'", "", true},
		{"HT", "1st half 44'", "", false},
	} {
		body := fmt.Appendf(nil, `{"clock": %q, "rows": [%q]}`, tc.clock, tc.row)
		all, problems, err := p.Extract(t.Context(), page.Page{Body: body})
		if err != nil || len(problems) > 0 {
			t.Fatal(problems, err)
		}
		m, guessed := all[0].Match, all[0].Incidents[0].PeriodGuessed
		if m.Period != tc.period || guessed != tc.guessed {
			t.Errorf("%s, %s: period %q, guessed %t, want %q and %t", tc.clock, tc.row, m.Period, guessed, tc.period, tc.guessed)
		}
	}
}

// The listed goals need not add up to the score if the list cannot contain goals, or if the list is
// optional and empty.
func TestListsThatNeedNotMatchTheScore(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"only cards": {"map: {Goal: goal, Own: goal own_goal, Yellow: yellow_card, Sub: substitution}",
			"map: {Yellow: yellow_card}"},
		"an optional list":      {"rows: li", "rows: {css: li.none, optional: true}"},
		"the profile unchanged": {"", ""},
	} {
		p, err := profile.Load("small.yaml", []byte(strings.Replace(parsertest.SmallProfile, change[0], change[1], 1)))
		if err != nil {
			t.Fatal(err)
		}
		all, problems, err := p.Extract(t.Context(), page.Page{Body: []byte(fmt.Sprintf(parsertest.SmallPage, 2))})
		if err != nil || (len(problems) == 0) != (change[0] != "") {
			t.Errorf("%s: problems %v, error %v, want a problem: %t", name, problems, err, change[0] == "")
		}
		if name == "an optional list" && all[0].NoRows {
			t.Error("an empty optional list: NoRows is true, want false")
		}
	}
}

// Load reports all mistakes in a profile together, each with its position.
func TestLoadReportsAllMistakes(t *testing.T) {
	t.Parallel()
	_, err := profile.Load("bad.yaml", []byte(`profile: bad
sport: soccer
hosts: [HTTP://x]
match:
  home: {css: "[["}
  away: .away
  start: {css: .start, regexp: '('}
  hom: .home
  status: {css: .s, map: {x: liv, y: final, z: finl}}
incidents:
  - rows: li
    kind: {css: .k, map: {a: goall}}
  - rows: ul
    kind: {value: goal}
    side:
`))
	want := []string{`bad.yaml:3:9: hosts[0]`, `bad.yaml:5:15: match.home.css`, `bad.yaml:7:32: match.start.regexp`,
		`bad.yaml:8:3: unknown field "hom"`, `bad.yaml:9:30: match.status.map.x: status "liv"`,
		`bad.yaml:9:48: match.status.map.z: status "finl"`, `bad.yaml:12:30: incidents[0].kind.map.a: kind "goall"`,
		`bad.yaml:15:11: incidents[1].side: the value is empty`}
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n  ")
	for i, w := range want {
		if len(lines) != len(want)+1 || !strings.HasPrefix(lines[i+1], w) {
			t.Fatalf("error %v\nwant mistakes that begin with %q", err, want)
		}
	}
}
