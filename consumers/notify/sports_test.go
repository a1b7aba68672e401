package notify_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/event"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// A sample is an incident of the home team. testdata/sports.txt contains the texts about it.
type sample struct {
	kind, detail string
	points       int
	player       string
}

// A sportSample holds the samples of a sport. All samples are from one match between home and away.
type sportSample struct {
	sport      event.Sport
	home, away string
	score      event.Score
	clock      event.Clock
	decisions  []string
	samples    []sample
}

var sportSamples = []sportSample{
	{event.Soccer, "Toronto FC", "Seattle Sounders", event.Score{Home: 1}, event.SoccerMinute("", 45, 2),
		[]string{"extra_time", "shootout"}, []sample{
			{"goal", "", 0, "Giovinco"}, {"goal", "penalty", 0, "Giovinco"}, {"goal", "own_goal", 0, "Marshall"},
			{"yellow_card", "", 0, "Bradley"}, {"red_card", "second_yellow", 0, "Bradley"}, {"substitution", "", 0, "Osorio"},
			{"penalty_awarded", "", 0, "Altidore"}, {"penalty_missed", "saved", 0, "Altidore"},
			{"var_review", "goal_disallowed", 0, ""}, {"added_time", "4", 0, ""}, {"shootout_kick", "scored", 0, "Morrow"},
			{"shootout_kick", "missed", 0, "Morrow"},
		}},
	{event.Basketball, "Warriors", "Cavaliers", event.Score{Home: 88, Away: 89}, event.Clock{Period: "q4", Elapsed: 580},
		[]string{"extra_time"}, []sample{
			{"basket", "", 0, "Curry"}, {"basket", "", 1, "Curry"}, {"basket", "", 2, "Curry"}, {"basket", "", 3, "Curry"},
			{"basket", "free_throw", 1, "Curry"}, {"basket", "jump_shot", 3, "Curry"}, {"basket", "dunk", 2, "Green"},
			{"basket", "layup", 2, "Green"}, {"basket", "hook", 2, "Green"}, {"timeout", "", 0, ""}, {"timeout", "short", 0, ""},
			{"timeout", "regular", 0, ""}, {"ejection", "", 0, "Green"}, {"challenge", "unsuccessful", 0, "Kerr"},
		}},
	{event.AmericanFootball, "Steelers", "Titans", event.Score{Home: 13, Away: 10},
		event.Clock{Period: "ot1", Elapsed: 272}, []string{"extra_time"}, []sample{
			{"touchdown", "pass", 6, "Holmes"}, {"touchdown", "run", 6, "Parker"},
			{"touchdown", "interception_return", 6, "Harrison"},
			{"extra_point", "", 1, "Reed"}, {"extra_point", "missed", 0, "Reed"}, {"extra_point", "blocked", 0, "Reed"},
			{"two_point", "rush", 2, "Parker"}, {"two_point", "failed", 0, ""}, {"field_goal", "", 3, "Reed"},
			{"field_goal", "missed", 0, "Reed"}, {"field_goal", "blocked", 0, "Reed"}, {"safety", "", 2, "Allen"},
			{"safety", "", 1, ""}, {"turnover", "interception", 0, "Roethlisberger"}, {"turnover", "fumble", 0, "Parker"},
			{"turnover", "downs", 0, ""}, {"review", "reversed", 0, ""},
		}},
	{event.IceHockey, "Kings", "Sharks", event.Score{Home: 2, Away: 2}, event.Clock{Period: "p2", Elapsed: 432},
		[]string{"extra_time", "shootout"}, []sample{
			{"goal", "", 0, "Kopitar"}, {"goal", "power_play", 0, "Kopitar"}, {"goal", "short_handed", 0, "Kopitar"},
			{"goal", "empty_net", 0, "Kopitar"}, {"goal", "penalty_shot", 0, "Kopitar"},
			{"penalty", "tripping, 2 min", 0, "Doughty"}, {"penalty", "High-sticking", 0, "Doughty"},
			{"penalty", "Hooking", 0, "Doughty"}, {"penalty", "Tripping, 2 min", 0, "Doughty"},
			{"penalty", "too_many_men", 0, ""}, {"shootout_attempt", "scored", 0, "Kopitar"},
			{"shootout_attempt", "missed", 0, "Kopitar"}, {"shootout_attempt", "saved", 0, "Kopitar"},
			{"challenge", "goal_interference", 0, ""},
		}},
	{event.Baseball, "Cubs", "Indians", event.Score{Home: 5, Away: 6}, event.Clock{Period: "i10", Half: event.Bottom},
		[]string{"extra_time"}, []sample{
			{"run", "", 0, "Báez"}, {"run", "sacrifice_fly", 1, "Báez"}, {"run", "double", 2, "Báez"},
			{"home_run", "", 0, "Bryant"},
			{"home_run", "", 1, "Bryant"}, {"home_run", "", 3, "Bryant"}, {"home_run", "", 4, "Bryant"},
			{"pitching_change", "", 0, "Chapman"}, {"review", "overturned", 0, ""},
		}},
	{event.Cricket, "England", "Australia", event.Score{Home: 245, Away: 180}, event.Clock{Period: "inn2", Balls: 87},
		[]string{"extra_time"}, []sample{
			{"wicket", "c Smith b Jones 43 (52)", 0, "Root"}, {"wicket", "lbw", 0, "Root"}, {"wicket", "", 0, ""},
			{"boundary", "four", 0, "Root"}, {"boundary", "six", 0, "Stokes"}, {"boundary", "", 4, "Root"},
			{"milestone", "50", 0, "Root"}, {"milestone", "100", 0, "Root"}, {"milestone", "150", 0, "Root"},
			{"milestone", "5_wickets", 0, "Anderson"}, {"over_end", "7", 0, "Lyon"}, {"over_end", "0", 0, "Lyon"},
			{"over_end", "1", 0, ""}, {"review", "struck_down_umpires_call", 0, "Root"}, {"review", "upheld", 0, "Root"},
		}},
	{event.Tennis, "Djokovic", "Nadal", event.Score{Home: 4, Away: 2}, event.Clock{Period: "s1"},
		[]string{"retirement", "walkover"}, []sample{
			{"break", "", 1, ""}, {"game", "break", 1, ""}, {"game", "hold", 1, ""}, {"game", "tiebreak", 1, ""},
			{"set", "", 1, ""},
			{"set", "tiebreak", 1, ""},
		}},
	{event.Rugby, "Wales", "Ireland", event.Score{Home: 7}, event.Rugby.AtMinute("2h", 64, 0),
		[]string{"extra_time"}, []sample{
			{"try", "", 5, "North"}, {"try", "", 7, ""}, {"try", "penalty_try", 7, ""}, {"conversion", "", 2, "Biggar"},
			{"conversion", "missed", 0, "Biggar"}, {"penalty_goal", "", 3, "Biggar"}, {"penalty_goal", "missed", 0, "Biggar"},
			{"drop_goal", "", 3, "Biggar"}, {"drop_goal", "missed", 0, "Biggar"}, {"yellow_card", "", 0, "Moriarty"},
			{"yellow_card", "bunker", 0, "Moriarty"}, {"red_card", "", 0, "Moriarty"}, {"red_card", "bunker", 0, "Moriarty"},
			{"red_card", "20_minute", 0, "Moriarty"}, {"substitution", "", 0, "Patchell"}, {"tmo_review", "no_try", 0, ""},
		}},
}

