package profile_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// A query can compute a value from the values of several rules.
func TestComputedValues(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 15, 12, 30, 0, time.UTC)
	for name, tc := range map[string]struct{ rule, want string }{
		"arithmetic": {"{from: {score: i, points: s}, jq: '(.score | tonumber) - (.points | tonumber)'}", "4"},
		"a missing value": {"{from: {score: i, points: .none}, jq: '(.score | tonumber) - (.points // 0 | tonumber)'}",
			"7"},
		"constants":      {"{from: {a: {value: 2}, b: {value: 3}}, jq: '(.a | tonumber) * (.b | tonumber)'}", "6"},
		"all elements":   {"{from: {quarters: {css: td, all: true}}, jq: '[.quarters[] | tonumber] | add'}", "66"},
		"all attributes": {"{from: {quarters: {css: td, attr: data-q, all: true}}, jq: '.quarters | length'}", "2"},
		"all parts": {"{from: {quarters: {css: td, regexp: '^(\\d)', all: true}}, jq: '.quarters | join(\"\")'}",
			"213"},
		"all, but none": {"{from: {quarters: {css: em, all: true}, score: i}, jq: '.score + (.quarters | " +
			"length | tostring)'}", "70"},
		"a regular expression": {"{from: {score: i}, jq: '\"score \\(.score)\"', regexp: '\\d+'}", "7"},
		"a map":                {"{from: {score: i}, jq: '.score == \"7\"', map: {'true': 1, 'false': 0}}", "1"},
		"alternatives":         {"[{from: {a: .none}, jq: .a}, {from: {a: [.none, i]}, jq: .a}]", "7"},
		"nested": {"{from: {sum: {from: {a: i, b: s}, jq: '(.a | tonumber) + (.b | tonumber)'}}, jq: " +
			"'(.sum | tonumber) * 2'}", "20"},
		"in join": {"{join: [{from: {a: i}, jq: '\"1\"'}, {value: 2}], regexp: '^(\\d)'}", "1"},
	} {
		p := load(
			t,
			"profile: x\nsport: basketball\nmatch:\n  league: {value: L}\n  home: b\n  away: u\n"+
				"  home_score: "+tc.rule+"\n  away_score: {value: 0}\n",
		)
		all, problems, err := p.Extract(t.Context(), page.Page{At: now,
			Body: []byte("<b>A</b><u>B</u><i>7</i><s>3</s><table><td data-q=1>20<td>15<td data-q=3>31</table>")})
		if err != nil || len(problems) > 0 {
			t.Errorf("%s: error %v, problems %v, want none", name, err, problems)
			continue
		}
		if got := fmt.Sprint(all[0].Score.Home); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// A rule can compute the clock from the kick-off time. In its query, now is the time when the site
// created the page.
func TestClockFromKickOff(t *testing.T) {
	t.Parallel()
	p := load(t, `
profile: x
sport: soccer
match:
  league: {value: L}
  home: b
  away: u
  status: {value: live}
  clock: {from: {start: {css: p, attr: data-start}}, jq: '(now - (.start | fromdate)) / 60 | floor + 1'}
`)
	if !p.DependsOnTime() {
		t.Error("DependsOnTime is false, want true")
	}
	body := []byte("<b>A</b><u>B</u><p data-start=2026-11-28T15:00:00Z>")
	at := time.Date(2026, 11, 28, 15, 12, 30, 0, time.UTC)
	for age, want := range map[string]string{"": "13'", "90": "12'", "x": "13'", "-5": "13'"} {
		all, problems, err := p.Extract(t.Context(), page.Page{At: at, Body: body, Header: http.Header{"Age": {age}}})
		if err != nil || len(problems) > 0 || all[0].Match.Clock.String() != want {
			t.Errorf("age %q: observations %v, problems %v, error %v, want %s", age, all, problems, err, want)
		}
	}
}

// An error about an invalid rule for a computed value contains the position of the rule. A problem
// with a computed value contains the query.
func TestComputedValueErrors(t *testing.T) {
	t.Parallel()
	const with = "profile: x\nsport: basketball\nmatch:\n  home: b\n  away: u\n  home_score: %s\n  away_score: i\n"
	for rule, want := range map[string]string{
		"{from: {a: i}}":                                     "x.yaml:6:15: match.home_score: from needs rules, and a jq",
		"{from: {}, jq: .a}":                                 "from needs rules, and a jq query",
		"{from: [i], jq: .a}":                                "want a mapping of names to rules",
		"{from: {a: 'b['}, jq: .a}":                          `x.yaml:6:26: match.home_score.from.a: selector "b["`,
		"{from: {a: i}, jq: '.a |'}":                         "match.home_score.jq: jq",
		"{from: {a: {jq: .a}}, jq: .a}":                      "jq has no JSON to query",
		"{from: {a: i}, jq: .a, css: b}":                     "set only one of",
		"{css: i, all: true}":                                "all is for the rules in from",
		"{from: {a: {value: x, all: true}}, jq: .a}":         "all needs css or jq",
		"{from: {a: {join: [{css: i, all: true}]}}, jq: .a}": "all is for the rules in from",
		"{from: {a: {css: i, layout: unix}}, jq: .a}":        "layout and zone are for start",
	} {
		_, err := profile.Load("x.yaml", []byte(fmt.Sprintf(with, rule)))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "x.yaml:6:") {
			t.Errorf("%s: error %v, want line 6 and %s", rule, err, want)
		}
	}
	for rule, want := range map[string]string{
		"{from: {a: b}, jq: '.a | tonumber'}": `match.home_score: jq .a | tonumber: `,
		"{from: {a: i}, jq: '[.a]'}":          "returns type array: want a string, number or boolean",
		"{from: {a: i}, jq: '.a + 1'}":        "cannot add",
	} {
		p := load(t, fmt.Sprintf(with, rule))
		_, problems, err := p.Extract(t.Context(), page.Page{Body: []byte("<b>A</b><u>B</u><i>7</i>")})
		if err != nil || !strings.Contains(fmt.Sprint(problems), want) {
			t.Errorf("%s: problems %v, error %v, want %s", rule, problems, err, want)
		}
	}
	endless := load(t, fmt.Sprintf(with, "{from: {a: i}, jq: 'def f: f; f'}"))
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	if all, _, err := endless.Extract(ctx, page.Page{Body: []byte("<b>A</b><u>B</u><i>7</i>")}); err == nil {
		t.Errorf("an endless query: observations %v, want an error", all)
	}
}
