package profile_test

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/reconcile"
	"github.com/matchwire/matchwire/profiles"
)

var loadShipped = sync.OnceValues(func() (profile.Library, error) { return profile.LoadLibrary(profiles.FS) })

// shipped returns the profiles that matchwire ships.
func shipped(t *testing.T) profile.Library {
	t.Helper()
	lib, err := loadShipped()
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

// sample returns a sample page of a shipped profile.
func sample(t *testing.T, file string) string {
	t.Helper()
	body, err := fs.ReadFile(profiles.FS, file)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// sampleFiles returns the paths of all sample pages of shipped profiles.
func sampleFiles(t *testing.T) []string {
	t.Helper()
	files, err := fs.Glob(profiles.FS, "*/*")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, ".expect.json") })
}

// extract returns the observations and problems that a shipped profile extracts from a page.
func extract(t *testing.T, name, body string) ([]observation.Observation, []observation.Problem, error) {
	t.Helper()
	return shipped(t)[name].Extract(t.Context(), page.Page{Body: []byte(body)})
}

// Every shipped profile names its hosts, its languages, its version and the last day when it worked. Each of its
// layouts has a sample page with an expected result.
func TestShippedProfiles(t *testing.T) {
	t.Parallel()
	layouts := map[string]int{} // number of sample pages by "profile layout"
	for _, file := range sampleFiles(t) {
		name := path.Dir(file)
		d, err := shipped(t)[name].Parse(t.Context(), page.Page{Body: []byte(sample(t, file))})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		layouts[name+" "+d.Layout()]++
		if _, err := fs.Stat(profiles.FS, file+".expect.json"); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for name, p := range shipped(t) {
		if len(p.Hosts) == 0 || len(p.Languages) == 0 || p.Version == 0 || p.Seen.IsZero() || len(p.Layouts) == 0 {
			t.Errorf("profile %s: hosts %v, languages %v, version %d, seen %v, %d layouts, want all of them set",
				name, p.Hosts, p.Languages, p.Version, p.Seen, len(p.Layouts))
		}
		for i := range p.Layouts {
			if l := p.Layouts[i].Name; layouts[name+" "+l] == 0 {
				t.Errorf("profile %s: layout %s has no sample page, want one", name, l)
			}
		}
	}
}

// No shipped profile accepts a sample page of another profile, although the pages do not name the
// host of a real site.
func TestShippedProfilesRefuseForeignPages(t *testing.T) {
	t.Parallel()
	for _, file := range sampleFiles(t) {
		for name, p := range shipped(t) {
			all, _, err := p.Extract(t.Context(), page.Page{Body: []byte(sample(t, file))})
			if foreign := name != path.Dir(file); foreign != (err != nil) {
				t.Errorf("profile %s on %s: %d observations, error %v, want an error: %t", name, file, len(all), err, foreign)
			}
		}
	}
}

// A page of another sport in the same markup is refused. Some of these pages name their own
// address. The others only have markup that the sport of the profile does not have.
func TestCaseOtherSportInTheSameMarkup(t *testing.T) {
	t.Parallel()
	box := sample(t, "hockey-reference/overtime.html")
	basketball := strings.NewReplacer(`id="scoring"`, `id="line_score"`, `id="penalty"`, `id="four_factors"`).Replace(box)
	gamePackage := sample(t, "espn-baseball/top.html")
	inSection := func(sport string) string { // without a sport in the ID
		page := regexp.MustCompile(` id="matchup-mlb-[^"]*"`).ReplaceAllString(gamePackage, "")
		return strings.Replace(page, "/mlb/", "/"+sport+"/", 1)
	}
	if got := firstMatch(t, "espn-baseball", inSection("mlb")); !strings.HasPrefix(got, "live i6 0-1") {
		t.Errorf("a baseball game without a sport in the ID: %s, want live i6 0-1", got)
	}
	list := sample(t, "flashscore-mobi/cup.html")
	scores := sample(t, "bbc-scores/cup.html")
	feed := sample(t, "espn-scoreboard/cup.json")
	for _, tc := range []struct{ name, profile, body, want string }{
		{"a basketball box score", "hockey-reference", basketball,
			"none of the layouts that profile hockey-reference knows: box-score"},
		{"a box score that gives its address", "hockey-reference",
			strings.Replace(box, "hockey-reference.example", "www.basketball-reference.com", 1),
			"the page's own address is https://www.basketball-reference.com/boxscores/202602140NOR.html: " +
				"profile hockey-reference reads only pages of hockey-reference.com"},
		{"a box score as a match report", "fbref", basketball,
			"none of the layouts that profile fbref knows: team-ids"},
		{"a basketball game", "espn-baseball", strings.Replace(gamePackage, "matchup-mlb", "matchup-nba", 1),
			"game-package: if"},
		{"a hockey game without a sport in the ID", "espn-baseball", inSection("nhl"), "game-package: if"},
		{"a college game without a sport in the ID", "espn-baseball", inSection("college-baseball"), "game-package: if"},
		{"a football game without a sport in the ID", "espn-baseball", inSection("nfl"), "game-package: if"},
		{"a list of hockey matches", "flashscore-mobi", strings.Replace(list, `class="soccer"`, `class="hockey"`, 1),
			"score-data: if"},
		{"a list of rugby matches", "bbc-scores", strings.Replace(scores, "%3Afootball", "%3Arugby-union", 1),
			"initial-data: root"},
		{"a feed of basketball games", "espn-scoreboard", strings.Replace(feed, "s:600", "s:40", 1), "site-api: if"},
	} {
		_, _, err := extract(t, tc.profile, tc.body)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %s", tc.name, err, tc.want)
		}
	}
}