// event returns a sample as an event.
func (s *sportSample) event(t *testing.T, one sample, action event.Action) event.Event {
	t.Helper()
	d := event.Data{League: "League", Kind: event.Kind(one.kind), Action: action, Detail: one.detail, Points: one.points,
		Player: one.player, Side: event.Home, Team: s.home, Opponent: s.away, Score: &s.score, Clock: &s.clock,
		Match: &event.Match{ID: "m", Home: s.home, Away: s.away, Status: event.Live}}
	switch one.kind {
	case "substitution", "pitching_change":
		d.Off = "Smith"
	case "added_time", "over_end":
		d.Side, d.Team, d.Opponent = "", "", ""
	case "match_end":
		d.Side, d.Team, d.Opponent, d.Clock, d.Winner, d.Detail = "", "", "", nil, "home", ""
		d.DecidedBy = event.Decision(one.detail)
	case "status_change":
		d.Side, d.Team, d.Opponent, d.Match.Status = "", "", "", event.Break
	case "score_change":
		d.Side, d.Team, d.Opponent = "", "", ""
	case "match_start", "period_end":
		d.Side, d.Team, d.Opponent, d.Clock = "", "", "", &event.Clock{Period: s.clock.Period}
	}
	if action == event.Corrected {
		d.Changes = map[string]event.Change{"time": {Old: "6'", New: "7'"}}
		if one.player != "" {
			d.Changes["player"] = event.Change{Old: "Smith", New: one.player}
		}
	}
	e, err := event.Of(event.Key(s.sport, "league", d.Kind.Word(action)), d, time.Unix(1478476221, 0))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// testdata/sports.txt has the texts for every kind of every sport, in each language.
func TestTextsOfSports(t *testing.T) {
	got := &strings.Builder{}
	add := func(s *sportSample, one sample, action event.Action) {
		fmt.Fprintf(got, "\n%s", event.Kind(one.kind).Word(action))
		if one.detail != "" {
			fmt.Fprintf(got, ", %s", one.detail)
		}
		if one.points > 0 {
			fmt.Fprintf(got, ", %d", one.points)
		}
		got.WriteString("\n")
		for _, language := range []string{"en", "de", "es", "fr"} {
			fmt.Fprintf(got, "  %s  %s\n", language, notify.Describe(t, "", language, s.event(t, one, action)))
		}
	}
	for i := range sportSamples {
		s := &sportSamples[i]
		fmt.Fprintf(got, "\n=== %s\n", s.sport)
		add(s, sample{kind: "match_start"}, event.New)
		add(s, sample{kind: "period_end"}, event.New)
		add(s, sample{kind: "status_change"}, event.New)
		add(s, sample{kind: "score_change"}, event.New)
		for _, one := range s.samples {
			add(s, one, event.New)
		}
		add(s, sample{kind: "match_end"}, event.New)
		for _, decision := range s.decisions {
			add(s, sample{kind: "match_end", detail: decision}, event.New)
		}
		first := slices.IndexFunc(s.samples, func(one sample) bool { return one.player != "" || s.sport == event.Tennis })
		for _, one := range []sample{s.samples[first], s.samples[len(s.samples)/2]} {
			add(s, one, event.Corrected)
			add(s, one, event.Retracted)
		}
		for _, k := range s.sport.Rules().Kinds {
			if !slices.ContainsFunc(s.samples, func(one sample) bool { return one.kind == string(k) }) {
				t.Errorf("%s: want a sample of the kind %s", s.sport, k)
			}
		}
	}
	file := filepath.Join("testdata", "sports.txt")
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	wantLines, gotLines := strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")
	for i := range min(len(wantLines), len(gotLines)) {
		if gotLines[i] != wantLines[i] {
			t.Fatalf("%s line %d:\ngot  %s\nwant %s", file, i+1, gotLines[i], wantLines[i])
		}
	}
	if len(wantLines) != len(gotLines) {
		t.Errorf("got %d lines, want %d as in %s", len(gotLines), len(wantLines), file)
	}
}

// Each language names the same kinds and details. English needs no name for a kind or detail whose
// identifier is already the English word.
func TestLanguagesHaveTheSameNames(t *testing.T) {
	de := notify.NameKeys("de")
	for _, language := range []string{"es", "fr", "en"} {
		keys := notify.NameKeys(language)
		for _, key := range keys {
			qualified := strings.Contains(strings.SplitN(key, " ", 2)[1], ".")
			if !slices.Contains(de, key) && !(qualified && strings.HasPrefix(key, "details ")) {
				t.Errorf("languages/%s.yaml has a name for %s, but languages/de.yaml has none", language, key)
			}
		}
		for _, key := range de {
			if language != "en" && !slices.Contains(keys, key) && !strings.Contains(key, ".extra_time") &&
				!strings.Contains(key, ".shootout") {
				t.Errorf("languages/de.yaml has a name for %s, but languages/%s.yaml has none", key, language)
			}
		}
	}
}
