package profile_test

import (
	"strings"
	"testing"

	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// situationProfile returns a profile for a sport. rules are the rules for the situation, in YAML.
func situationProfile(t *testing.T, sport, rules string) *profile.Profile {
	t.Helper()
	p, err := profile.Load("x.yaml", []byte("profile: x\nsport: "+sport+"\nmatch:\n  home: {value: A}\n"+
		"  away: {value: B}\n  league: {value: L}\n  status: {value: live}\n  situation: "+rules+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A profile can extract the state of play. A number that is impossible in the sport is a problem, and
// is not part of the observation.
func TestSituations(t *testing.T) {
	t.Parallel()
	baseball := `{batting: {when: {away: .top, home: .bottom}}, balls: .b, strikes: .s, ` +
		`outs: {css: .o, regexp: '\d+'}, bases: [{join: [{when: {1: .first.on}}, {when: {2: .second.on}}, ` +
		`{when: {3: .third.on}}]}, {when: {none: .diamond}}]}`
	football := `{possession: {when: {home: .home.ball, away: .away.ball}}, down: {css: .down, regexp: '^\w+'}, ` +
		`distance: {css: .down, regexp: '& (\w+)'}, ball_on: {css: .down, regexp: 'at (.+)'}}`
	cricket := `{batting: {when: {home: .home.bat, away: .away.bat}}, target: .target, required_rate: .rrr}`
	tennis := `{serving: {when: {home: .home.ball, away: .away.ball}}, home_points: .hp, away_points: .ap}`
	hockey := `{power_play: {when: {home: .home.pp, away: .away.pp}}, strength: .strength}`
	ball := `{possession: {when: {home: .home.ball, away: .away.ball}}}`
	for _, tc := range []struct{ name, sport, rules, page, want string }{
		{"a full count with runners on first and third", "baseball", baseball,
			`<p class=top><b class=b>3</b>-<b class=s>2</b> <i class=o>2 outs</i>
			<p class=diamond><i class="first on"></i><i class=second></i><i class="third on"></i>`,
			"batting:away, balls:3, strikes:2, outs:2, bases:[1,3]"},
		{"bases empty", "baseball", baseball, `<p class=bottom><b class=b>0</b><p class=diamond><i class=first></i>`,
			"batting:home, balls:0, bases:[]"},
		{"nothing of the play", "baseball", baseball, `<p>Mid 5th`, ""},
		{"only the outs are possible", "baseball", baseball, `<p><b class=b>5</b><b class=s>17</b><i class=o>1 out</i>`,
			"outs:1; match.situation.balls: 5 is impossible: want 0 to 4; " +
				"match.situation.strikes: 17 is impossible: want 0 to 3"},
		{"a text instead of a number", "baseball", baseball, `<b class=b>–</b>`,
			`; match.situation.balls: "–" is not a number`},
		{"third and seven", "american_football", football, `<p class="home ball"><p class=down>3rd & 7 at KC 35`,
			`possession:home, down:3, distance:7, ball_on:KC 35`},
		{"first and goal", "american_football", football, `<p class="away ball"><p class=down>1st & Goal at KC 4`,
			`possession:away, down:1, goal_to_go:true, ball_on:KC 4`},
		{"a fifth down", "american_football", football, `<p class=down>5th & 100 at KC 35`,
			"ball_on:KC 35; match.situation.down: 5 is impossible: want 1 to 4; " +
				"match.situation.distance: 100 is impossible: want 1 to 99"},
		{"a chase", "cricket", cricket, `<p class="away bat"><b class=target>288</b> <i class=rrr>7.20</i>`,
			"batting:away, target:288, required_rate:7.2"},
		{"a target without a chase", "cricket", cricket, `<b class=target>0</b> <i class=rrr>-</i>`,
			`; match.situation.target: 0 is impossible: want 1 to 2000; match.situation.required_rate: "-" is not a number`},
		{"forty thirty", "tennis", tennis, `<p class="home ball"><b class=hp>40</b><b class=ap>30</b>`,
			"serving:home, points:{home:40, away:30}"},
		{"advantage, and no points of the other side", "tennis", tennis, `<b class=hp>AD</b><b class=ap></b>`,
			"points:{home:A, away:40}"},
		{"a tie-break", "tennis", tennis, `<b class=hp>11</b><b class=ap>12</b>`, "points:{home:11, away:12}"},
		{"impossible points", "tennis", tennis, `<b class=hp>A</b><b class=ap>15</b>`,
			"; match.situation.points: A-15 is impossible in a game"},
		{"points of one side", "tennis", tennis, `<p class="away ball"><b class=hp>15</b>`, "serving:away"},
		{"a power play", "ice_hockey", hockey, `<p class="away pp"><b class=strength>4-on-5</b>`,
			"power_play:away, strength:5-4"},
		{"four on four", "ice_hockey", hockey, `<b class=strength>4v4</b>`, "strength:4-4"},
		{"a power play without an advantage", "ice_hockey", hockey, `<p class="home pp"><b class=strength>5-5</b>`,
			"power_play:home; match.situation.strength: 5-5, although the home side has a power play"},
		{"seven on the ice", "ice_hockey", hockey, `<b class=strength>7-5</b>`,
			"; match.situation.strength: 7 is impossible: want 3 to 6"},
		{"the ball in basketball", "basketball", ball, `<p class="away ball">`, "possession:away"},
		{"the ball in a defined sport", "{name: goalball, periods: [h1, h2], counts: goals}", ball, `<p class="home ball">`,
			"possession:home"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := situationProfile(t, tc.sport, tc.rules)
			all, problems, err := p.Extract(t.Context(), page.Page{Body: []byte("<body>" + tc.page)})
			if err != nil {
				t.Fatal(err)
			}
			got := all[0].Match.Situation.String()
			for _, problem := range problems {
				got += "; " + problem.String()
			}
			if got != tc.want {
				t.Errorf("got %s\nwant %s", got, tc.want)
			}
		})
	}
}

// A rule for a member that the sport does not have is an error. The error names the members of the
// sport.
func TestSituationsOfOtherSports(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ sport, rules, want string }{
		{"soccer", "situation: {power_play: {value: home}}",
			"x.yaml:7:27: match.situation.power_play: soccer has no situation: remove the rule"},
		{"baseball", "situation: {down: .down}", "x.yaml:7:21: match.situation.down: baseball does not have this member: " +
			"want one of batting, balls, strikes, outs, bases"},
		{"tennis", "situation: {possession: {value: home}}",
			"match.situation.possession: tennis does not have this member: want one of serving, home_points, away_points"},
		{"{name: goalball, periods: [h1, h2], counts: goals}", "situation: {outs: .o}",
			"match.situation.outs: goalball does not have this member: want one of possession, serving"},
		{"baseball", "situation: {batting: {value: top}}", `batting "top": want one of home, away`},
		{"baseball", "situation: {batting: home}", "batting: home is a selector: for a constant, write {value: home}"},
		{"baseball", "situation: {pitches: .p}", "pitches"},
		{"cricket", "home_line_score: td", "in cricket, home_score and away_score contain the line score"},
		{"tennis", "away_line_score: td", "in tennis, home_score and away_score contain the line score"},
		{"basketball", "away_line_score: td", "set both home_line_score and away_line_score, or neither"},
	} {
		_, err := profile.Load("x.yaml", []byte("profile: x\nsport: "+tc.sport+"\nmatch:\n  home: {value: A}\n"+
			"  away: {value: B}\n  league: {value: L}\n  "+tc.rules+"\n"))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s, %s: error %v, want %s", tc.sport, tc.rules, err, tc.want)
		}
	}
}

// The points of the periods must add up to the score. During play, the points or the score can be
// one poll behind.
func TestLineScores(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, sport, status, home, away, want string }{ // home, away: score, then the periods
		{"a final of the NBA", "basketball", "final", "113 30 28 31 24", "110 25 33 25 27", "30 28 31 24 v 25 33 25 27"},
		{"the periods as one text", "basketball", "live", "5 5,0", "9 7|2", "5 0 v 7 2"},
		{"a home side that need not bat", "baseball", "final", "3 1 0 2 0 0 0 0 0 X", "2 0 0 0 0 0 0 0 0 2",
			"1 0 2 0 0 0 0 0 v 0 0 0 0 0 0 0 0 2"},
		{"a home side that has not batted", "baseball", "live", "0 -", "1 1", " v 1"},
		{"periods to come", "ice_hockey", "live", "1 1 0 -", "0 0 0 –", "1 0 v 0 0"},
		{"the line score is a basket behind", "basketball", "live", "5 3", "0 0", "3 v 0"},
		{"the score is a basket behind", "basketball", "live", "3 5", "0 0", "5 v 0"},
		{"a basket is missing after the end", "basketball", "final", "5 3", "0 0",
			"none; match.home_line_score: the line score 3 v 0 does not add up to the score, 5-0"},
		{"a quarter is missing", "basketball", "live", "58 28", "30 30",
			"none; match.home_line_score: the line score 28 v 30 does not add up to the score, 58-30"},
		{"a shoot-out with a column", "ice_hockey", "final so", "3 0 1 1 0 1", "2 1 1 0 0 0", "0 1 1 0 1 v 1 1 0 0 0"},
		{"points after a gap", "rugby", "live 2h", "12 - 12", "0 0 0",
			`none; match.home_line_score: "- 12" has points after a period that was not played`},
		{"too many periods", "rugby", "live 2h", "6 1 1 1 1 1 1", "0 0",
			`none; match.home_line_score: "1 1 1 1 1 1" has 6 periods: want at most 5`},
		{"no numbers", "rugby", "live 2h", "6 Q1", "0 0",
			`none; match.home_line_score: "Q1" is not a list of points, such as 30 28 31 24`},
		{"points of the sets in volleyball", "{name: volleyball, periods: [s1, s2, s3, s4, s5], counts: sets}", "live s3",
			"1 25 20 3", "1 20 25 4", "25 20 3 v 20 25 4"},
		{"sets that the other side has won", "{name: volleyball, periods: [s1, s2, s3, s4, s5], counts: sets}", "final",
			"2 25 25", "0 20 27", "none; match.home_line_score: the line score 25 25 v 20 27 does not add up to the score, 2-0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p, err := profile.Load("x.yaml", []byte("profile: x\nsport: "+tc.sport+"\nmatch:\n  home: {value: A}\n"+
				"  away: {value: B}\n  league: {value: L}\n  status: {value: "+tc.status+"}\n  home_score: .home b\n"+
				"  away_score: .away b\n  home_line_score: .home i\n  away_line_score: .away i\n"))
			if err != nil {
				t.Fatal(err)
			}
			body := ""
			for side, text := range map[string]string{"home": tc.home, "away": tc.away} {
				score, parts, _ := strings.Cut(text, " ")
				body += "<p class=" + side + "><b>" + score + "</b>"
				for _, part := range strings.Fields(parts) {
					body += "<i>" + part + "</i>"
				}
				body += "</p>"
			}
			all, problems, err := p.Extract(t.Context(), page.Page{Body: []byte("<body>" + body)})
			if err != nil {
				t.Fatal(err)
			}
			got := "none"
			if l := all[0].LineScore; l != nil {
				got = l.ByPeriod()
			}
			for _, problem := range problems {
				got += "; " + problem.String()
			}
			if got != tc.want {
				t.Errorf("got %s\nwant %s", got, tc.want)
			}
		})
	}
}
