package profile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/parser/page"
)

// Seconds in the layout for milliseconds, and milliseconds in the layout for seconds, are problems.
func TestUnixTimes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ layout, start, want string }{
		{"unix", "1764342000", "[]"},
		{"unix_ms", "1764342000000", "[]"},
		{"unix_ms", "1764342000", `"1764342000" is in the year 1970 in the layout unix_ms: does the site show unix?`},
		{"unix", "1764342000000", `in the layout unix: does the site show unix_ms?`},
		{"unix", "0", `"0" is in the year 1970 in the layout unix`},
	} {
		p := load(t, "profile: x\nsport: soccer\nmatch: {league: {value: L}, home: b, away: u, start: {css: i, layout: "+
			tc.layout+"}}\n")
		_, problems, err := p.Extract(t.Context(), page.Page{Body: []byte("<b>A</b><u>B</u><i>" + tc.start + "</i>")})
		if got := fmt.Sprint(problems); err != nil || !strings.Contains(got, tc.want) {
			t.Errorf("%s in the layout %s: problems %s, error %v, want %s", tc.start, tc.layout, got, err, tc.want)
		}
	}
}

// The documented rule for a clock in plain seconds finds nothing if the value is missing.
func TestClockInSeconds(t *testing.T) {
	t.Parallel()
	p := load(t, `
profile: x
sport: basketball
format: json
match:
  league: {value: L}
  home: {jq: .home}
  away: {jq: .away}
  status: {value: live q4}
  clock: {jq: '.left // empty | "PT\(.)S"', as: remaining, optional: true}
`)
	for body, want := range map[string]string{
		`{"home":"A","away":"B","left":312}`:  "06:48",
		`{"home":"A","away":"B","left":0}`:    "12:00",
		`{"home":"A","away":"B","left":null}`: "",
		`{"home":"A","away":"B"}`:             "",
	} {
		all, problems, err := p.Extract(t.Context(), page.Page{Body: []byte(body)})
		if err != nil || len(problems) > 0 || all[0].Match.Clock.String() != want {
			t.Errorf("%s: observations %v, problems %v, error %v, want the clock %q", body, all, problems, err, want)
		}
	}
}
