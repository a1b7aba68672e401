package parser_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser"
)

// Real pages of real sites give exactly what a person counts on them.
func TestCapturedPages(t *testing.T) {
	dir := testenv.Needs(t, testenv.Pages(".."), "MATCHWIRE_PAGES")
	lib := library(t)
	for _, tc := range []struct {
		file, profile string
		home, away    string
		score         event.Score
		kinds         map[string]int // "kind detail": how many
		some          []parser.Incident
	}{
		{"soccer/abseits-sunderland-bournemouth.html", "abseits", "AFC Sunderland", "AFC Bournemouth", event.Score{Home: 3, Away: 2},
			map[string]int{"goal ": 4, "goal penalty": 1, "yellow_card ": 9, "red_card ": 1, "substitution ": 9},
			[]parser.Incident{
				{Kind: "goal", Detail: "penalty", Side: "home", Player: "E. Le Fée", Clock: event.Clock{Period: "1h", Minute: 30}},
				{Kind: "goal", Side: "home", Player: "B. Traoré", Assist: "G. Xhaka", Clock: event.Clock{Period: "2h", Minute: 46}},
				{Kind: "red_card", Side: "away", Player: "L. Cook", Clock: event.Clock{Period: "2h", Minute: 90, Stoppage: 6}},
				{Kind: "substitution", Side: "away", Player: "L. Cook", Off: "A. Scott", Clock: event.Clock{Period: "2h", Minute: 46}},
			}},
		{"soccer/abseits-manutd-burnley.html", "abseits", "Manchester United", "Burnley FC", event.Score{Home: 3, Away: 2},
			map[string]int{"goal ": 3, "goal own_goal": 1, "goal penalty": 1, "yellow_card ": 6, "substitution ": 8},
			[]parser.Incident{
				{Kind: "goal", Detail: "own_goal", Side: "home", Player: "J. Cullen", Clock: event.Clock{Period: "1h", Minute: 27}},
				{Kind: "goal", Detail: "penalty", Side: "home", Player: "Bruno Fernandes", Clock: event.Clock{Period: "2h", Minute: 90, Stoppage: 7}},
			}},
		{"soccer/abseits-wolves-newcastle-0-0.html", "abseits", "Wolverhampton Wanderers", "Newcastle United", event.Score{},
			map[string]int{"yellow_card ": 4, "substitution ": 6}, nil},
		{"soccer/fbref-liverpool-bournemouth.html", "fbref", "Liverpool", "Bournemouth", event.Score{Home: 4, Away: 2},
			map[string]int{"goal ": 6, "yellow_card ": 3, "substitution ": 9},
			[]parser.Incident{
				{Kind: "goal", Side: "home", Player: "Mohamed Salah", Assist: "Wataru Endo", Clock: event.Clock{Period: "2h", Minute: 90, Stoppage: 4}},
				{Kind: "substitution", Side: "away", Player: "James Hill", Off: "Adam Smith", Clock: event.Clock{Period: "2h", Minute: 90}},
			}},
		{"soccer/fbref-forest-brentford.html", "fbref", "Nottingham Forest", "Brentford", event.Score{Home: 3, Away: 1},
			map[string]int{"goal ": 3, "goal penalty": 1, "yellow_card ": 3, "substitution ": 7},
			[]parser.Incident{{Kind: "goal", Side: "home", Player: "Chris Wood", Assist: "Elliot Anderson", Clock: event.Clock{Period: "1h", Minute: 45, Stoppage: 2}}}},
		{"hockey/hockeyref-ari-van-20200304.html", "hockey-reference", "Vancouver Canucks", "Arizona Coyotes", event.Score{Home: 2, Away: 4},
			map[string]int{"goal ": 3, "goal power_play": 2, "goal empty_net": 1,
				"penalty Tripping": 2, "penalty Delay of Game": 1, "penalty Hooking": 2, "penalty Roughing": 1},
			[]parser.Incident{{Kind: "goal", Detail: "power_play", Side: "home", Player: "Tyler Toffoli", Assist: "J.T. Miller, Quinn Hughes", Clock: event.Clock{Period: "p3", Elapsed: 199}}}},
	} {
		t.Run(filepath.Base(tc.file), func(t *testing.T) {
			body, err := os.ReadFile(filepath.Join(dir, tc.file))
			if err != nil {
				t.Fatal(err)
			}
			all, problems, err := lib[tc.profile].Extract(parser.Page{Body: body})
			if err != nil || len(all) != 1 {
				t.Fatalf("%d observations, %v", len(all), err)
			}
			for _, p := range problems {
				t.Errorf("problem: %v", p)
			}
			o := all[0]
			if o.Match.Home != tc.home || o.Match.Away != tc.away || o.Score == nil || *o.Score != tc.score ||
				o.Match.Status != event.Final || o.Match.ID == "" || o.Match.Start.IsZero() || o.League == "" {
				t.Errorf("match %+v league %q score %v", o.Match, o.League, o.Score)
			}
			kinds := map[string]int{}
			for _, in := range o.Incidents {
				kinds[string(in.Kind)+" "+in.Detail]++
				if in.Side == "" || in.Player == "" || in.Clock.Period == "" || in.Clock.String() == "" || in.Path == "" ||
					(in.Kind == event.Substitution) != (in.Off != "") {
					t.Errorf("incomplete: %+v", in)
				}
			}
			if fmt.Sprint(kinds) != fmt.Sprint(tc.kinds) {
				t.Errorf("incidents %v, want %v", kinds, tc.kinds)
			}
			for _, want := range tc.some {
				if !has(o.Incidents, want) {
					t.Errorf("missing %+v", want)
				}
			}
		})
	}
}

func has(all []parser.Incident, want parser.Incident) bool {
	for _, in := range all {
		in.Path = ""
		if in == want {
			return true
		}
	}
	return false
}

// A page that declares no charset is UTF-8 if it can be, wherever the first
// letter beyond ASCII stands.
func TestCharset(t *testing.T) {
	pad := "<!--" + string(bytes.Repeat([]byte("x"), 2000)) + "-->"
	for _, tc := range []struct{ contentType, head, name string }{
		{"", "", "Rond\u00f3n"},
		{"text/html", `<meta charset="utf-8">`, "Rond\u00f3n"},
		{"text/html; charset=iso-8859-1", "", "Rond\xf3n"},
		{"", `<meta charset="windows-1252">`, "Rond\xf3n"},
		{"", "", "Rond\xf3n"}, // declares nothing, and is not UTF-8
	} {
		p, err := parser.LoadProfile("small.yaml", []byte(smallProfile))
		if err != nil {
			t.Fatal(err)
		}
		page := "<html><head>" + tc.head + "</head><body>" + pad + "<p class=home>" + tc.name + "</p><p class=away>B</p></body></html>"
		all, _, err := p.Extract(parser.Page{ContentType: tc.contentType, Body: []byte(page)})
		if err != nil || all[0].Match.Home != "Rond\u00f3n" {
			t.Errorf("%+v: %v %v", tc, all, err)
		}
	}
}
