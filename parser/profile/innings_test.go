package profile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

func TestInningsTexts(t *testing.T) {
	t.Parallel()
	p, err := profile.Load("x.yaml", []byte("profile: x\nsport: cricket\nformat: json\n"+
		"match: {home: {value: A}, away: {value: B}, league: {value: L}, status: {value: live}, "+
		"home_score: {jq: .h}, away_score: {jq: .a}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ home, away, want string }{ // want: score, line score and period, or the problem
		{`12`, `0`, "12-0"},
		{`"12/1"`, `null`, "12-0 12/1 v  inn1"},
		{`"0/0"`, `null`, "0-0 0/0 v  inn1"},
		{`"0/0"`, `"0/0"`, "0-0 0/0 v 0/0 inn1"},
		{`"12/1 (3.2 ov)"`, `""`, "12-0 12/1 v  inn1"},
		{`"12-1"`, `"Yet to bat"`, "12-0 12/1 v  inn1"},
		{`"428/6d"`, `"DNB"`, "428-0 428/6d v  inn1"},
		{`"428/6d"`, `"0/0"`, "428-0 428/6d v 0/0 inn1"},
		{`"428-6 dec."`, `"15/1"`, "428-15 428/6d v 15/1 inn2"},
		{`"428 for 6 declared"`, `"245 all out"`, "428-245 428/6d v 245 inn2"},
		{`"428/6d & 0/0"`, `"245"`, "0-245 428/6d & 0/0 v 245 inn3"},
		{`"428/6d & 120/3d"`, `"245 & 110"`, "120-110 428/6d & 120/3d v 245 & 110 inn4"},
		{`"428/6d and 120/3d"`, `"245 &amp; 110"`, "120-110 428/6d & 120/3d v 245 & 110 inn4"},
		{`"428/6d, 20/1"`, `"245"`, "20-245 428/6d & 20/1 v 245 inn3"},
		{`"428/6d+60/1"`, `"245"`, "60-245 428/6d & 60/1 v 245 inn3"},
		{`"428/6d&#38;60/1 (12 ov, RR 5.0)"`, `"245&nbsp;(80 ov)"`, "60-245 428/6d & 60/1 v 245 inn3"},
		{`"428 for 6 dec, 50 for 1"`, `"110, 12/0 (3 ov, f/o)"`, "50-12 428/6d & 50/1 v 110 & 12/0 (f/o) inn4"},
		{`"428/6d +"`, `"245,"`, "428-245 428/6d v 245 inn2"},
		{`"163/5, 20 ov"`, `"153"`, `"163/5, 20 ov" is not a score`},
		{`"428/6d"`, `"110 & 12/0 (f/o)"`, "428-12 428/6d v 110 & 12/0 (f/o) inn3"},
		{`"428/6d"`, `"110 & (f/o) 12/0"`, "428-12 428/6d v 110 & 12/0 (f/o) inn3"},
		{`"163/5 (20)"`, `"(19.4/20 ov, target 164) 153"`, "163-153 163/5 v 153 inn2"},
		{`"163/5*"`, `"４／１２０"`, "163-120 163/5 v 120/4 inn2"},
		{`"6/428d"`, `"0/3"`, "428-3 428/6d v 3/0 inn2"},
		{`"6/428d"`, `"1/9"`, "428-9 428/6d v 9/1 inn2"},
		{`"1/2"`, `"245 & 1/15"`, "2-15 2/1 v 245 & 15/1 inn3"},
		{`"6/428d & 1/4"`, `"245"`, "4-245 428/6d & 4/1 v 245 inn3"},
		{`"428/6d"`, `"1/4"`, "428-1 428/6d v 1/4 inn2"},
		{`"7 all out"`, `"0/3"`, "7-3 7 v 3/0 inn2"},
		{`"0/4"`, `null`, "4-0 4/0 v  inn1"},
		{`"1/8"`, `null`, "8-0 8/1 v  inn1"},
		{`"8/1"`, `null`, "8-0 8/1 v  inn1"},
		{`"1/2"`, `null`, "1-0 1/2 v  inn1"},
		{`"7/0"`, `"1/8"`, "7-1 7/0 v 1/8 inn2"},
		{`"163/11"`, `"153"`, `"163/11" is not a score`},
		{`"63/12"`, `"153"`, `"63/12" is not a score`},
		{`"9999"`, `"153"`, `"9999" is not a score`},
		{`"-5"`, `"153"`, `"-5" is not a score`},
		{`"won the toss"`, `"153"`, `"won the toss" is not a score`},
		{`"1 & 2 & 3 & 4 & 5"`, `null`, "is not a score"},
		{`null`, `null`, "match.home_score: nothing found"},
	} {
		all, problems, err := p.Extract(t.Context(), page.Page{Body: fmt.Appendf(nil, `{"h":%s,"a":%s}`, tc.home, tc.away)})
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, problem := range problems {
			words = append(words, problem.String())
		}
		if s := all[0].Score; s != nil {
			words = append(words, s.String())
		}
		if line := all[0].LineScore; line != nil {
			words = append(words, line.String())
		}
		if period := all[0].Match.Period; period != "" {
			words = append(words, string(period))
		}
		got := strings.Join(words, " ")
		if isProblem := strings.Contains(tc.want, "not"); got != tc.want && !(isProblem && strings.Contains(got, tc.want)) {
			t.Errorf("%s and %s: %s, want %s", tc.home, tc.away, got, tc.want)
		}
	}
}

// All matches on a page have the same order of runs and wickets. The profile can set the order for
// pages whose numbers do not show it.
func TestOrderOfRunsAndWickets(t *testing.T) {
	t.Parallel()
	const text = "profile: x\nsport: cricket\nformat: json\nmatches: {jq: '.[]'}\nmatch:\n" +
		"  league: {value: L}\n" +
		"  home: {jq: .n}\n  away: {value: B}\n  status: {value: live}\n  away_score: {jq: .a}\n  home_score: {jq: .h%s}\n"
	for _, tc := range []struct{ as, page, want string }{
		{"", `[{"n":"C","h":"1/2"},{"n":"D","h":"3/0"},{"n":"E","h":"4/120","a":"245"}]`, "2-0 0-0"},
		{"", `[{"n":"E","h":"120/4"},{"n":"C","h":"1/2"},{"n":"D","h":"3/0"}]`, "120-0 1-0"},
		{"", `[{"n":"C","h":"1/2"},{"n":"D","h":"0/7"}]`, "2-0 7-0"},
		{"", `[{"n":"C","h":"1/2"},{"n":"D","h":"3/0"}]`, "1-0 3-0"},
		{", as: wickets_first", `[{"n":"C","h":"1/2"},{"n":"D","h":"5/1"}]`, "2-0 1-0"},
		{", as: runs_first", `[{"n":"C","h":"1/2"},{"n":"D","h":"1/5"}]`, "1-0 1-0"},
		{", as: runs_first", `[{"n":"C","h":"1/2"},{"n":"D","h":"1/15"}]`, "2-0 15-0"},
	} {
		p, err := profile.Load("x.yaml", fmt.Appendf(nil, text, tc.as))
		if err != nil {
			t.Fatal(err)
		}
		all, problems, err := p.Extract(t.Context(), page.Page{Body: []byte(tc.page)})
		if err != nil || len(problems) > 0 || len(all) < 2 {
			t.Fatalf("%s: %d observations, problems %v, error %v, want at least two", tc.page, len(all), problems, err)
		}
		if got := all[0].Score.String() + " " + all[1].Score.String(); got != tc.want {
			t.Errorf("%q, %s: %s, want %s", tc.as, tc.page, got, tc.want)
		}
	}
}

// If the regular expression does not match the text of a score, that is a problem. It does not mean
// that the side has not batted.
func TestUnmatchedInnings(t *testing.T) {
	t.Parallel()
	p, err := profile.Load("x.yaml", []byte("profile: x\nsport: cricket\nformat: json\n"+
		"match:\n  league: {value: L}\n  home: {value: A}\n  away: {value: B}\n"+
		"  status: {value: live}\n  home_score: {jq: .h}\n  away_score: [{jq: .a, regexp: '^\\d+$'}, {jq: .b}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	all, problems, err := p.Extract(t.Context(), page.Page{Body: []byte(`{"h":"12/1","a":"428/6d"}`)})
	if err != nil || len(problems) != 1 || all[0].Score != nil {
		t.Errorf("score %v, problems %v, error %v, want no score and a problem", all[0].Score, problems, err)
	}
	all, problems, err = p.Extract(t.Context(), page.Page{Body: []byte(`{"h":"12/1"}`)})
	if want := (event.Score{Home: 12}); err != nil || len(problems) > 0 || all[0].Score == nil || *all[0].Score != want {
		t.Errorf("score %v, problems %v, error %v, want %v", all[0].Score, problems, err, want)
	}
}

// A notation that a rule cannot have is an error.
func TestNotationsOfScores(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ sport, home, away, want string }{
		{"soccer", "runs_first", "", `as "runs_first" is for home_score and away_score in cricket: remove it`},
		{"cricket", "overs", "", `as "overs" is for clocks: want one of [runs_first wickets_first]`},
		{"cricket", "", "flight", `as "flight" is for json: want one of [runs_first wickets_first]`},
		{"cricket", "runs_first", "wickets_first", `as "wickets_first", but home_score has as "runs_first": want the same`},
		{"cricket", "wickets_first", "wickets_first", ""},
	} {
		text := "profile: x\nsport: " + tc.sport + "\nformat: json\nmatch:\n  home: {jq: .h}\n  away: {jq: .a}\n" +
			"  home_score: {jq: .x, as: " + tc.home + "}\n  away_score: {jq: .y, as: " + tc.away + "}\n"
		_, err := profile.Load("x.yaml", []byte(strings.ReplaceAll(text, ", as: }", "}")))
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s, home %q, away %q: error %v, want %q", tc.sport, tc.home, tc.away, err, tc.want)
		}
	}
}
