package profile_test

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// fuzzProfiles returns profiles that together use each kind of rule.
func fuzzProfiles(t testing.TB) []*profile.Profile {
	t.Helper()
	var all []*profile.Profile
	lib := parsertest.Library(t)
	for _, name := range slices.Sorted(maps.Keys(lib)) {
		all = append(all, lib[name])
	}
	for _, text := range []string{parsertest.SmallProfile, parsertest.ListProfile, parsertest.SPLProfile, everyRule} {
		p, err := profile.Load("fuzz.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// everyRule is a profile that uses the kinds of rules that other profiles rarely use.
const everyRule = `profile: every-rule
sport: basketball
comments: true
complete: '#end'
json: {css: 'script:contains("push")', as: flight}
lengths: {q: 10m}
matches: {css: '#list > h4, #list > b', siblings: true}
match:
  league: {css: h4, inherit: true}
  home: {own: true, regexp: '^(.+?) - '}
  away: [{attr: data-away}, {own: true, regexp: ' - (.+)$'}]
  id: {join: [{css: a, attr: href, regexp: '\d+'}, {value: x}], prefix: e-}
  start: {css: time, layout: unix_ms}
  clock: {css: i, as: remaining}
  status: {when: {live q1: i, final: u}}
  home_score: {css: a, regexp: '^(\d+)'}
  away_score: {css: a, regexp: '(\d+)$'}
incidents:
  - rows: {css: li}
    kind: {css: u, map: {two: basket, out: ejection}}
    side: {when: {home: .h, away: .a}}
    period: {value: q1}
    clock: {css: time, as: remaining}
    player: {css: s}
    home_score: {attr: data-h}
    away_score: {attr: data-a}
  - rows: {jq: '.. | objects | select(has("kind"))?'}
    kind: {jq: .kind, map: {t: timeout}}
    team: {jq: .team}
    player: {jq: .who}
`

// FuzzExtract extracts any page with any profile. It checks that the observations are valid, that a
// second call returns the same observations, and that their events can be encoded and decoded.
func FuzzExtract(f *testing.F) {
	profiles := fuzzProfiles(f)
	for i, p := range profiles {
		name := p.Name
		f.Add(byte(i), []byte("<html><body>"+name+"</body></html>"))
	}
	last := byte(len(profiles))
	f.Add(last-4, []byte(`<p class=league>L<p class=home>A</p><p class=away>B</p><p class=hs>2</p><p class=as>0</p>
<p class=status>HT</p><li class=h><u class=kind>Goal</u><time>45+2'</time><b>P</b></li>
<li class=a><u class=kind>Sub</u><time>5'</time><b>P</b><i>Q</i></li>`))
	f.Add(last-3, []byte(`<li id=m1><b>A</b><i>B</i><u>0</u><s>0</s></li><li id=m1><b>A</b><i>B</i></li>`))
	f.Add(last-2, []byte(`{"livescores":[{"id":"1","status":"2H","home_team":"A","away_team":"B","home_score":1,
"away_score":0,"elapsed":66,"kickoff":"2026-04-11T14:00Z"}]}`))
	f.Add(last-1, []byte(`<div id=list><h4>NBA</h4><b></b>A - B <i>07:12</i><a href=/9>4-2</a>
<ul><li class=h data-h=2 data-a=0><u>two</u><time>11:30</time><s>P</s></li></ul>
<!--<p id=end>--></div><script>push([1,"1:{\"kind\":\"t\",\"team\":\"A\"}\n"])</script>`))
	for _, file := range []string{"../../fixtures/soccer/mls-2016-11-06-nyc-tor/13-minute-90-1.html",
		"../../fixtures/soccer/mls-cup-2016-tor-sea/27-final.html",
		"../../fixtures/ice_hockey/nhl-2016-05-30-pit-sjs/17-full-time.html"} {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for i := range profiles {
			f.Add(byte(i), body)
		}
	}
	f.Fuzz(func(t *testing.T, which byte, body []byte) {
		p := profiles[int(which)%len(profiles)]
		all, problems, err := p.Extract(t.Context(), page.Page{Body: body})
		again, _, againErr := p.Extract(t.Context(), page.Page{Body: body})
		if (err == nil) != (againErr == nil) || !parsertest.SameJSON(all, again) {
			t.Errorf("two results for one page: errors %v, %v, observations\n%+v\n%+v\nwant the same",
				err, againErr, all, again)
		}
		if err != nil && len(all) > 0 {
			t.Errorf("%d observations with the error %v, want none", len(all), err)
		}
		if _, err := p.Explain(t.Context(), page.Page{Body: body}); err != nil && len(all) > 0 && len(problems) == 0 {
			t.Errorf("Explain: error %v for a page without problems, want none", err)
		}
		for i := range all {
			checkObservation(t, &all[i])
			if event.CheckMatchID(all[i].Match.ID) != nil {
				all[i].Match.ID = "m"
			}
			_, events, err := reconcile.Match(reconcile.State{Epoch: "e"}, all[i], parsertest.Provenance(parsertest.Noon))
			if err != nil {
				t.Errorf("reconciling %+v: %v", all[i], err)
			}
			for _, e := range events {
				m, err := broker.NewMessage(e)
				if err == nil {
					_, err = event.Decode(m.Body)
				}
				if err != nil {
					t.Errorf("encoding and decoding %+v: %v", e, err)
				}
			}
		}
	})
}

// checkObservation checks that the teams are set, and that other values are in the vocabulary and
// in range.
func checkObservation(t *testing.T, o *observation.Observation) {
	t.Helper()
	sport := o.Sport
	if o.Match.Home == "" || o.Match.Away == "" {
		t.Errorf("match %+v, want two teams", o.Match)
	}
	if o.Match.Status != "" && !slices.Contains(event.Statuses(), o.Match.Status) {
		t.Errorf("status %q, want one of %v", o.Match.Status, event.Statuses())
	}
	for _, s := range []*event.Score{o.Score, o.Shootout} {
		if s != nil && (s.Home < 0 || s.Away < 0 || s.Home > 2000 || s.Away > 2000) {
			t.Errorf("score %v, want 0 to 2000 for each side", s)
		}
	}
	clock := func(c event.Clock) {
		if c.Minute < 0 || c.Minute > 130 || c.Stoppage < 0 || c.Stoppage > 130 || c.Elapsed < 0 || c.Balls < 0 {
			t.Errorf("clock %+v, want minute and stoppage from 0 to 130, and no negative number", c)
		}
		if c.Period != "" && sport.Index(c.Period) < 0 {
			t.Errorf("clock %+v, want a period of %s", c, sport)
		}
	}
	clock(o.Match.Clock)
	for _, in := range o.Incidents {
		validSide := in.Side == event.Home || in.Side == event.Away || in.Side == "" && in.Kind.SideOptional()
		if !slices.Contains(sport.Rules().Kinds, in.Kind) || !validSide || in.Path == "" {
			t.Errorf("incident %+v, want a kind of %s, a valid side and a path", in, sport)
		}
		if sport.Scores(in.Kind) && !sport.Rules().CountsGoals && in.Score == nil && !sport.Misses(in.Kind, in.Detail) {
			t.Errorf("incident %+v, want the score after the incident", in)
		}
		clock(in.Clock)
	}
}

// FuzzLoad loads any text as a profile. It checks that an error contains the name of the file, and
// that a valid profile extracts valid observations.
func FuzzLoad(f *testing.F) {
	for _, text := range []string{parsertest.SmallProfile, parsertest.ListProfile, parsertest.SPLProfile, everyRule,
		"", "profile: [", "a: &a [*a]", "profile: x\nmatch: {home: {css: ':has('}}"} {
		f.Add([]byte(text))
	}
	entries, err := os.ReadDir("../../profiles")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".yaml") {
			text, err := os.ReadFile("../../profiles/" + e.Name())
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	pages := [][]byte{
		[]byte(`<html><p class=home>A</p><p class=away>B</p><li class=h>x</li><b>1</b><i>2</i>
			<script>{"a":[{"b":1}]}</script></html>`),
		[]byte(`{"livescores":[{"id":"1","home_team":"A","away_team":"B"}]}`),
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.Contains(text, []byte("jq")) && bytes.ContainsAny(text, "[(") && len(text) > 4000 {
			return // such queries may run until the timeout, which is too slow
		}
		p, err := profile.Load("the-file.yaml", text)
		if err != nil {
			if !strings.Contains(err.Error(), "the-file.yaml") {
				t.Errorf("error %v, want the name of the file", err)
			}
			return
		}
		for _, body := range pages {
			all, _, err := p.Extract(t.Context(), page.Page{Body: body})
			if err != nil {
				continue
			}
			for i := range all {
				checkObservation(t, &all[i])
			}
		}
	})
}
