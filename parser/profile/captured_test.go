package profile_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// A profile extracts from a captured page of a real site exactly the incidents that a person counts
// on the page.
func TestCapturedPages(t *testing.T) {
	t.Parallel()
	dir := testenv.Needs(t, testenv.Pages("../.."), "MATCHWIRE_PAGES")
	for _, tc := range []struct {
		file, profile string
		home, away    string
		score         event.Score
		kinds         map[string]int         // number of incidents by "kind detail"
		sample        []observation.Incident // some of the incidents
	}{
		{"soccer/abseits-sunderland-bournemouth.html", "abseits", "AFC Sunderland", "AFC Bournemouth",
			event.Score{Home: 3, Away: 2},
			map[string]int{"goal ": 4, "goal penalty": 1, "yellow_card ": 9, "red_card ": 1, "substitution ": 9},
			[]observation.Incident{
				{Kind: "goal", Detail: "penalty", Side: "home", Player: "E. Le Fée", Clock: event.Clock{Period: "1h", Minute: 30}},
				{Kind: "goal", Side: "home", Player: "B. Traoré", Assist: "G. Xhaka", Clock: event.Clock{Period: "2h", Minute: 46}},
				{Kind: "red_card", Side: "away", Player: "L. Cook", Clock: event.Clock{Period: "2h", Minute: 90, Stoppage: 6}},
				{Kind: "substitution", Side: "away", Player: "L. Cook", Off: "A. Scott",
					Clock: event.Clock{Period: "2h", Minute: 46}},
			}},
		{"soccer/abseits-manutd-burnley.html", "abseits", "Manchester United", "Burnley FC", event.Score{Home: 3, Away: 2},
			map[string]int{"goal ": 3, "goal own_goal": 1, "goal penalty": 1, "yellow_card ": 6, "substitution ": 8},
			[]observation.Incident{
				{Kind: "goal", Detail: "own_goal", Side: "home", Player: "J. Cullen", Clock: event.Clock{Period: "1h", Minute: 27}},
				{Kind: "goal", Detail: "penalty", Side: "home", Player: "Bruno Fernandes",
					Clock: event.Clock{Period: "2h", Minute: 90, Stoppage: 7}},
			}},
		{"soccer/abseits-wolves-newcastle-0-0.html", "abseits", "Wolverhampton Wanderers", "Newcastle United", event.Score{},
			map[string]int{"yellow_card ": 4, "substitution ": 6}, nil},
		{"soccer/fbref-liverpool-bournemouth.html", "fbref", "Liverpool", "Bournemouth", event.Score{Home: 4, Away: 2},
			map[string]int{"goal ": 6, "yellow_card ": 3, "substitution ": 9},
			[]observation.Incident{
				{Kind: "goal", Side: "home", Player: "Mohamed Salah", Assist: "Wataru Endo",
					Clock: event.Clock{Period: "2h", Minute: 90, Stoppage: 4}},
				{Kind: "substitution", Side: "away", Player: "James Hill", Off: "Adam Smith",
					Clock: event.Clock{Period: "2h", Minute: 90}},
			}},
		{"soccer/fbref-forest-brentford.html", "fbref", "Nottingham Forest", "Brentford", event.Score{Home: 3, Away: 1},
			map[string]int{"goal ": 3, "goal penalty": 1, "yellow_card ": 3, "substitution ": 7},
			[]observation.Incident{{Kind: "goal", Side: "home", Player: "Chris Wood", Assist: "Elliot Anderson",
				Clock: event.Clock{Period: "1h", Minute: 45, Stoppage: 2}}}},
		{"hockey/hockeyref-ari-van-20200304.html", "hockey-reference", "Vancouver Canucks", "Arizona Coyotes",
			event.Score{Home: 2, Away: 4},
			map[string]int{"goal ": 3, "goal power_play": 2, "goal empty_net": 1,
				"penalty Tripping": 2, "penalty Delay of Game": 1, "penalty Hooking": 2, "penalty Roughing": 1},
			[]observation.Incident{{Kind: "goal", Detail: "power_play", Side: "home", Player: "Tyler Toffoli",
				Assist: "J.T. Miller, Quinn Hughes", Clock: event.Clock{Period: "p3", Elapsed: 199}}}},
	} {
		t.Run(filepath.Base(tc.file), func(t *testing.T) {
			all, problems := captured(t, dir, tc.file, tc.profile)
			if len(all) != 1 {
				t.Fatalf("%d observations, want 1", len(all))
			}
			for _, p := range problems {
				t.Errorf("problem %v, want none", p)
			}
			o := all[0]
			if o.Match.Home != tc.home || o.Match.Away != tc.away || o.Score == nil || *o.Score != tc.score ||
				o.Match.Status != event.Final || o.Match.ID == "" || o.Match.Start.IsZero() || o.League == "" {
				t.Errorf("match %+v, league %q, score %v, want %s v %s, %v, final, with ID, start and league",
					o.Match, o.League, o.Score, tc.home, tc.away, tc.score)
			}
			kinds := map[string]int{}
			for _, in := range o.Incidents {
				kinds[string(in.Kind)+" "+in.Detail]++
				if in.Side == "" || in.Player == "" || in.Clock.Period == "" || in.Clock.String() == "" || in.Path == "" ||
					(in.Kind == event.Substitution) != (in.Off != "") {
					t.Errorf("incident %+v, want a side, player, clock and path, and off only for a substitution", in)
				}
			}
			if fmt.Sprint(kinds) != fmt.Sprint(tc.kinds) {
				t.Errorf("incidents %v, want %v", kinds, tc.kinds)
			}
			for _, want := range tc.sample {
				if !contains(o.Incidents, want) {
					t.Errorf("no incident %+v, want one", want)
				}
			}
		})
	}
}

