package profile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// A profile can set the league's word in routing keys. A league name without letters becomes
// "unknown", which is reported as a problem.
func TestLeagueKeys(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ rules, page, key, problem string }{
		{"", "Премьер-лига", "", ""},
		{"", "★★★", "", `match.league: "★★★" becomes "unknown" in routing keys: set match.league_key`},
		{"league_key: {value: rpl}", "★★★", "rpl", ""},
		{"league_key: {css: i, map: {Премьер-лига: rpl, '*': null}}", "Премьер-лига", "rpl", ""},
		{"league_key: {css: i, map: {Премьер-лига: rpl, '*': null}}", "ФНЛ", "", ""},
		{"league_key: {css: i, attr: data-key}", "Премьер-лига", "rpl_1", ""},
		{"league_key: i", "Премьер-лига", "", `match.league_key: league key "Премьер-лига": want`},
	} {
		p := load(t, "profile: x\nsport: soccer\nmatch: {home: b, away: u, league: i, "+tc.rules+"}\n")
		all, problems, err := p.Extract(t.Context(),
			page.Page{Body: []byte("<b>A</b><u>B</u><i data-key=rpl_1>" + tc.page + "</i>")})
		if err != nil {
			t.Fatal(err)
		}
		if all[0].LeagueKey != tc.key || all[0].League != tc.page {
			t.Errorf("%s: league %q, key %q, want league %q, key %q",
				tc.rules, all[0].League, all[0].LeagueKey, tc.page, tc.key)
		}
		if got := fmt.Sprint(problems); !strings.Contains(got, tc.problem) || (len(problems) > 0) != (tc.problem != "") {
			t.Errorf("%s: problems %s, want %q", tc.rules, got, tc.problem)
		}
	}
	_, err := profile.Load(
		"x.yaml",
		[]byte("profile: x\nsport: soccer\nmatch: {home: b, away: u, league_key: {value: Serie A}}\n"),
	)
	if want := `x.yaml:3:39: match.league_key: league key "Serie A": want`; err == nil ||
		!strings.Contains(err.Error(), want) {
		t.Errorf("Load with an invalid league_key: error %v, want %s", err, want)
	}
}

// A profile without a rule for the league causes a problem on each page, because the league becomes
// "unknown" in routing keys.
func TestProfileWithoutALeague(t *testing.T) {
	t.Parallel()
	const want = `match.league: the profile has no rule for the league, so routing keys contain "unknown"`
	html, json := "<b>A</b><u>B</u><i></i>", `{"games": [{"id": "g1", "h": "A", "a": "B"}]}`
	for _, tc := range []struct {
		name, profile, page, want string
	}{
		{"a match", "match: {home: b, away: u}", html, want},
		{"a list", "format: json\nmatches: {jq: '.games[]'}\nmatch: {id: {jq: .id}, home: {jq: .h}, away: {jq: .a}}",
			json, "matches row 1: " + want},
		{"a layout", "layouts: [{layout: a, if: i, match: {home: b, away: u}}]", html, want},
		{"another sport", "match: {home: b, away: u, start: {css: i, optional: true}}", html, want},
		{"a league", "match: {home: b, away: u, league: {value: L}}", html, ""},
		{"only the word", "match: {home: b, away: u, league_key: {value: l}}", html, ""},
		{"an optional league", "match: {home: b, away: u, league: {css: i, optional: true}}", html, ""},
	} {
		sport := "soccer"
		if tc.name == "another sport" {
			sport = "tennis"
		}
		p := load(t, "profile: x\nsport: "+sport+"\n"+tc.profile+"\n")
		_, problems, err := p.Extract(t.Context(), page.Page{Body: []byte(tc.page)})
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if got := fmt.Sprint(problems); !strings.Contains(got, tc.want) || (len(problems) > 0) != (tc.want != "") {
			t.Errorf("%s: problems %s, want %q", tc.name, got, tc.want)
		}
	}
}
