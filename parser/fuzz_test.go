package parser_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser"
)

// fuzzProfiles are profiles that use every kind of rule.
func fuzzProfiles(t testing.TB) []*parser.Profile {
	t.Helper()
	var all []*parser.Profile
	lib := library(t)
	for _, name := range slices.Sorted(maps.Keys(lib)) {
		all = append(all, lib[name])
	}
	for _, text := range []string{smallProfile, listProfile, splProfile, everyRule} {
		p, err := parser.LoadProfile("fuzz.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

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

// Whatever a page holds, what is read of it is in the vocabulary and in range,
// the same each time, and makes events that can be sent.
func FuzzExtract(f *testing.F) {
	profiles := fuzzProfiles(f)
	for i, p := range profiles {
		name := p.Name
		f.Add(byte(i), []byte("<html><body>"+name+"</body></html>"))
	}
	last := byte(len(profiles))
	f.Add(last-4, []byte(`<p class=league>L<p class=home>A</p><p class=away>B</p><p class=hs>2</p><p class=as>0</p><p class=status>HT</p>
<li class=h><u class=kind>Goal</u><time>45+2'</time><b>P</b></li><li class=a><u class=kind>Sub</u><time>5'</time><b>P</b><i>Q</i></li>`))
	f.Add(last-3, []byte(`<li id=m1><b>A</b><i>B</i><u>0</u><s>0</s></li><li id=m1><b>A</b><i>B</i></li>`))
	f.Add(last-2, []byte(`{"livescores":[{"id":"1","status":"2H","home_team":"A","away_team":"B","home_score":1,"away_score":0,"elapsed":66,"kickoff":"2026-04-11T14:00Z"}]}`))
	f.Add(last-1, []byte(`<div id=list><h4>NBA</h4><b></b>A - B <i>07:12</i><a href=/9>4-2</a><ul><li class=h data-h=2 data-a=0><u>two</u><time>11:30</time><s>P</s></li></ul>
<!--<p id=end>--></div><script>push([1,"1:{\"kind\":\"t\",\"team\":\"A\"}\n"])</script>`))
	for _, page := range []string{"../fixtures/soccer/mls-2016-11-06-nyc-tor/13-minute-90-1.html", "../fixtures/soccer/mls-cup-2016-tor-sea/27-final.html",
		"../fixtures/ice_hockey/nhl-2016-05-30-pit-sjs/17-full-time.html"} {
		body, err := os.ReadFile(page)
		if err != nil {
			f.Fatal(err)
		}
		for i := range profiles {
			f.Add(byte(i), body)
		}
	}
	f.Fuzz(func(t *testing.T, which byte, body []byte) {
		p := profiles[int(which)%len(profiles)]
		all, problems, err := p.Extract(parser.Page{Body: body})
		again, _, againErr := p.Extract(parser.Page{Body: body})
		if (err == nil) != (againErr == nil) || !sameJSON(all, again) {
			t.Errorf("not the same twice: %v %v\n%+v\n%+v", err, againErr, all, again)
		}
		if err != nil && len(all) > 0 {
			t.Errorf("%v, and %d observations", err, len(all))
		}
		if _, err := p.Explain(parser.Page{Body: body}); err != nil && len(all) > 0 && len(problems) == 0 {
			t.Errorf("read without problems, but not explained: %v", err)
		}
		for i := range all {
			checkObservation(t, &all[i])
			if event.CheckMatchID(all[i].Match.ID) != nil {
				all[i].Match.ID = "m"
			}
			_, events, err := parser.Reconcile(parser.State{Epoch: "e"}, all[i], reading(noon))
			if err != nil {
				t.Errorf("%v: %+v", err, all[i])
			}
			for _, e := range events {
				m, err := e.Encode()
				if err == nil {
					_, err = event.Decode(m.Body)
				}
				if err != nil {
					t.Errorf("%v: %+v", err, e)
				}
			}
		}
	})
}

func checkObservation(t *testing.T, o *parser.Observation) {
	t.Helper()
	sport := o.Sport
	if o.Match.Home == "" || o.Match.Away == "" {
		t.Errorf("no teams: %+v", o.Match)
	}
	if o.Match.Status != "" && !slices.Contains(event.Statuses(), o.Match.Status) {
		t.Errorf("status %q", o.Match.Status)
	}
	for _, s := range []*event.Score{o.Score, o.Shootout} {
		if s != nil && (s.Home < 0 || s.Away < 0 || s.Home > 2000 || s.Away > 2000) {
			t.Errorf("score %v", s)
		}
	}
	clock := func(c event.Clock) {
		if c.Minute < 0 || c.Minute > 130 || c.Stoppage < 0 || c.Stoppage > 130 || c.Elapsed < 0 || c.Balls < 0 {
			t.Errorf("clock %+v", c)
		}
		if c.Period != "" && sport.Index(c.Period) < 0 {
			t.Errorf("%s has no period %q", sport, c.Period)
		}
	}
	clock(o.Match.Clock)
	for _, in := range o.Incidents {
		if !slices.Contains(sport.Kinds(), in.Kind) || in.Side != event.Home && in.Side != event.Away && !(in.Side == "" && in.Kind.OfNeitherSide()) || in.Path == "" {
			t.Errorf("incident %+v", in)
		}
		if sport.Scores(in.Kind) && !sport.CountsGoals() && in.Score == nil {
			t.Errorf("a %s without the score", in.Kind)
		}
		clock(in.Clock)
	}
}

// A profile that cannot be loaded is named with its file; one that can reads
// any page without harm.
func FuzzLoadProfile(f *testing.F) {
	for _, text := range []string{smallProfile, listProfile, splProfile, everyRule, "", "profile: [", "a: &a [*a]", "profile: x\nmatch: {home: {css: ':has('}}"} {
		f.Add([]byte(text))
	}
	entries, err := os.ReadDir("../profiles")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".yaml") {
			text, err := os.ReadFile("../profiles/" + e.Name())
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	pages := [][]byte{
		[]byte(`<html><p class=home>A</p><p class=away>B</p><li class=h>x</li><b>1</b><i>2</i><script>{"a":[{"b":1}]}</script></html>`),
		[]byte(`{"livescores":[{"id":"1","home_team":"A","away_team":"B"}]}`),
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.Contains(text, []byte("jq")) && bytes.ContainsAny(text, "[(") && len(text) > 4000 {
			return // queries that run until they are stopped take the fuzzer's time
		}
		p, err := parser.LoadProfile("the-file.yaml", text)
		if err != nil {
			if !strings.Contains(err.Error(), "the-file.yaml") {
				t.Errorf("which file? %v", err)
			}
			return
		}
		for _, body := range pages {
			all, _, err := p.Extract(parser.Page{Body: body})
			if err != nil {
				continue
			}
			for i := range all {
				checkObservation(t, &all[i])
			}
		}
	})
}

// Whatever a site shows, in whatever order: the score is never below the goals
// that stand, every correction and retraction refers to what stands, IDs and
// state are the same for the same input, and whoever adds up the events has
// exactly what the state says.
func FuzzReconcile(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"))
	f.Add(bytes.Repeat([]byte("goal! \x10\x20\x30"), 20))
	f.Add(bytes.Repeat([]byte{1, 1, 20, 1, 0, 1, 3, 0, 0, 10, 2}, 12))
	f.Add([]byte("\x02\x01\x00\x10\x01\x00\x01\x00\x02\x01\x01\x14\x00\x02\x02\x01\x01\x00\x14\x02"))
	for seed := range uint64(100) {
		long := make([]byte, 600)
		rnd := rand.New(rand.NewPCG(seed, 1))
		for i := range long {
			long[i] = byte(rnd.Uint32())
		}
		f.Add(long)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in := &script{data: data}
		state := parser.State{Epoch: "e"}
		stands := map[string]event.Data{}
		latest := map[string]string{} // incident: ID of the latest event about it
		now, seq := noon, int64(0)
		sport := []event.Sport{event.Soccer, event.IceHockey, event.Basketball}[in.below(3)]
		for n := 0; n < 40 && !in.over(); n++ {
			now = now.Add(time.Duration(in.below(12)) * 10 * time.Second)
			r := parser.Reading{TID: event.TID{1}, Source: "/parser/fuzz", At: now, Evidence: event.Evidence{Snapshot: string('a' + rune(in.below(4)))}}
			if in.below(3) == 0 {
				r.Modified = noon.Add(time.Duration(in.below(20)) * time.Minute)
			}
			before, _ := json.Marshal(state)
			var next, again parser.State
			var events, sameEvents []event.Event
			var err error
			if in.below(12) == 0 {
				next, events, err = parser.GoneQuiet(state, r, "fuzz")
				again, sameEvents, _ = parser.GoneQuiet(state, r, "fuzz")
			} else {
				o := in.observation(sport)
				next, events, err = parser.Reconcile(state, o, r)
				again, sameEvents, _ = parser.Reconcile(state, o, r)
			}
			if errors.Is(err, parser.ErrOtherMatch) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if after, _ := json.Marshal(state); !bytes.Equal(before, after) {
				t.Fatalf("the state it was given has changed:\n%s\n%s", before, after)
			}
			if !sameJSON(next, again) || !sameJSON(events, sameEvents) {
				t.Fatal("not the same twice")
			}
			for _, e := range events {
				d := e.Data
				if seq++; d.Seq != seq {
					t.Fatalf("seq %d, want %d", d.Seq, seq)
				}
				was, ok := stands[d.Incident]
				switch d.Action {
				case event.New:
					if ok {
						t.Fatalf("%s is new, and stands already", line(e))
					}
					if d.Rev != 1 || d.Supersedes != "" {
						t.Fatalf("%s is new with rev %d", line(e), d.Rev)
					}
				default:
					if !ok || d.Supersedes != latest[d.Incident] || d.Rev != was.Rev+1 {
						t.Fatalf("%s, of what does not stand so (rev %d after %d)", line(e), d.Rev, was.Rev)
					}
				}
				if slices.Contains([]event.Kind{event.StatusChange, event.ScoreChange, event.SourceStale, event.SourceFresh}, d.Kind) {
					continue
				}
				stands[d.Incident], latest[d.Incident] = d, e.ID
				if d.Action == event.Retracted {
					delete(stands, d.Incident)
				}
			}
			text, err := json.Marshal(next)
			if err != nil {
				t.Fatal(err)
			}
			state = parser.State{}
			if err := json.Unmarshal(text, &state); err != nil {
				t.Fatal(err)
			}
			checkState(t, &state, stands)
		}
	})
}

func checkState(t *testing.T, s *parser.State, stands map[string]event.Data) {
	t.Helper()
	goals := event.Score{}
	if len(s.Standing) != len(stands) {
		t.Fatalf("%d stand, the events say %d", len(s.Standing), len(stands))
	}
	for _, st := range s.Standing {
		d, ok := stands[st.ID]
		if !ok || d.Kind != st.Kind || d.Side != st.Side || d.Player != st.Player || d.Detail != st.Detail || d.Rev != st.Rev || d.Provisional != st.Provisional {
			t.Fatalf("stands %+v, the events say %+v", st, d)
		}
		if st.Kind == event.Goal {
			goals = goals.Add(st.Side, 1)
		}
	}
	if s.Sport.CountsGoals() && s.Score != nil && *s.Score != goals {
		t.Fatalf("score %v, the goals that stand make %v", s.Score, goals)
	}
}

// A script turns bytes into what a site shows.
type script struct{ data []byte }

func (s *script) over() bool { return len(s.data) == 0 }

func (s *script) below(n int) int {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return int(b) % n
}

func (s *script) observation(sport event.Sport) parser.Observation {
	o := parser.Observation{Sport: sport, League: "L", Match: event.Match{ID: "m", Home: "Home", Away: "Away"}}
	if s.below(30) == 1 {
		o.Match.Away = []string{"Other", "A?ay", "away"}[s.below(3)]
	}
	o.Match.Status = append(event.Statuses(), event.Live, event.Live, event.Live, "")[s.below(len(event.Statuses())+4)]
	periods := append(sport.Periods(), "", "")
	o.Match.Period = periods[s.below(len(periods))]
	clock := func() event.Clock {
		m := s.below(125)
		if sport == event.Soccer {
			return event.SoccerMinute("", max(m, 1), s.below(4))
		}
		return event.Clock{Period: periods[s.below(4)], Elapsed: m * 5}
	}
	if s.below(2) == 0 {
		o.Match.Clock = clock()
	}
	if s.below(8) > 0 {
		o.Score = &event.Score{Home: s.below(4), Away: s.below(4)}
	}
	if s.below(6) == 1 {
		o.Shootout = &event.Score{Home: s.below(4), Away: s.below(4)}
	}
	kinds := sport.Kinds()
	for range s.below(7) {
		in := parser.Incident{Kind: kinds[s.below(3)], Side: []event.Side{event.Home, event.Away}[s.below(2)],
			Player: []string{"Ann", "B\u00f6b", "Cy", "", "C?"}[s.below(5)], Clock: clock()}
		switch s.below(6) {
		case 1:
			in.Kind = kinds[s.below(len(kinds))]
		case 2:
			in.Detail = []string{"penalty", "own_goal", "scored", "missed"}[s.below(4)]
		case 3:
			in.Clock = event.Clock{}
		}
		if sport == event.Basketball {
			in.Score = &event.Score{Home: s.below(6), Away: s.below(6)}
		}
		o.Incidents = append(o.Incidents, in)
	}
	o.Blind = len(o.Incidents) == 0
	return o
}