// captured returns the observations and problems of a captured page.
func captured(t *testing.T, dir, file, profile string) ([]observation.Observation, []observation.Problem) {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	all, problems, err := parsertest.Library(t)[profile].Extract(t.Context(), page.Page{Body: body})
	if err != nil {
		t.Fatal(err)
	}
	return all, problems
}

// A profile extracts from a captured list of matches the matches and incidents that a person counts
// on the page. The test compares the numbers of matches by status, and of incidents by kind.
func TestCapturedLists(t *testing.T) {
	t.Parallel()
	dir := testenv.Needs(t, testenv.Pages("../.."), "MATCHWIRE_PAGES")
	for _, tc := range []struct {
		file, profile string
		statuses      map[string]int // number of matches by "status period"
		kinds         map[string]int // number of incidents by "kind detail"
		problems      int
		sample        map[string]string // summaries of some matches, by match ID
	}{
		{"soccer/bbc-scores-20260719.html", "bbc-scores",
			map[string]int{"scheduled ": 47, "cancelled ": 2, "live ": 2, "live 2h": 3, "break ht": 1, "ended ": 5},
			map[string]int{"goal ": 17, "goal penalty": 1, "red_card ": 1, "red_card second_yellow": 1},
			4, // two live matches without a score, and two matches with a score but no goals
			map[string]string{
				"bbc-s-80sd6c6ttsizw6zrr3buw9tlg": "Liga MX: Pumas UNAM 0-3 Pachuca ended; " +
					"away goal 21' E. Montiel; away goal 32' S. Rondón; away goal 80' S. Rondón",
			}},
		{"soccer/flashscore-mobi-20260719.html", "flashscore-mobi",
			map[string]int{"scheduled ": 45, "final ": 223 - 24, "final et2": 1, "final so": 1,
				"postponed ": 19, "cancelled ": 2, "interrupted ": 1,
				"live ": 7, "live 1h": 16, "live 2h": 5, "live so": 1, "break ht": 2},
			map[string]int{"red_card ": 30}, 0, // 28 images for one card, and one image for two cards
			map[string]string{
				"flashscore-b9l0F3Bj": "WORLD: World Championship - Play Offs: France 4-6 England final",
				"flashscore-G0Q9XAaf": "AUSTRALIA: NPL Northern NSW: Newcastle Olympic - Belmont Swansea Utd. postponed",
				"flashscore-tUSDOPNr": "USA: MLS Next Pro: Chattanooga 1-1 (3-4) Orlando City B final",
				"flashscore-OUZBiVuJ": "AUSTRALIA: Queensland Premier League: Capalaba 3-0 Holland Park Hawks final; " +
					"home red_card  ",
			}},
		{"soccer/espn-mls-scoreboard-20220917.json", "espn-scoreboard",
			map[string]int{"scheduled ": 5, "live 1h": 2, "live 2h": 2, "ended ": 2},
			map[string]int{"goal ": 6, "goal own_goal": 1, "yellow_card ": 17}, 0,
			map[string]string{
				"espn-623600": "MLS: Orlando City SC 3-0 Toronto FC live; home goal 9' Facundo Torres; home goal 22' Ercan Kara; " +
					"away yellow_card 32' Domenico Criscito; home yellow_card 38' Joao Moutinho; " +
					"home goal own_goal 47' Lukas MacNaughton",
			}},
	} {
		t.Run(filepath.Base(tc.file), func(t *testing.T) {
			all, problems := captured(t, dir, tc.file, tc.profile)
			if len(problems) != tc.problems {
				t.Errorf("%d problems, want %d: %v", len(problems), tc.problems, problems)
			}
			statuses, kinds, found := map[string]int{}, map[string]int{}, 0
			for _, o := range all {
				statuses[string(o.Match.Status)+" "+string(o.Match.Period)]++
				for _, in := range o.Incidents {
					kinds[string(in.Kind)+" "+in.Detail]++
				}
				if want, ok := tc.sample[o.Match.ID]; ok {
					if found++; summary(o) != want {
						t.Errorf("match %s: summary\n%s, want\n%s", o.Match.ID, summary(o), want)
					}
				}
				if err := event.CheckMatchID(o.Match.ID); err != nil || o.League == "" {
					t.Errorf("match %+v, league %q: match ID error %v, want a valid ID and a league", o.Match, o.League, err)
				}
			}
			if !maps.Equal(statuses, tc.statuses) || !maps.Equal(kinds, tc.kinds) || found != len(tc.sample) {
				t.Errorf("statuses %v, want %v; incidents %v, want %v; found %d of %d sample matches",
					statuses, tc.statuses, kinds, tc.kinds, found, len(tc.sample))
			}
		})
	}
}

