package profile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// When the context ends, queries stop. Quote returns "", and the other functions return the
// context's error.
func TestContextStopsExtraction(t *testing.T) {
	t.Parallel()
	endless := `'def f: f; f'`
	for name, text := range map[string]string{
		"in the match":  "match: {home: {jq: .h}, away: {jq: .a}, league: {jq: " + endless + "}}\n",
		"for the teams": "match: {home: {jq: " + endless + "}, away: {jq: .a}}\n",
		"for matches":   "matches: {jq: " + endless + "}\nmatch: {home: {jq: .h}, away: {jq: .a}}\n",
		"for incidents": "match: {home: {jq: .h}, away: {jq: .a}}\nincidents: [{rows: {jq: " + endless +
			"}, kind: {value: goal}, side: {value: home}}]\n",
		"in an incident": "match: {home: {jq: .h}, away: {jq: .a}}\nincidents: [{rows: {jq: .}, kind: {jq: " + endless +
			"}, side: {value: home}}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := profile.Load("endless.yaml", []byte("profile: endless\nsport: soccer\nformat: json\n"+text))
			if err != nil {
				t.Fatal(err)
			}
			pg := page.Page{Body: []byte(`{"h":"A","a":"B"}`)}
			ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer stop()
			if all, _, err := p.Extract(ctx, pg); !errors.Is(err, context.DeadlineExceeded) || all != nil {
				t.Errorf("Extract: observations %v, error %v, want only DeadlineExceeded", all, err)
			}
			if all, err := p.Explain(ctx, pg); !errors.Is(err, context.DeadlineExceeded) || all != nil {
				t.Errorf("Explain: findings %v, error %v, want only DeadlineExceeded", all, err)
			}
			cancelled, cancel := context.WithCancel(t.Context())
			cancel()
			if d, err := p.Parse(cancelled, pg); !errors.Is(err, context.Canceled) || d != nil {
				t.Errorf("Parse: document %v, error %v, want only Canceled", d, err)
			}
			d, err := p.Parse(t.Context(), pg)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := d.Observations(cancelled); !errors.Is(err, context.Canceled) {
				t.Errorf("Observations: error %v, want Canceled", err)
			}
			if quote := d.Quote(cancelled, "nth(0; def f: f; f)"); quote != "" {
				t.Errorf(`Quote: %q, want ""`, quote)
			}
		})
	}
}

// A detail replaces the detail of the kind. If the rule for the detail finds nothing, or its map
// has no value for the text, the incident keeps the detail of the kind.
func TestDetailOfTheKind(t *testing.T) {
	t.Parallel()
	p := load(t, `
profile: x
sport: soccer
format: json
match: {home: {value: A}, away: {value: B}}
incidents:
  - rows: {jq: '.[]'}
    kind: {jq: .k, map: {OG: goal own_goal, P: goal penalty, G: goal, YR: red_card second_yellow}}
    detail: {jq: .d, map: {header: header, none: null, '': null}}
    side: {value: home}
    clock: {value: "12"}
`)
	for _, tc := range []struct{ row, want, problem string }{
		{`{"k":"OG"}`, "own_goal", ""},
		{`{"k":"OG","d":""}`, "own_goal", ""},
		{`{"k":"OG","d":null}`, "own_goal", ""},
		{`{"k":"P","d":"none"}`, "penalty", ""},
		{`{"k":"P","d":"header"}`, "header", ""},
		{`{"k":"YR"}`, "second_yellow", ""},
		{`{"k":"YR","d":"elbow"}`, "second_yellow", `"elbow" is not in the map`},
		{`{"k":"G","d":"header"}`, "header", ""},
		{`{"k":"G"}`, "", ""},
	} {
		all, problems, err := p.Extract(t.Context(), page.Page{Body: []byte("[" + tc.row + "]")})
		if err != nil || len(all[0].Incidents) != 1 {
			t.Fatalf("%s: observations %v, error %v, want one incident", tc.row, all, err)
		}
		if got := all[0].Incidents[0].Detail; got != tc.want {
			t.Errorf("%s: detail %q, want %q", tc.row, got, tc.want)
		}
		if found := strings.Contains(fmt.Sprint(problems), "detail: "+tc.problem); found != (tc.problem != "") {
			t.Errorf("%s: problems %v, want %q for the detail, or no problem if empty", tc.row, problems, tc.problem)
		}
	}
}

// The page can name the winner. A value other than home, away or draw is a problem.
func TestWinner(t *testing.T) {
	t.Parallel()
	p := load(t, `
profile: x
sport: cricket
format: json
match: {home: {value: A}, away: {value: B}, league: {value: L}, winner: {jq: .w}}
`)
	for _, tc := range []struct {
		page, problem string
		want          event.Winner
	}{
		{`{"w":"home"}`, "", "home"},
		{`{"w":"away"}`, "", "away"},
		{`{"w":"draw"}`, "", "draw"},
		{`{"w":null}`, "", ""},
		{`{"w":"A"}`, `match.winner: "A" is not a valid value`, ""},
	} {
		all, problems, err := p.Extract(t.Context(), page.Page{Body: []byte(tc.page)})
		if err != nil || all[0].Winner != tc.want {
			t.Errorf("%s: observations %v, error %v, want the winner %q", tc.page, all, err, tc.want)
		}
		if got := fmt.Sprint(problems); !strings.Contains(got, tc.problem) || (tc.problem == "") != (len(problems) == 0) {
			t.Errorf("%s: problems %s, want %q, or no problem if empty", tc.page, got, tc.problem)
		}
	}
}

// The row of a missed kick needs no score, and the row of a review by the officials needs no team.
func TestRowsOfMissesAndReviews(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ sport, kind, detail, side, score, want string }{
		{"rugby", "conversion", "missed", "home", "", "accepted"},
		{"rugby", "conversion", "Missed", "home", "5-0", "accepted without the score"},
		{"rugby", "conversion", "", "home", "", "refused"},
		{"rugby", "try", "penalty_try", "home", "7-0", "accepted with the score"},
		{"american_football", "extra_point", "blocked", "away", "", "accepted"},
		{"american_football", "two_point", "failed", "away", "", "accepted"},
		{"american_football", "safety", "", "away", "", "refused"},
		{"american_football", "review", "upheld", "", "", "accepted"},
		{"ice_hockey", "challenge", "off-side", "", "", "accepted"},
		{"ice_hockey", "penalty", "tripping", "", "", "refused"},
	} {
		p := load(t, `
profile: x
sport: `+tc.sport+`
match: {home: b, away: u}
incidents:
  - rows: li
    kind: .kind
    detail: .detail
    side: .side
    home_score: {css: .score, regexp: '^\d+'}
    away_score: {css: .score, regexp: '\d+$'}
`)
		body := "<b>A</b><u>B</u><li><i class=kind>" + tc.kind + "</i><i class=detail>" + tc.detail +
			"</i><i class=side>" + tc.side + "</i><i class=score>" + tc.score + "</i></li>"
		all, problems, err := p.Extract(t.Context(), page.Page{Body: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		got := "refused"
		if rows := all[0].Incidents; len(rows) == 1 {
			got = "accepted"
			switch {
			case rows[0].Score != nil:
				got += " with the score"
			case tc.score != "":
				got += " without the score"
			}
		}
		if want := tc.want; got != want {
			t.Errorf("%s %s %q of %q, score %q: %s, problems %v, want %s", tc.sport, tc.kind, tc.detail, tc.side, tc.score,
				got, problems, want)
		}
	}
}
