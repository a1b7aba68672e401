package profile_test

import (
	"strings"
	"testing"

	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// layoutsProfile is a profile with three layouts. In each layout, the facts are in a different part
// of the JSON.
const layoutsProfile = `profile: two-places
version: 3
seen: 2026-07-19
sport: soccer
json: script
match:
  home: {jq: '.teams[0]'}
  away: {jq: '.teams[1]'}
  league: {value: L}
layouts:
  - {layout: old, root: .old, if: {jq: .teams}, seen: 2025-01-31}
  - {layout: new, root: .data.new, if: {jq: .teams}}
  - {layout: swapped, root: .swapped, match: {home: {jq: '.teams[1]'}, away: {jq: '.teams[0]'}}}
`

// The first layout that fits a page is used. Its rules for the match replace the rules of the
// profile.
func TestLayouts(t *testing.T) {
	t.Parallel()
	p := load(t, layoutsProfile)
	for _, tc := range []struct{ json, layout, seen, home string }{
		{`{"old":{"teams":["A","B"]}}`, "old", "2025-01-31", "A"},
		{`{"data":{"new":{"teams":["A","B"]}}}`, "new", "2026-07-19", "A"},
		{`{"old":{"teams":["A","B"]},"data":{"new":{"teams":["C","D"]}}}`, "old", "2025-01-31", "A"},
		{`{"old":{"news":[]},"data":{"new":{"teams":["C","D"]}}}`, "new", "2026-07-19", "C"},
		{`{"swapped":{"teams":["A","B"]}}`, "swapped", "2026-07-19", "B"},
	} {
		d, err := p.Parse(t.Context(), page.Page{Body: []byte(`<script>` + tc.json + `</script>`)})
		if err != nil {
			t.Errorf("%s: %v", tc.json, err)
			continue
		}
		all, problems, err := d.Observations(t.Context())
		if err != nil || len(problems) > 0 || all[0].Match.Home != tc.home ||
			d.Layout() != tc.layout || d.Seen().String() != tc.seen {
			t.Errorf("%s: layout %q, seen %v, observations %v, problems %v, error %v, want layout %s, seen %s, home team %s",
				tc.json, d.Layout(), d.Seen(), all, problems, err, tc.layout, tc.seen, tc.home)
		}
		findings, err := p.Explain(t.Context(), page.Page{Body: []byte(`<script>` + tc.json + `</script>`)})
		if err != nil || findings[1].First != tc.home {
			t.Errorf("%s: Explain: findings %+v, error %v, want home team %s", tc.json, findings, err, tc.home)
		}
	}
}

// The error for a page without a known layout names all layouts. The error for a page that names no
// team also names the layout of the page.
func TestLayoutErrors(t *testing.T) {
	t.Parallel()
	p := load(t, layoutsProfile)
	for _, tc := range []struct{ body, want string }{
		{`<script>{"other":{}}</script>`, "the page has none of the layouts that profile two-places knows: " +
			"old: root: nothing found: jq .old returns null; new: root: nothing found: jq .data.new returns null; " +
			"swapped: root: nothing found: jq .swapped returns null"},
		{`<script>{"old":{}}</script>`, "old: if: nothing found: .teams; new: "},
		{`<p>Welcome</p>`, "old: json: nothing found: no element script; new: json: nothing found"},
		{`<script>{"swapped":{"teams":[]}}</script>`, "layout swapped: the page names neither team: match.home: " +
			"nothing found: jq .teams[1] returns null (profile two-places knows the layouts old, new, swapped)"},
		{`<script>{"swapped":{"teams":["A"]}}</script>`, "layout swapped: the page does not name both teams: match.home"},
	} {
		_, _, err := p.Extract(t.Context(), page.Page{Body: []byte(tc.body)})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v\nwant %s", tc.body, err, tc.want)
		}
	}
}