// summary formats an observation as one line.
func summary(o observation.Observation) string {
	score := " - "
	if o.Score != nil {
		score = fmt.Sprintf(" %d-%d ", o.Score.Home, o.Score.Away)
	}
	if o.Shootout != nil {
		score += fmt.Sprintf("(%d-%d) ", o.Shootout.Home, o.Shootout.Away)
	}
	s := fmt.Sprintf("%s: %s%s%s %s", o.League, o.Match.Home, score, o.Match.Away, o.Match.Status)
	for _, in := range o.Incidents {
		s += fmt.Sprintf("; %s %s %s %s", in.Side, strings.TrimSpace(string(in.Kind)+" "+in.Detail), in.Clock, in.Player)
	}
	return s
}

// A profile extracts from captured cricket and baseball pages the facts that a person reads on the
// page.
func TestCapturedOtherSports(t *testing.T) {
	t.Parallel()
	dir := testenv.Needs(t, testenv.Pages("../.."), "MATCHWIRE_PAGES")
	all, problems := captured(t, dir, "cricket/cricinfo-rcb-srh-2020.html", "cricinfo")
	wickets := map[event.Side]int{}
	for _, in := range all[0].Incidents {
		if in.Kind == "wicket" && in.Player != "" && in.Clock.Balls > 0 && in.Clock.Period != "" {
			wickets[in.Side]++
		}
	}
	o := all[0]
	if len(problems) > 0 || wickets[event.Home] != 5 || wickets[event.Away] != 10 ||
		*o.Score != (event.Score{Home: 163, Away: 153}) ||
		o.Match.Home != "Royal Challengers Bangalore" || o.Match.Status != event.Final {
		t.Errorf("match %+v, score %v, wickets %v, problems %v, want a final 163-153 with 5 and 10 wickets",
			o.Match, o.Score, wickets, problems)
	}
	if first := o.Incidents[0]; first.Player != "Devdutt Padikkal" || first.Detail != "bowled" ||
		first.Clock != (event.Clock{Period: "inn1", Balls: 66}) {
		t.Errorf("first wicket %+v, want Devdutt Padikkal, bowled after 66 balls", first)
	}
	all, problems = captured(t, dir, "baseball/espn-final-col-sfg-20130408.html", "espn-baseball")
	if o := all[0]; len(problems) > 0 || summary(o) != "MLB: Giants 4-2 Rockies final" ||
		o.Match.Start.Format("2006-01-02 15:04") != "2013-04-09 02:15" {
		t.Errorf("match %s, start %v, problems %v, want Giants 4-2 Rockies at 2013-04-09 02:15",
			summary(o), o.Match.Start, problems)
	}
	if got, want := all[0].LineScore, "3 0 0 0 0 0 0 1 v 0 0 1 0 0 1 0 0 0"; got == nil || got.ByPeriod() != want {
		t.Errorf("line score %v, want %s: the Giants need not bat in the ninth inning", got, want)
	}
}

// contains reports whether all contains want. It ignores Path, List and PeriodGuessed.
func contains(all []observation.Incident, want observation.Incident) bool {
	for _, in := range all {
		in.Path, in.List, in.PeriodGuessed = "", 0, false
		if in == want {
			return true
		}
	}
	return false
}

// A page is decoded with the charset that it declares. A page that declares no charset is decoded as
// UTF-8 if its bytes are valid UTF-8, even if the first non-ASCII letter is far from the start.
// Otherwise the charset is guessed.
func TestCharset(t *testing.T) {
	t.Parallel()
	pad := "<!--" + strings.Repeat("x", 2000) + "-->"
	for _, tc := range []struct{ contentType, head, name string }{
		{"", "", "Rond\u00f3n"},
		{"text/html", `<meta charset="utf-8">`, "Rond\u00f3n"},
		{"text/html; charset=iso-8859-1", "", "Rond\xf3n"},
		{"", `<meta charset="windows-1252">`, "Rond\xf3n"},
		{"", "", "Rond\xf3n"}, // no charset, and not UTF-8
	} {
		p, err := profile.Load("small.yaml", []byte(parsertest.SmallProfile))
		if err != nil {
			t.Fatal(err)
		}
		body := "<html><head>" + tc.head + "</head><body>" + pad +
			"<p class=home>" + tc.name + "</p><p class=away>B</p></body></html>"
		header := http.Header{"Content-Type": {tc.contentType}}
		all, _, err := p.Extract(t.Context(), page.Page{Header: header, Body: []byte(body)})
		if err != nil || all[0].Match.Home != "Rond\u00f3n" {
			t.Errorf("%+v: observations %+v, error %v, want Rond\u00f3n as the home team", tc, all, err)
		}
	}
}