// firstMatch describes the state and score of the first match on a page: "live i6 0-1".
func firstMatch(t *testing.T, name, body string) string {
	t.Helper()
	all, problems, err := extract(t, name, body)
	if err != nil {
		return "refused: " + err.Error()
	}
	o := all[0]
	words := []string{string(o.Match.Status), string(o.Match.Period), o.Match.Clock.String()}
	if o.Score != nil {
		words = append(words, o.Score.String())
	}
	if o.Shootout != nil {
		words = append(words, "("+o.Shootout.String()+")")
	}
	if o.Winner != "" {
		words = append(words, string(o.Winner)+" won")
	}
	for _, p := range problems {
		words = append(words, p.String())
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

// eachLine calls f with the two parts of each line of a table: "Top of 6th | live i6".
func eachLine(t *testing.T, table string, f func(text, want string)) {
	t.Helper()
	for line := range strings.Lines(strings.TrimSpace(table)) {
		text, want, ok := strings.Cut(line, "|")
		if !ok {
			t.Fatalf("the line %q has no |", line)
		}
		f(strings.TrimSpace(text), strings.TrimSpace(want))
	}
}

// The usual texts for the state of a baseball game are recognized. An unknown text is a problem.
func TestCaseStatesOfBaseballGames(t *testing.T) {
	t.Parallel()
	game := sample(t, "espn-baseball/top.html")
	eachLine(t, `
		Top of 6th           | live i6
		Top 6th              | live i6
		Bot 6th              | live i6
		Bottom of the 6th    | live i6
		Mid 6th              | live i6
		Middle of 6th        | live i6
		End 6th              | live i6
		End of 6th           | live i6
		TOP 10TH             | live i10
		In Progress          | live
		10:15 PM ET          | scheduled
		7:05 PM              | scheduled
		TBD                  | scheduled
		Warmup               | scheduled
		Final                | final
		Completed Early      | final
		Completed Early, 6th | final
		Game Over            | final
		Final/11             | final i11
		Final - 11 Innings   | final i11
		F/10                 | final i10
		Postponed            | postponed
		PPD                  | postponed
		Canceled             | cancelled
		Suspended            | suspended
		Suspended: Top 7th   | suspended
		Rain Delay           | delayed
		Delayed              | delayed
		Rain Delay - Bot 4th | interrupted i4
		Top 5th, Delayed     | interrupted i5
		Forfeit              | awarded`, func(text, want string) {
		if got := firstMatch(t, "espn-baseball", strings.Replace(game, "Top of 6th ", text, 1)); got != want+" 0-1" {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	})
	ended := strings.NewReplacer("Top of 6th ", "Tea", "status-live", "status-final").Replace(game)
	if got := firstMatch(t, "espn-baseball", ended); got != "final 0-1" {
		t.Errorf("an unknown word of a game that is over: %s, want final 0-1", got)
	}
	unknown := strings.NewReplacer("Top of 6th ", "Tea", "status-live", "status-x").Replace(game)
	if got := firstMatch(t, "espn-baseball", unknown); !strings.Contains(got, `"Tea" does not match`) {
		t.Errorf("an unknown word: %s, want a problem with the word", got)
	}
}

// A dash or a colon can separate the numbers of a score. The extra goal for the winner of a shoot-out
// does not count.
func TestCaseScoresOfFlatLists(t *testing.T) {
	t.Parallel()
	eachLine(t, `
		1-0            | final 1-0
		1:0            | final 1-0
		10:11          | final 10-11
		1 : 0          | final 1-0
		1–0            | final 1-0
		1&nbsp;–&nbsp;0 | final 1-0
		3:0awd         | awarded 3-0
		1:0aet         | final et2 1-0
		1 – 0 aet      | final et2 1-0
		3 : 2 pen      | final so 2-2 home won
		1–1 (Pen: 3–4) | final so 1-1 (3-4)
		1-0aet         | final et2 1-0
		3:2pen         | final so 2-2 home won
		2-3pen         | final so 2-2 away won
		10:9pen        | final so 9-9 home won
		1:0pen         | final so 0-0 home won
		1:1 (Pen: 3:4) | final so 1-1 (3-4)
		1-1 (Pen: 3-4) | final so 1-1 (3-4)`, func(text, want string) {
		body := `<div id="score-data"><h4>L</h4><span>15:00</span>A - B ` +
			`<a href="/match/a1/" class="fin">` + text + `</a><br></div>`
		if got := firstMatch(t, "flashscore-mobi", body); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	})
}

// A plus without a minute means stoppage time.
func TestCaseClocksOfFlatLists(t *testing.T) {
	t.Parallel()
	eachLine(t, `
		24'       | live 1h 24' 1-0
		45+       | live 1h 45+1' 1-0
		45+'      | live 1h 45+1' 1-0
		45+2'     | live 1h 45+2' 1-0
		90+       | live 2h 90+1' 1-0
		Half Time | break ht 1-0`, func(text, want string) {
		body := `<div id="score-data"><h4>L</h4><span class="live">` + text + `</span>A - B ` +
			`<a href="/match/a1/" class="live">1 : 0</a><br></div>`
		if got := firstMatch(t, "flashscore-mobi", body); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	})
}

// The profile abseits finds the status and the period of a match in the text below the score. If the
// text is unknown, the class of the scoreboard shows that the match ended.
func TestCaseResultsOfGermanPages(t *testing.T) {
	t.Parallel()
	over := strings.NewReplacer("match-status__0", "match-status__1", `-number">-<`, `-number">1<`).
		Replace(sample(t, "abseits/postponed.html"))
	eachLine(t, `
		Endergebnis                  | final 1-1
		Endstand                     | final 1-1
		n.V.                         | final et2 1-1
		Nach Verlängerung            | final et2 1-1
		AET                          | final et2 1-1
		Elfmeterschießen 4-3         | final so 1-1 (4-3)
		i.E. 4:3                     | final so 1-1 (4-3)
		Penalties 4-3                | final so 1-1 (4-3)
		Verschoben                   | postponed 1-1
		Abgesagt                     | cancelled 1-1
		Abgebrochen                  | abandoned 1-1
		Spielabbruch                 | abandoned 1-1
		Unterbrochen                 | interrupted 1-1
		Wertung am grünen Tisch      | awarded 1-1
		Halbzeit                     | break ht 1-1
		2. Halbzeit                  | live 2h 1-1
		Ein anderes Wort             | final 1-1`, func(text, want string) {
		got, _, _ := strings.Cut(firstMatch(t, "abseits", strings.Replace(over, "Verschoben", text, 1)), " incidents:")
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	})
	running := strings.Replace(over, "match-status__1", "", 1)
	eachLine(t, `
		Live                         | live 1-1
		LIVE 67'                     | live 1-1
		1. HALBZEIT                  | live 1h 1-1
		2. Hälfte                    | live 2h 1-1
		HALBZEIT                     | break ht 1-1
		Halbzeitpause                | break ht 1-1
		Verlängerung                 | live et1 1-1
		VERLÄNGERUNG                 | live et1 1-1
		1. Halbzeit der Verlängerung | live et1 1-1
		2. Hälfte der Verlängerung   | live et2 1-1
		Halbzeit der Verlängerung    | break et_ht 1-1
		Nach Verlängerung            | final et2 1-1
		Elfmeterschießen läuft       | live so 1-1
		Elfmeterschießen läuft (2-1) | live so 1-1 (2-1)
		Elfmeterschießen             | live so 1-1
		Nach Elfmeterschießen        | final so 1-1`, func(text, want string) {
		got, _, _ := strings.Cut(firstMatch(t, "abseits", strings.Replace(running, "Verschoben", text, 1)), " incidents:")
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	})
}

// The words for the kind of an incident on German pages differ in case, dashes and arrows. An
// unknown word is a problem.
func TestCaseKindsOnGermanPages(t *testing.T) {
	t.Parallel()
	scoreboard := strings.Replace(sample(t, "abseits/postponed.html"), "match-status__0", "match-status__1", 1)
	eachLine(t, `
		Tor                    | goal
		Eigentor               | goal own_goal
		Elfmetertor            | goal penalty
		Elfmeter-Tor           | goal penalty
		Tor (Elfmeter)         | goal penalty
		Elfmeter verschossen   | penalty_missed
		Vergebener Elfmeter    | penalty_missed
		Gelbe Karte            | yellow_card
		Rote Karte             | red_card
		Gelb-rote Karte        | red_card second_yellow
		GELB-ROTE KARTE        | red_card second_yellow
		Gelb/Rote Karte        | red_card second_yellow
		Gelbrote Karte         | red_card second_yellow
		Gelb-Rot               | red_card second_yellow
		2. Gelbe Karte         | red_card second_yellow
		Zweite Gelbe Karte     | red_card second_yellow
		2. Gelbe > Rote Karte  | red_card second_yellow
		2. Gelbe → Rote Karte  | red_card second_yellow
		2nd Yellow > Red Card  | red_card second_yellow
		Ausgewechselt          | substitution
		Auswechslung           | substitution
		Torwart verletzt       | "Torwart verletzt" is not in the map`, func(text, want string) {
		row := `<div class="match__event-row"><div><div class="match__event-player"><span class="match__event-type">` +
			text + `</span><span class="match__event-player-name">A</span></div></div>` +
			`<div class="match__event-minute">12'</div><div></div></div></body>`
		all, problems, err := extract(t, "abseits", strings.Replace(scoreboard, "</body>", row, 1))
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(problems)
		if len(all[0].Incidents) == 1 {
			got = strings.TrimSpace(string(all[0].Incidents[0].Kind) + " " + all[0].Incidents[0].Detail)
		}
		if !strings.Contains(got, want) || len(all[0].Incidents) == 1 && got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	})
}

// The score of a cricket match contains the runs of each side in its latest innings. A side that has
// not batted has 0.
func TestCaseInningsOfCricket(t *testing.T) {
	t.Parallel()
	innings := sample(t, "cricinfo/test-result.html")
	eachLine(t, `
		"428/6d & 120/3d" | final inn4 120-110
		"428/6d"          | final inn3 428-110
		"428"             | final inn3 428-110
		"12/1"            | final inn3 12-110
		"428 & 33/2 (f/o)"| final inn4 33-110
		null              | final inn2 0-110
		""                | final inn2 0-110`, func(text, want string) {
		if got := firstMatch(t, "cricinfo", strings.Replace(innings, `"428/6d & 120/3d"`, text, 1)); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	})
}

// The profile bbc-scores derives the status and the period of a match from its status and its label
// on the page.
func TestCaseLabelsOfBBCScores(t *testing.T) {
	t.Parallel()
	const page = `<script>window.__INITIAL_DATA__={"data":{"sport-data-scores-fixtures?x":{"data":{"eventGroups":[` +
		`{"displayLabel":"L","secondaryGroups":[{"events":[{"id":"s-1","startDateTime":"2026-11-28T15:00:00Z",` +
		`"status":"%s","periodLabel":{"value":"%s"},` +
		`"home":{"fullName":"A","score":"0","runningScores":{"penaltyShootout":"4"}},` +
		`"away":{"fullName":"B","score":"0","runningScores":{"penaltyShootout":"3"}}}]}]}]}}}}</script>`
	eachLine(t, `
		PostEvent PENS           | ended so
		PostEvent AET            | ended et2
		PostEvent FT             | ended
		PostEvent Agg 3-2        | ended
		PostEvent A win 4-3 on penalties | ended so
		PostEvent Pens           | ended so
		PostEvent A win after extra time | ended et2
		MidEvent FT              | break 2h
		MidEvent AET             | break et2
		MidEvent Penalties       | live so
		MidEvent PENS            | live so
		MidEvent 92' ET          | live et1 92'
		MidEvent 105' ET         | live et1 105'
		MidEvent 105'+2 ET       | live et1 105+2'
		MidEvent 106' ET         | live et2 106'
		MidEvent ET 118'         | live et2 118'
		MidEvent ET              | live
		MidEvent ETHT            | break et_ht
		MidEvent HT              | break ht
		MidEvent 45'+2'          | live 1h 45+2'
		MidEvent 90+3'           | live 2h 90+3'
		MidEvent In Play         | live
		MidEvent Match Abandoned | abandoned
		PreEvent Match Postponed | postponed
		Postponed P              | postponed
		Suspended Suspended      | suspended
		PreEvent 15:00           | scheduled`, func(text, want string) {
		status, label, _ := strings.Cut(text, " ")
		if got := firstMatch(t, "bbc-scores", fmt.Sprintf(page, status, label)); got != want+" 0-0 (4-3)" {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	})
}

// The profile flashscore-mobi finds the number of a team's red cards in the class of the image after
// the team's name. Each card is one event, and the image is the evidence of the event.
func TestCaseRedCardImages(t *testing.T) {
	t.Parallel()
	lib := shipped(t)
	const list = `<div id="score-data"><h4>L</h4>` +
		`<span class="live">80'</span>%s <a href="/match/a1/" class="live">1:0</a><br>` +
		`<span class="live">9'</span>C - D <a href="/match/a2/" class="live">0:0</a><br></div>`
	for teams, want := range map[string]string{
		`A - B`:                                           "",
		`A<img class="rcard-1"> - B`:                      "home",
		`A - B<img class="rcard-1">`:                      "away",
		`A<img class="rcard-2"> - B`:                      "home home",
		`A - X-Y<img class="rcard-3">`:                    "away away away",
		`X-Y<img class="rcard-1"> - X-Z`:                  "home",
		`A<img class="rcard-2"> - B<img class="rcard-1">`: "home away home",
	} {
		d, err := lib["flashscore-mobi"].Parse(t.Context(), page.Page{Body: []byte(fmt.Sprintf(list, teams))})
		if err != nil {
			t.Fatal(err)
		}
		all, problems, err := d.Observations(t.Context())
		if err != nil || len(problems) > 0 || len(all) != 2 || len(all[1].Incidents) > 0 {
			t.Fatalf("%s: observations %v, problems %v, error %v, want two matches", teams, all, problems, err)
		}
		var sides []string
		for _, in := range all[0].Incidents {
			sides = append(sides, string(in.Side))
			if quote := d.Quote(t.Context(), in.Path); !strings.Contains(quote, "rcard-") {
				t.Errorf("%s: the quote at %s is %q, want the image", teams, in.Path, quote)
			}
		}
		if got := strings.Join(sides, " "); got != want {
			t.Errorf("%s: red cards of %s, want %s", teams, got, want)
		}
		state, events, err := reconcile.Match(reconcile.State{Epoch: "e"}, all[0], parsertest.Provenance(parsertest.Noon))
		if err != nil {
			t.Fatal(err)
		}
		cards := 0
		for _, e := range events {
			if e.Data.Kind == event.RedCard {
				cards++
			}
		}
		if cards != len(sides) {
			t.Errorf("%s: %d red card events, want %d", teams, cards, len(sides))
		}
		_, again, err := reconcile.Match(state, all[0], parsertest.Provenance(parsertest.Noon))
		if err != nil || len(again) > 0 {
			t.Errorf("%s, the same page again: events %v, error %v, want none", teams, again, err)
		}
	}
}
