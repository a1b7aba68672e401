package parsertest

import (
	"testing"

	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// SmallProfile is a profile for pages of one match, which has the ID m1.
const SmallProfile = `profile: small
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

// Extract returns the observation and the problems that SmallProfile extracts from a page. An
// unusable page fails the test.
func Extract(t *testing.T, body string) (observation.Observation, []observation.Problem) {
	t.Helper()
	p, err := profile.Load("small.yaml", []byte(SmallProfile))
	if err != nil {
		t.Fatal(err)
	}
	all, problems, err := p.Extract(t.Context(), page.Page{Body: []byte(body)})
	if err != nil {
		t.Fatalf("extracting %q: %v, problems %v", body, err, problems)
	}
	return all[0], problems
}

// SmallPage is the format string of a live page for SmallProfile. Its only argument is the home
// score.
const SmallPage = `<p class=league>L<p class=home>A</p><p class=away>B</p><p class=hs>%d</p><p class=as>0</p>` +
	`<p class=status>Live</p>`

// ListProfile is a profile for pages of many matches.
const ListProfile = `profile: list
sport: soccer
matches: li
match:
  id: {attr: id}
  league: {value: L}
  home: b
  away: i
  home_score: u
  away_score: s
  status: {value: live}
`

// SPLProfile is a profile for the captured feed of the Scottish Premiership.
const SPLProfile = `profile: spl-feed
sport: soccer
format: json
matches: {jq: '.livescores[]'}
match:
  id: {jq: .id, prefix: spl-}
  league: {value: Scottish Premiership}
  home: {jq: .home_team}
  away: {jq: .away_team}
  start: {jq: .kickoff}
  status: {jq: .status, map: {NS: scheduled, 1H: live 1h, HT: break ht, 2H: live 2h, FT: ended}}
  clock: {jq: 'if .status == "1H" or .status == "2H" then .elapsed | tostring else null end',
    regexp: '^\d+$'} # after the match, elapsed is 904
  home_score: {jq: .home_score}
  away_score: {jq: .away_score}
`
