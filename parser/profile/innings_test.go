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
		"match: {home: {value: A}, away: {value: B}, status: {value: live}, home_score: {jq: .h}, away_score: {jq: .a}}\n"))
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
		{`"428/6d and 120/3d"`, `"245 &amp; 110"`, `"245 &amp; 110" is not a score`},
		{`"428/6d"`, `"110 & 12/0 (f/o)"`, "428-12 428/6d v 110 & 12/0 (f/o) inn3"},
		{`"428/6d"`, `"110 & (f/o) 12/0"`, "428-12 428/6d v 110 & 12/0 (f/o) inn3"},
		{`"163/5 (20)"`, `"(19.4/20 ov, target 164) 153"`, "163-153 163/5 v 153 inn2"},
		{`"163/5*"`, `"４／１２０"`, "163-120 163/5 v 120/4 inn2"},
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

// A score that the regular expression does not match is a problem, and not a side that has not batted.
func TestUnmatchedInnings(t *testing.T) {
	t.Parallel()
	p, err := profile.Load("x.yaml", []byte("profile: x\nsport: cricket\nformat: json\n"+
		"match:\n  home: {value: A}\n  away: {value: B}\n"+
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
