package profile_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// otherSportRules contains the rules for the pages of these tests, without the sport.
const otherSportRules = `
format: json
match:
  id: {value: m1}
  league: {value: Test League}
  home: {jq: .home}
  away: {jq: .away}
  home_score: {jq: '.score[0]'}
  away_score: {jq: '.score[1]'}
  status: {jq: .status, map: {PRE: scheduled, LIVE: live, FINAL: final}}
  clock: {jq: .clock}
incidents:
  - rows: {jq: '.rows[]?', optional: true}
    kind: {jq: .kind}
    side: {value: home}
    period: {jq: .period}
`

// If a text on a page is possible only in another sport, the page is refused. The error names the
// text and the sport of the profile.
func TestTextsOfAnotherSport(t *testing.T) {
	t.Parallel()
	const kabaddi = "{name: kabaddi, periods: [h1, h2], counts: points, kinds: {raid: 1}}"
	const rugbyLeague = "{name: rugby_league, periods: [1h, ht, 2h], counts: points, kinds: {try: 4, goal: 2}}"
	for name, tc := range map[string]struct{ sport, page, want string }{
		"a quarter": {"ice_hockey",
			`"status": "Q3"`,
			`match.status: period "Q3" is not a period of ice hockey`},
		"in words": {"soccer",
			`"status": "End of 3rd Quarter"`,
			`match.status: period "3rd Quarter" is not a period of soccer`},
		"an inning": {"soccer",
			`"status": "LIVE", "clock": "Top 5th"`,
			`match.clock: clock "Top 5th" is not a clock of soccer`},
		"a set": {"basketball",
			`"status": "Set 2"`,
			`match.status: period "Set 2" is not a period of basketball`},
		"a half": {"baseball",
			`"status": "LIVE", "clock": "2nd half"`,
			`match.clock: clock "2nd half" is not a clock of baseball`},
		"stoppage time": {"ice_hockey",
			`"status": "LIVE", "clock": "90+3'"`,
			`match.clock: clock "90+3'" is not a clock of ice hockey`},
		"overs": {"rugby",
			`"status": "LIVE", "clock": "14.3 ov"`,
			`match.clock: clock "14.3 ov" is not a clock of rugby`},
		"a time": {"cricket",
			`"status": "LIVE", "clock": "8:12"`,
			`match.clock: clock "8:12" is not a clock of cricket`},
		"a long quarter": {"basketball",
			`"status": "LIVE", "clock": "Q1 14:32"`,
			`match.clock: clock "Q1 14:32" is not a clock of basketball`},
		"the wickets": {"tennis",
			`"status": "LIVE", "score": ["120/4", "0"]`,
			`match.home_score: score "120/4" is not a score of tennis`},
		"a declaration": {"soccer",
			`"status": "LIVE", "score": ["8/6d", "0"]`,
			`match.home_score: score "8/6d" is not a score of soccer`},
		"a touchdown": {"basketball",
			`"status": "LIVE", "rows": [{"kind": "Touchdown"}]`,
			`incidents[0] row 1: kind: kind "Touchdown" is not a kind of basketball`},
		"rows of innings": {"ice_hockey",
			`"status": "LIVE", "rows": [{"kind": "goal", "period": "Top 5th"}]`,
			`incidents[0] row 1: period: period "Top 5th" is not a period of ice hockey`},

		"a sport of a profile": {kabaddi,
			`"status": "Q3"`,
			`match.status: period "Q3" is not a period of kabaddi`},
		"an incident, in its own sport": {kabaddi,
			`"status": "LIVE", "rows": [{"kind": "touchdown"}]`,
			`incidents[0] row 1: kind: kind "touchdown" is not a kind of kabaddi`},
		"its own halves, not translated":   {kabaddi, `"status": "2nd half"`, ``},
		"a word of the sport it is like":   {rugbyLeague, `"status": "LIVE", "rows": [{"kind": "Scrum"}]`, ``},
		"college basketball":               {"basketball", `"status": "LIVE", "clock": "2nd Half 12:31"`, ``},
		"overtime in soccer":               {"soccer", `"status": "LIVE", "clock": "OT"`, ``},
		"a status that is not translated":  {"soccer", `"status": "Walking the dog"`, ``},
		"a preview":                        {"ice_hockey", `"status": "PRE", "clock": ""`, ``},
		"a penalty that is not translated": {"soccer", `"status": "LIVE", "rows": [{"kind": "penalty"}]`, ``},
		"a commentary": {"soccer",
			`"status": "LIVE", "rows": [{"kind": "He set 2 records in the 3rd quarter of the year"}]`,
			``},
	} {
		p, err := profile.Load("p.yaml", []byte("profile: p\nsport: "+tc.sport+otherSportRules))
		if err != nil {
			t.Fatal(err)
		}
		body := `{"home": "Ayr", "away": "Raith", ` + tc.page + `}`
		all, _, err := p.Extract(t.Context(), page.Page{Body: []byte(body)})
		switch {
		case tc.want == "" && (err != nil || len(all) != 1):
			t.Errorf("%s: Extract returns %d matches, error %v, want a match", name, len(all), err)
		case tc.want != "" && (!errors.Is(err, profile.ErrOtherSport) || !strings.HasSuffix(err.Error(), tc.want)):
			t.Errorf("%s: Extract returns %d matches, error %v, want the error %q", name, len(all), err, tc.want)
		}
	}
}
