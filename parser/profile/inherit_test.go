package profile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// The start of a match can combine the date in a heading with the time in the row.
func TestCaseDateInAHeading(t *testing.T) {
	t.Parallel()
	const body = `<div class="day">Thursday 11 June 2026</div><i>12:00</i>
		<div class="m" data-id="1"><i>21:00</i><b>Ayr</b><u>Raith</u></div>
		<div class="m" data-id="2"><i>22:30</i><b>Alloa</b><u>Clyde</u></div>
		<div class="day">Friday 12 June 2026</div>
		<div class="m" data-id="3"><i>04:00</i><b>Hearts</b><u>Hibs</u></div>`
	for name, start := range map[string]string{
		"in join":                 "join: [{css: .day, inherit: true}, i]",
		"in alternatives in join": "join: [[{css: .none}, {css: .day, inherit: true}], i]",
		"in join in join": "join: [{join: [{css: .day, regexp: '^(.+) \\d+$', inherit: true}, {css: " +
			".day, regexp: '(\\d+)$', inherit: true}]}, i]",
		"with a regular expression":     "join: [{css: .day, inherit: true}, i], regexp: '^(.+)$'",
		"of the heading without a time": "join: [{css: .day, inherit: true}, {css: i, inherit: true}]",
	} {
		p := load(t, "profile: x\nsport: soccer\nmatches: .day, .m\n"+
			"match:\n  league: {value: L}\n  id: {attr: data-id}\n  home: b\n  away: u\n"+
			"  start: {"+start+", layout: Monday 2 January 2006 15:04, zone: UTC}\n")
		checkStarts(t, name, p, body, "06-11 21:00", "06-11 22:30", "06-12 04:00")
	}
	alternatives := load(
		t,
		"profile: x\nsport: soccer\nmatches: .day, .m\n"+
			"match:\n  league: {value: L}\n  id: {attr: data-id}\n  home: b\n  away: u\n"+
			"  start: [{css: s, layout: unix}, {join: [{css: .day, inherit: true}, i], layout: Monday 2 January 2006 "+
			"15:04, zone: Europe/Paris}]\n",
	)
	checkStarts(
		t,
		"in an alternative with its own layout",
		alternatives,
		body,
		"06-11 19:00",
		"06-11 20:30",
		"06-12 02:00",
	)
}

// jq rules can also inherit the values of earlier rows.
func TestInheritInJSON(t *testing.T) {
	t.Parallel()
	p := load(t, `
profile: x
sport: soccer
format: json
matches: {jq: '.[]'}
match:
  league: {value: L}
  id: {jq: .id}
  home: {jq: .h}
  away: {jq: .a}
  start: {join: [{jq: .day, inherit: true}, {jq: .time}], layout: 2006-01-02 15:04}
`)
	checkStarts(
		t,
		"JSON",
		p,
		`[{"day":"2026-06-11"},{"id":1,"h":"A","a":"B","time":"21:00"},{"id":2,"h":"C","a":"D","time":"22:00"},
		{"day":"2026-06-12"},{"id":3,"h":"E","a":"F","time":"04:00"}]`,
		"06-11 21:00",
		"06-11 22:00",
		"06-12 04:00",
	)
}

func checkStarts(t *testing.T, name string, p *profile.Profile, body string, want ...string) {
	t.Helper()
	all, problems, err := p.Extract(t.Context(), page.Page{Body: []byte(body)})
	if err != nil || len(problems) > 0 {
		t.Errorf("%s: error %v, problems %v, want none", name, err, problems)
	}
	var got []string
	for _, o := range all {
		got = append(got, o.Match.Start.Format("01-02 15:04"))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: start times %v, want %v", name, got, want)
	}
}

// Rows of incidents inherit every kind of value from a heading, including values that are evaluated
// only for incidents.
func TestInheritInIncidents(t *testing.T) {
	t.Parallel()
	p := load(t, `
profile: x
sport: basketball
match: {home: b, away: u}
incidents:
  - rows: tr
    kind: {css: i, map: {P: basket}}
    side: {when: {home: .h, away: .a}}
    period: {css: th, inherit: true, map: {Q1: q1}}
    clock: {join: [{css: .min, inherit: true}, s], regexp: '^(\S+) (\S+)$', as: elapsed}
    detail: {css: em, inherit: true}
    home_score: {css: .hs, inherit: true}
    away_score: {css: .as, inherit: true}
`)
	body := `<b>A</b><u>B</u><table><tr><th>Q1</th><td class=hs>2<td class=as>0<td><em>three</em></tr>
		<tr><td class=a><i>P</i><s>1:00</s></td><td class=as>3</td></tr></table>`
	all, problems, err := p.Extract(t.Context(), page.Page{Body: []byte(body)})
	if err != nil || len(all[0].Incidents) != 1 {
		t.Fatalf("observations %v, problems %v, error %v, want one incident", all, problems, err)
	}
	if in := all[0].Incidents[0]; in.Detail != "three" || in.Score.Home != 2 || in.Score.Away != 3 ||
		in.Clock.Period != "q1" {
		t.Errorf("incident %+v, want the period, the detail and the home score of the heading, and away score 3", in)
	}
}

