package reconcile_test

import (
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/reconcile"
)

const cricketProfile = `profile: cricket
sport: cricket
format: json
match:
  id: {value: m1}
  league: {value: Tests}
  home: {value: Alpha}
  away: {value: Beta}
  status: {jq: 'if (.st | type) == "number" then "live inn\(.st)" else .st end'}
  clock: {jq: .ov, optional: true}
  home_score: {jq: .h}
  away_score: {jq: .a}
`

// An inningsPage is a page about a cricket match, and the saved score and line score after the page.
// Pages are read 30 seconds apart.
type inningsPage struct{ json, score, line string }

// The score of a side begins again with its second innings, in whatever form a page shows the
// score.
func TestInnings(t *testing.T) {
	t.Parallel()
	p, err := profile.Load("cricket.yaml", []byte(cricketProfile))
	if err != nil {
		t.Fatal(err)
	}
	for name, pages := range map[string][]inningsPage{
		"numbers of the latest innings, without a clock": {
			{`{"st":1,"h":0,"a":0}`, "0-0", " v "},
			{`{"st":1,"h":428,"a":0}`, "428-0", "428 v "},
			{`{"st":2,"h":428,"a":20}`, "428-20", "428 v 20"},
			{`{"st":2,"h":428,"a":245}`, "428-245", "428 v 245"},
			{`{"st":3,"h":0,"a":245}`, "0-245", "428 & 0 v 245"},
			{`{"st":3,"h":6,"a":245}`, "6-245", "428 & 6 v 245"},
			{`{"st":4,"h":120,"a":3}`, "120-3", "428 & 120 v 245 & 3"},
			{`{"st":"final","h":120,"a":110}`, "120-110", "428 & 120 v 245 & 110"},
		},
		"the period before the score": {
			{`{"st":2,"h":428,"a":245}`, "428-245", "428 v 245"},
			{`{"st":3,"h":428,"a":245}`, "428-245", "428 v 245"},
			{`{"st":3,"h":2,"a":245}`, "2-245", "428 & 2 v 245"},
			// The innings has already begun, so the lower score is not accepted.
			{`{"st":3,"h":1,"a":245}`, "2-245", "428 & 2 v 245"},
		},
		"only the side that bats": {
			{`{"st":1,"h":40,"a":null}`, "40-0", "40 v "},
			{`{"st":2,"h":null,"a":20}`, "40-20", "40 v 20"},
			{`{"st":3,"h":5,"a":"-"}`, "5-20", "40 & 5 v 20"},
		},
		"only the side that bats, with wickets": {
			{`{"st":1,"h":"40/2","a":null}`, "40-0", "40/2 v "},
			{`{"st":2,"h":null,"a":"20/1 (3.2 ov)"}`, "40-20", "40/2 v 20/1"},
			{`{"st":3,"h":"5/0","a":null}`, "5-20", "40/2 & 5/0 v 20/1"},
			{`{"st":3,"h":"5/1","a":null}`, "5-20", "40/2 & 5/1 v 20/1"},
		},
		"totals": {
			{`{"st":1,"h":428,"a":0}`, "428-0", "428 v "},
			{`{"st":2,"h":428,"a":245}`, "428-245", "428 v 245"},
			{`{"st":3,"h":430,"a":245}`, "430-245", ""},
			{`{"st":3,"h":548,"a":245}`, "548-245", ""},
			{`{"st":3,"h":540,"a":245}`, "548-245", ""}, // an older copy
			{`{"st":4,"h":548,"a":355}`, "548-355", ""},
		},
		"all innings, with a follow-on": {
			{`{"st":"live","h":"428/6d","a":"110"}`, "428-110", "428/6d v 110"},
			{`{"st":"live","h":"428/6d","a":"110 & 12/0 (f/o)"}`, "428-12", "428/6d v 110 & 12/0 (f/o)"},
			{`{"st":"live","h":"428/6d","a":"110"}`, "428-12", "428/6d v 110 & 12/0 (f/o)"}, // an older copy
			{`{"st":"live","h":"428/6d & 0/0","a":"110 & 330 (f/o)"}`, "0-330", "428/6d & 0/0 v 110 & 330 (f/o)"},
			{`{"st":"final","h":"428/6d & 13/1","a":"110 & 330 (f/o)"}`, "13-330", "428/6d & 13/1 v 110 & 330 (f/o)"},
		},
		"a declaration and a wicket without runs": {
			{`{"st":"live","h":"300/5","a":null}`, "300-0", "300/5 v "},
			{`{"st":"live","h":"300/6","a":null}`, "300-0", "300/6 v "},
			{`{"st":"live","h":"300/6 dec","a":null}`, "300-0", "300/6d v "},
		},
		"super overs": {
			{`{"st":2,"h":"176/6 (20)","a":"176/6 (20)"}`, "176-176", "176/6 v 176/6"},
			{`{"st":3,"h":"5/2","a":"176/6"}`, "5-176", "176/6 & 5/2 v 176/6"},
			{`{"st":4,"h":"5/2","a":"5/1"}`, "5-5", "176/6 & 5/2 v 176/6 & 5/1"},
			{`{"st":5,"h":"5/2","a":"0/0"}`, "5-0", "176/6 & 5/2 v 176/6 & 5/1 & 0/0"},
			{`{"st":6,"h":"2/0","a":"11/1"}`, "2-11", "176/6 & 5/2 & 2/0 v 176/6 & 5/1 & 11/1"},
		},
		"after the match, only the latest innings, with wickets": {
			{`{"st":2,"h":"188/5","a":"188/4"}`, "188-188", "188/5 v 188/4"},
			{`{"st":3,"h":"188/5","a":"11/2"}`, "188-11", "188/5 v 188/4 & 11/2"},
			{`{"st":4,"h":"6/0","a":"11/2"}`, "6-11", "188/5 & 6/0 v 188/4 & 11/2"},
			{`{"st":"interrupted","h":"6/0","a":"11/2"}`, "6-11", "188/5 & 6/0 v 188/4 & 11/2"},
			{`{"st":"final","h":"13/0","a":"11/2"}`, "13-11", "188/5 & 13/0 v 188/4 & 11/2"},
		},
		"the first page is at lunch, and the next page in the third innings": {
			{`{"st":"break","h":482,"a":238}`, "482-238", ""},
			{`{"st":3,"h":9,"a":269}`, "482-238", ""}, // it may be an older copy
			{`{"st":3,"h":10,"a":269}`, "482-238", ""},
			{`{"st":3,"h":12,"a":269}`, "482-238", ""},
			{`{"st":3,"h":13,"a":269}`, "13-269", "482 & 13 v 269"},
			{`{"st":4,"h":337,"a":2}`, "337-2", "482 & 337 v 269 & 2"},
		},
		"the first page is at lunch, and the next page in the fourth innings": {
			{`{"st":"break","h":482,"a":238}`, "482-238", ""},
			{`{"st":4,"h":120,"a":3}`, "482-238", ""},
			{`{"st":4,"h":120,"a":4}`, "482-238", ""},
			{`{"st":4,"h":120,"a":5}`, "482-238", ""},
			{`{"st":4,"h":120,"a":6}`, "120-6", "482 & 120 v 238 & 6"},
		},
		"the first page is at lunch of the third innings": {
			{`{"st":"break","h":9,"a":269}`, "9-269", ""},
			{`{"st":3,"h":20,"a":269}`, "20-269", ""},
			{`{"st":4,"h":337,"a":2}`, "337-2", ""},
		},
		"rain in the super over, only the latest innings": {
			{`{"st":2,"h":188,"a":188}`, "188-188", "188 v 188"},
			{`{"st":"interrupted","h":188,"a":3}`, "188-3", "188 v 188 & 3"},
			{`{"st":4,"h":6,"a":11}`, "6-11", "188 & 6 v 188 & 11"},
			{`{"st":"final","h":13,"a":11}`, "13-11", "188 & 13 v 188 & 11"},
		},
		"an older copy during rain, only the latest innings": {
			{`{"st":2,"h":188,"a":180}`, "188-180", "188 v 180"},
			{`{"st":"interrupted","h":188,"a":120}`, "188-180", "188 v 180"},
			{`{"st":2,"h":188,"a":181}`, "188-181", "188 v 181"},
		},
		"rain after a correction, only the latest innings": {
			{`{"st":2,"h":188,"a":180}`, "188-180", "188 v 180"},
			{`{"st":"interrupted","h":188,"a":176}`, "188-180", "188 v 180"},
			{`{"st":"interrupted","h":188,"a":176}`, "188-180", "188 v 180"},
			{`{"st":"interrupted","h":188,"a":176}`, "188-180", "188 v 180"},
			{`{"st":"interrupted","h":188,"a":176}`, "188-176", "188 v 176"},
		},
		"the first page is in the third innings": {
			{`{"st":3,"h":22,"a":245}`, "22-245", ""},
			{`{"st":4,"h":120,"a":2}`, "120-2", ""},
		},
	} {
		state := reconcile.State{Epoch: "e"}
		at := parsertest.Noon
		for i, pg := range pages {
			all, problems, err := p.Extract(t.Context(), page.Page{Body: []byte(pg.json)})
			if err != nil || len(problems) > 0 {
				t.Fatalf("%s: page %d: problems %v, error %v, want neither", name, i, problems, err)
			}
			from := parsertest.Provenance(at)
			from.Evidence.Snapshot = pg.json
			var events []event.Event
			if state, events, err = reconcile.Match(state, all[0], from); err != nil {
				t.Fatalf("%s: page %d: %v", name, i, err)
			}
			at = at.Add(30 * time.Second)
			line := ""
			if state.LineScore != nil {
				line = state.LineScore.String()
			}
			if state.Score.String() != pg.score || line != pg.line {
				t.Errorf("%s: after page %d: score %v, line score %q, want %s and %q", name, i, state.Score, line,
					pg.score, pg.line)
			}
			for n, e := range events {
				last := n == len(events)-1
				if last && (e.Data.Score == nil || *e.Data.Score != *state.Score) {
					t.Errorf("%s: page %d: the score of the last event is %v, want %v", name, i, e.Data.Score, state.Score)
				}
			}
		}
	}
}

// Without a period, a lower score is confirmed even if it rises from page to page.
func TestLowerScoreThatRises(t *testing.T) {
	t.Parallel()
	state, _, err := reconcile.Match(reconcile.State{Epoch: "e"}, runs(428, 245), parsertest.Provenance(parsertest.Noon))
	if err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		from := parsertest.Provenance(parsertest.Noon.Add(time.Duration(n+1) * 30 * time.Second))
		from.Modified = from.At
		if state, _, err = reconcile.Match(state, runs(2*n, 245), from); err != nil {
			t.Fatal(err)
		}
	}
	if *state.Score != (event.Score{Home: 6, Away: 245}) {
		t.Errorf("score %v after four fresh pages with a lower score, want 6-245", state.Score)
	}
}

func runs(home, away int) observation.Observation {
	return observation.Observation{Sport: event.Cricket, Match: event.Match{ID: "m1", Home: "Alpha", Away: "Beta",
		Status: event.Live}, Score: &event.Score{Home: home, Away: away}}
}