// A layout can have its own rules for the list of matches and for the lists of incidents.
func TestLayoutOfManyMatches(t *testing.T) {
	t.Parallel()
	p := load(t, `profile: lists
sport: soccer
match: {id: {attr: id}, home: b, away: i}
layouts:
  - {layout: items, if: li, matches: li, incidents: [{rows: u, kind: {value: red_card}, side: {value: home}}]}
  - {layout: rows, if: [table, .table], matches: tr}
`)
	if !p.ManyMatches() {
		t.Error("ManyMatches: false, want true")
	}
	for body, want := range map[string]struct {
		layout    string
		incidents int
	}{
		`<li id=1><b>A</b> <i>B</i><u>!</u>`:                         {"items", 1},
		`<table><tr id=1><td><b>A</b> <i>B</i><u>!</u></td></table>`: {"rows", 0},
	} {
		d, err := p.Parse(t.Context(), page.Page{Body: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		all, _, err := d.Observations(t.Context())
		if err != nil || len(all) != 1 || len(all[0].Incidents) != want.incidents || d.Layout() != want.layout {
			t.Errorf("%s: layout %s, observations %v, error %v, want layout %s, and one match with %d incidents",
				body, d.Layout(), all, err, want.layout, want.incidents)
		}
	}
}

// root also works in a profile without layouts, and on JSON pages.
func TestRoot(t *testing.T) {
	t.Parallel()
	p := load(t, "profile: feed\nsport: soccer\nformat: json\nroot: .a.b\nmatch: {home: {jq: .h}, away: {jq: .w}}\n")
	all, _, err := p.Extract(t.Context(), page.Page{Body: []byte(`{"a":{"b":{"h":"A","w":"B"}}}`)})
	if err != nil || all[0].Match.Away != "B" {
		t.Errorf("observations %v, error %v, want away team B", all, err)
	}
	for body, want := range map[string]string{
		`{"a":{}}`: "root: nothing found: jq .a.b returns null", `{"a":7}`: "root: jq .a.b: expected an object",
	} {
		_, _, err := p.Extract(t.Context(), page.Page{Body: []byte(body)})
		if !strings.Contains(errText(err), want) {
			t.Errorf("%s: error %v, want %q", body, err, want)
		}
	}
}

// The error for a fault in a version, a date or a layout contains the position and the value of the
// fault.
func TestLoadLayoutErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, old, new, want string }{
		{"version 0", "version: 3", "version: 0", `p.yaml:2:10: version: "0": want a whole number from 1`},
		{"a string for the version", "version: 3", "version: three",
			`p.yaml:2:10: version: "three": want a whole number from 1`},
		{"not a date", "seen: 2026-07-19", "seen: 19.07.2026",
			`p.yaml:3:7: seen: "19.07.2026": want a date such as 2026-07-19`},
		{"a day that does not exist", "2025-01-31", "2025-02-31", `layouts[0].seen: "2025-02-31": want a date`},
		{"no name", "{layout: new, ", "{",
			`p.yaml:12:5: layouts[1]: layout "": want a name of a-z and 0-9, with single - between words`},
		{"bad name", "layout: new", "layout: New Page", `layouts[1]: layout "New Page": want a name`},
		{"name twice", "layout: new", "layout: old",
			`p.yaml:12:5: layouts[1]: layout "old": another layout has this name`},
		{"unknown key", "if: {jq: .teams}}", "when: {jq: .teams}}", `unknown field "when"`},
		{"broken root", "root: .old", "root: .old |", `p.yaml:11:25: layouts[0].root: jq ".old |"`},
		{"a test without a source", "if: {jq: .teams}", "if: {value: x}", `layouts[0].if: if: want css or jq`},
		{"a test of a text", "if: {jq: .teams}", "if: {css: a, regexp: x}",
			`layouts[0].if: if: want css or jq, without other members`},
		{"a layout after one without a test", "{layout: old, root: .old, if: {jq: .teams}", "{layout: old",
			`p.yaml:11:5: layouts[0]: layout "old": set if: without if, the layouts below this one are never used`},
		{"matches in one layout", "root: .swapped", "root: .swapped, matches: {jq: .m}",
			`layouts[2]: layout "swapped": set matches and match.id in all layouts or in none`},
		{"an ID in one layout", "match: {home: {jq: '.teams[1]'}", "match: {id: {jq: .id}, home: {jq: '.teams[1]'}",
			`layouts[2]: layout "swapped": set matches and match.id in all layouts or in none`},
		{"no teams", "  home: {jq: '.teams[0]'}\n", "", `p.yaml:10:5: layouts[0]: set both match.home and match.away`},
		{"unknown status in a layout", "match: {home: {jq: '.teams[1]'}",
			"match: {status: {value: playing}, home: {jq: '.teams[1]'}",
			`p.yaml:13:55: layouts[2].match.status: status "playing"`},
		{"a list without a kind in a layout", "layout: swapped", "layout: swapped, incidents: [{rows: {jq: .i}}]",
			`layouts[2].incidents[0]: set both rows and kind`},
		{"root without JSON", "json: script\n", "", `root has no JSON to query`},
	} {
		text := strings.Replace(layoutsProfile, tc.old, tc.new, 1)
		if text == layoutsProfile {
			t.Fatalf("%s: the profile has no %q", tc.name, tc.old)
		}
		_, err := profile.Load("p.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v\nwant %s", tc.name, err, tc.want)
		}
	}
}

// If the query of the rule empty returns false, the rule has found nothing.
func TestExplainEmptyList(t *testing.T) {
	t.Parallel()
	p, err := profile.Load("list.yaml", []byte(`{profile: list, format: json, sport: soccer, matches: {jq: '.games[]'},
  empty: {jq: .none}, match: {league: {value: Cup}, home: {jq: .h}, away: {jq: .a}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]int{
		`{"none": false, "games": [{"h": "A", "a": "B"}]}`: 0, `{"none": true, "games": []}`: 1, `{"games": []}`: 0,
	} {
		findings, err := p.Explain(t.Context(), page.Page{Body: []byte(body)})
		if err != nil || findings[0].Rule != "empty" || findings[0].Found != want {
			t.Errorf("%s: findings %+v, error %v, want empty found %d times", body, findings, err, want)
		}
	}
}