// A layout must have a day and a month, or a day of the year. If it has minutes, it must also have
// an hour. An hour from 1 to 12 also needs PM. Without a year, the result is the time that is nearest
// to the time of the page.
func TestCaseLayouts(t *testing.T) {
	t.Parallel()
	const with = "profile: x\nsport: soccer\nmatch:\n  home: b\n  away: u\n  start: {css: i, %s}\n"
	for layout, want := range map[string]string{
		"2 Jan 2006 3:04":           "the clock has 12 hours, but no PM",
		"Mon, 02.01.2006 03:04":     "the clock has 12 hours, but no PM",
		"Jan 2 2006 3h04":           "the clock has 12 hours, but no PM",
		"Jan 2 2006 3":              "the clock has 12 hours, but no PM",
		"Monday January 2006 15:04": "the day of the month is missing",
		"15:04":                     "the day of the month is missing",
		"3:04 PM":                   "the day of the month is missing",
		"Monday 15:04":              "the day of the month is missing",
		"2 2006 15:04":              "the month is missing",
		"Monday 2 2006 15:04":       "the month is missing",
		"2 Jan 2006 :04":            "the hour is missing",
		"DD.MM.YYYY":                "want unix, unix_ms, or the time",
	} {
		_, err := profile.Load("x.yaml", []byte(fmt.Sprintf(with, "layout: '"+layout+"'")))
		text := fmt.Sprintf("x.yaml:6:10: match.start: layout %q: %s", layout, want)
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("layout %q: error %v, want %s", layout, err, text)
		}
	}
	now := time.Date(2026, 12, 28, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct{ rule, text, want string }{
		{"layout: 2 Jan 2006 3:04 PM", "3 Jan 2027 7:30 PM", "2027-01-03T19:30:00Z"},
		{"layout: '2 Jan 2006 3:04pm'", "3 Jan 2027 7:30pm", "2027-01-03T19:30:00Z"},
		{"layout: 2 Jan 2006 3PM", "3 Jan 2027 7PM", "2027-01-03T19:00:00Z"},
		{"layout: 2006-01-02", "2027-01-03", "2027-01-03T00:00:00Z"},
		{"layout: 02.01.06 15:04", "03.01.27 20:00", "2027-01-03T20:00:00Z"},
		{"layout: 2006 002 15:04", "2027 003 20:00", "2027-01-03T20:00:00Z"},
		{"layout: Mon 2 Jan 15:04", "Sun 3 Jan 20:00", "2027-01-03T20:00:00Z"},
		{"layout: Mon 2 Jan 15:04", "Sat 26 Dec 20:00", "2026-12-26T20:00:00Z"},
		{"layout: 2 Jan 15:04, zone: America/New_York", "31 Dec 23:00", "2027-01-01T04:00:00Z"},
		{"layout: 2 Jan 2006 15:04 MST, zone: Europe/Berlin", "3 Jul 2026 20:00 CEST", "2026-07-03T18:00:00Z"},
		{"layout: 2 Jan 2006 15:04 MST", "3 Jul 2026 20:00 GMT", "2026-07-03T20:00:00Z"},
		{"layout: 2 Jan 2006 15:04 -0700", "3 Jul 2026 20:00 +0000", "2026-07-03T20:00:00Z"},
		{"layout: 2 Jan 2006 15:04 MST", "3 Jul 2026 20:00 CEST", "CEST is not an abbreviation in the zone UTC"},
		{"layout: 2 Jan 2006 15:04 MST, zone: Europe/London", "3 Jul 2026 20:00 EDT",
			"EDT is not an abbreviation in the zone Europe/London"},
		{"layout: 2 Jan 15:04", "31 Feb 20:00", "is not a time in the layout"},
	} {
		p := load(t, fmt.Sprintf(with, tc.rule))
		all, problems, err := p.Extract(
			t.Context(),
			page.Page{Body: []byte("<b>A</b><u>B</u><i>" + tc.text + "</i>"), At: now},
		)
		if err != nil {
			t.Fatal(err)
		}
		if got := all[0].Match.Start.Format(time.RFC3339) + fmt.Sprint(problems); !strings.Contains(got, tc.want) {
			t.Errorf("%s, %s: start and problems %s, want %s", tc.rule, tc.text, got, tc.want)
		}
	}
}

// A member that would have no effect is an error.
func TestMembersWithoutEffect(t *testing.T) {
	t.Parallel()
	for rules, want := range map[string]string{
		"match: {home: {css: b, inherit: true}, away: u}":                             "inherit needs rows above",
		"match: {home: b, away: u, start: {join: [{css: i, inherit: true}, s]}}":      "inherit needs rows above",
		"match: {home: b, away: u, league: {css: i, zone: UTC}}":                      "layout and zone are for start",
		"match: {home: b, away: u, start: {join: [{css: i, layout: unix}, s]}}":       "layout and zone are for start",
		"match: {home: b, away: u, clock: {css: i, layout: '15:04'}}":                 "layout and zone are for start",
		"json: {css: script, inherit: true}\nmatch: {home: {jq: .h}, away: {jq: .a}}": "inherit needs rows above",
	} {
		_, err := profile.Load("x.yaml", []byte("profile: x\nsport: soccer\n"+rules+"\n"))
		if err == nil || !strings.Contains(err.Error(), "x.yaml:3:") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want line 3 and %s", rules, err, want)
		}
	}
}
