package notify_test

import (
	"cmp"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/consumers/consumertest"
	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/event"
)

// goal returns a goal by Toronto FC at New York City FC. change, if not nil, changes the data of the event.
// It can set a different kind.
func goal(t testing.TB, change func(*event.Data)) event.Event {
	t.Helper()
	c := event.SoccerMinute("", 6, 0)
	const home, away = "New York City FC", "Toronto FC"
	d := event.Data{League: "MLS", Team: away, Player: "Sebastian Giovinco", Opponent: home, Side: event.Away, Clock: &c,
		Score: &event.Score{Away: 1}, Match: &event.Match{ID: "m1", Home: home, Away: away, Status: event.Live}}
	key := "soccer.mls.goal"
	if change != nil {
		change(&d)
		if d.Kind != "" {
			key = event.Key(cmp.Or(d.Sport, event.Soccer), "MLS", d.Kind.Word(d.Action))
		}
	}
	e, err := event.Of(key, d, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	e.TID = event.NewTID()
	return e
}

// Titles and bodies contain the data of each kind of event.
func TestText(t *testing.T) {
	for want, change := range map[string]func(*event.Data){
		"Goal for Toronto FC: Sebastian Giovinco (6', New York City FC 0–1 Toronto FC)": nil,
		"Goal for Toronto FC: Sebastian Giovinco, penalty (6', New York City FC 0–1 Toronto FC)": func(d *event.Data) {
			d.Detail = event.PenaltyGoal
		},
		"Goal for Toronto FC: Brillant, own goal (6', New York City FC 0–1 Toronto FC)": func(d *event.Data) {
			d.Player, d.Detail = "Brillant", event.OwnGoal
		},
		"Score change (New York City FC 0–1 Toronto FC)": func(d *event.Data) { // quarters are not innings
			d.Sport, d.Kind, d.Team, d.Player, d.Side, d.Clock = event.Basketball, event.ScoreChange, "", "", "", nil
			d.LineScore = &event.LineScore{Home: event.Line{{Runs: 0}}, Away: event.Line{{Runs: 1}}}
		},
		"Score change (New York City FC 428/6d & 120/3d, Toronto FC 245)": func(d *event.Data) {
			d.Sport, d.Kind, d.Team, d.Player, d.Side, d.Clock = event.Cricket, event.ScoreChange, "", "", "", nil
			d.LineScore = &event.LineScore{Home: event.Line{{Runs: 428, Wickets: new(6), Declared: true},
				{Runs: 120, Wickets: new(3), Declared: true}}, Away: event.Line{{Runs: 245}}}
		},
		"Goal for Toronto FC (New York City FC 0–1 Toronto FC)": func(d *event.Data) {
			d.Player, d.Clock, d.Provisional = "", nil, true
		},
		"Taken back: goal for Toronto FC: Sebastian Giovinco (6', New York City FC 0–0 Toronto FC)": func(d *event.Data) {
			d.Kind, d.Action, d.Score = event.Goal, event.Retracted, &event.Score{}
		},
		"Corrected: goal for Toronto FC: Brillant, own goal (6', New York City FC 0–1 Toronto FC; detail → own goal; " +
			"scorer Sebastian Giovinco → Brillant)": func(d *event.Data) {
			d.Kind, d.Action, d.Player, d.Detail = event.Goal, event.Corrected, "Brillant", event.OwnGoal
			d.Changes = map[string]event.Change{
				"player": {Old: "Sebastian Giovinco", New: "Brillant"}, "detail": {New: event.OwnGoal},
			}
		},
		"Red card against Toronto FC: Sebastian Giovinco, second yellow " +
			"(6', New York City FC 0–1 Toronto FC)": func(d *event.Data) {
			d.Kind, d.Detail = event.RedCard, event.SecondYellow
		},
		"Substitution for Toronto FC: Benoit Cheyrou for Jozy Altidore " +
			"(6', New York City FC 0–1 Toronto FC)": func(d *event.Data) {
			d.Kind, d.Player, d.Off = event.Substitution, "Benoit Cheyrou", "Jozy Altidore"
		},
		"Score change on penalties: 4–5 (Toronto FC 0–0 Seattle Sounders FC, 4–5 on penalties)": func(d *event.Data) {
			*d = event.Data{League: "MLS", Kind: event.ScoreChange, Score: &event.Score{},
				Shootout: &event.Score{Home: 4, Away: 5},
				Match:    &event.Match{ID: "m", Home: "Toronto FC", Away: "Seattle Sounders FC", Status: event.Live}}
		},
		"Full time (Toronto FC 0–0 Seattle Sounders FC, 4–5 on penalties)": func(d *event.Data) {
			*d = event.Data{League: "MLS", Kind: event.MatchEnd, Score: &event.Score{}, Shootout: &event.Score{Home: 4, Away: 5},
				Match: &event.Match{ID: "m", Home: "Toronto FC", Away: "Seattle Sounders FC", Status: event.Ended}}
		},
		"Full time after a shoot-out, winner: Seattle Sounders FC " +
			"(Toronto FC 0–0 Seattle Sounders FC, 4–5 on penalties)": func(d *event.Data) {
			*d = event.Data{League: "MLS", Kind: event.MatchEnd, Score: &event.Score{}, Shootout: &event.Score{Home: 4, Away: 5},
				Match:  &event.Match{ID: "m", Home: "Toronto FC", Away: "Seattle Sounders FC", Status: event.Ended},
				Winner: "away", DecidedBy: event.ByShootout}
		},
		"Full time (New York City FC 0–1 Toronto FC)": func(d *event.Data) {
			*d = event.Data{League: "MLS", Kind: event.MatchEnd, Score: d.Score, Match: d.Match, Winner: "away",
				DecidedBy: event.ByRegulation}
		},
		"Corrected: full time (New York City FC 0–1 Toronto FC; decided → after extra time; " +
			"winner draw → Toronto FC)": func(d *event.Data) {
			*d = event.Data{League: "MLS", Kind: event.MatchEnd, Action: event.Corrected, Score: d.Score, Match: d.Match,
				Changes: map[string]event.Change{"winner": {Old: "draw", New: "away"}, "decided_by": {New: "extra_time"}}}
		},
		"New kick-off time: 2026-11-14 13:30 UTC (New York City FC v Toronto FC; " +
			"kick-off 2026-11-14 15:00 UTC → 2026-11-14 13:30 UTC)": func(d *event.Data) {
			*d = event.Data{League: "MLS", Kind: event.KickoffChanged, Match: d.Match, Changes: map[string]event.Change{
				"start": {Old: "2026-11-14T15:00:00Z", New: "2026-11-14T13:30:00Z"}}}
		},
		"Line-up of Toronto FC, 4-3-3 (New York City FC v Toronto FC: Ann, Bea)": func(d *event.Data) {
			*d = event.Data{League: "MLS", Kind: event.LineupShown, Match: d.Match, Team: d.Team, Lineup: &event.Lineup{
				Formation: "4-3-3", Players: []event.LineupPlayer{{Name: "Ann"}, {Name: "Bea"}, {Name: "Cy", Substitute: true}}}}
		},
		"Shoot-out kick for Toronto FC: Justin Morrow, missed " +
			"(New York City FC 0–1 Toronto FC, 4–4 on penalties)": func(d *event.Data) {
			d.Kind, d.Detail, d.Player, d.Clock = event.ShootoutKick, event.Missed, "Justin Morrow", nil
			d.Shootout = &event.Score{Home: 4, Away: 4}
		},
		"End of 1st half (New York City FC 0–1 Toronto FC)": func(d *event.Data) {
			*d = event.Data{League: "MLS", Kind: event.PeriodEnd, Match: d.Match, Score: d.Score,
				Clock: &event.Clock{Period: "1h"}}
		},
		"Kick-off (New York City FC 0–0 Toronto FC)": func(d *event.Data) {
			*d = event.Data{League: "MLS", Kind: event.MatchStart, Match: d.Match, Score: &event.Score{}}
		},
		"Match postponed (New York City FC v Toronto FC)": func(d *event.Data) {
			d.Match.Status = event.Postponed
			*d = event.Data{League: "MLS", Kind: event.StatusChange, Match: d.Match}
		},
		"Goal for Toronto FC: Sebastian Giovinco (07:12 in the 2nd period, " +
			"New York City FC 0–1 Toronto FC)": func(d *event.Data) {
			d.Clock = &event.Clock{Period: "p2", Elapsed: 432}
		},
		"Following https://site.example/42": func(d *event.Data) {
			*d = event.Data{League: "MLS", Kind: event.MatchActivated, Source: &event.Source{URL: "https://site.example/42"}}
		},
	} {
		if got := notify.Line(goal(t, change)); got != want {
			t.Errorf("Line\ngot  %s\nwant %s", got, want)
		}
	}
	bare, err := event.Of("soccer.mls.goal", event.Data{Player: "Giovinco", Team: "Toronto FC"}, time.Now())
	if err != nil || notify.Line(bare) != "soccer.mls.goal Giovinco Toronto FC" {
		t.Errorf("an event without a match: got %q, error %v, want its key, player and team", notify.Line(bare), err)
	}
}

// The shipped languages describe goals, retractions, ends of periods and new kick-off times.
func TestLanguages(t *testing.T) {
	ownGoal := goal(t, func(d *event.Data) { d.Player, d.Detail = "Brillant", event.OwnGoal })
	retracted := goal(t, func(d *event.Data) { d.Kind, d.Action = event.Goal, event.Retracted })
	end := goal(t, func(d *event.Data) {
		*d = event.Data{League: "MLS", Kind: event.PeriodEnd, Match: d.Match, Score: d.Score,
			Clock: &event.Clock{Period: "1h"}}
	})
	moved := goal(t, func(d *event.Data) {
		*d = event.Data{League: "MLS", Kind: event.KickoffChanged, Match: d.Match, Changes: map[string]event.Change{
			"start": {Old: "2026-11-14T15:00:00Z", New: "2026-11-14T13:30:00Z"}}}
	})
	for language, title := range map[string]string{
		"de": "Neue Anfangszeit: ", "en": "New kick-off time: ", "es": "Nueva hora de inicio: ",
		"fr": "Nouvelle heure de début : ",
	} {
		if got := notify.Describe(t, "", language, moved); !strings.HasPrefix(got, title+"2026-11-14 13:30 UTC (") {
			t.Errorf("text in %s: %s, want %s and the new time", language, got, title)
		}
	}
	for language, want := range map[string][]string{
		"de": {"Tor für Toronto FC: Brillant, Eigentor (6', New York City FC 0:1 Toronto FC)", "Aberkannt: Tor für " +
			"Toronto FC: Sebastian Giovinco (6', New York City FC 0:1 Toronto FC)",
			"Ende: 1. Halbzeit (New York City FC 0:1 Toronto FC)"},
		"es": {"Gol de Toronto FC: Brillant, en propia puerta (6', New York City FC 0–1 Toronto FC)", "Anulado: gol de " +
			"Toronto FC: Sebastian Giovinco (6', New York City FC 0–1 Toronto FC)",
			"Termina: 1.ª parte (New York City FC 0–1 Toronto FC)"},
		"fr": {"But pour Toronto FC : Brillant, contre son camp (6', New York City FC 0–1 Toronto FC)", "Annulé : but " +
			"pour Toronto FC : Sebastian Giovinco (6', New York City FC 0–1 Toronto FC)",
			"Fin : 1re mi-temps (New York City FC 0–1 Toronto FC)"},
	} {
		for i, e := range []event.Event{ownGoal, retracted, end} {
			if got := notify.Describe(t, "", language, e); got != want[i] {
				t.Errorf("text in %s\ngot  %s\nwant %s", language, got, want[i])
			}
		}
	}
}

// The texts in a folder of templates replace shipped texts or add languages. Other texts do not change.
func TestCustomTemplates(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"en.yaml":  "titles:\n  goal: 'GOOOAL! \\(.player)'\n",
		"nds.yaml": "titles:\n  goal: 'Dor för \\(.team)'\nbody: '\\(.home) gegen \\(.away)'\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	red := goal(t, func(d *event.Data) { d.Kind = event.RedCard })
	for _, tc := range []struct{ want, got string }{
		{"GOOOAL! Sebastian Giovinco (6', New York City FC 0–1 Toronto FC)",
			notify.Describe(t, dir, "en", goal(t, nil))},
		{"Red card against Toronto FC: Sebastian Giovinco (6', New York City FC 0–1 Toronto FC)",
			notify.Describe(t, dir, "en", red)},
		{"Dor för Toronto FC (New York City FC gegen Toronto FC)",
			notify.Describe(t, dir, "nds", goal(t, nil))},
		{"Red card against Toronto FC: Sebastian Giovinco (New York City FC gegen Toronto FC)",
			notify.Describe(t, dir, "nds", red)},
	} {
		if tc.got != tc.want {
			t.Errorf("text with custom templates\ngot  %s\nwant %s", tc.got, tc.want)
		}
	}
}

// The names in the definition of a sport replace the shipped names. The names in a text file
// replace both. A text file can have a title for one sport, one detail or one number of points.
func TestTextFilesOverrideDefinitions(t *testing.T) {
	const sport = event.Sport("korfball")
	if err := event.Define(event.Definition{
		Name: sport, Periods: []event.Period{"q1", "q2"}, Counts: event.Points,
		Kinds: map[event.Kind][]int{"goal": {1, 2}, "miss": nil, "player": nil, "timeout": nil},
		Names: map[string]string{"goal": "basket", "miss": "missed shot", "q1": "first quarter", "player": "new player"},
	}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"en.yaml": "titles: {goal.2: 'From afar! \\(.player)', korfball.timeout: 'Korfball pauses', goal.lay_up: 'Close!', " +
			"goal.lay_up_corrected: 'Close after all'}\n" +
			"kinds: {korfball.miss: near miss}\nperiods: {korfball.q1: quarter one}\n",
		"nds.yaml": "kinds: {miss: vörbi}\nperiods: {'q#': 'Viddel #'}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	of := func(kind event.Kind, change func(*event.Data)) event.Event {
		return goal(t, func(d *event.Data) {
			d.Sport, d.Kind, d.Player, d.Points = sport, kind, "Ann", 1
			d.Clock = &event.Clock{Period: "q1", Elapsed: 60}
			if change != nil {
				change(d)
			}
		})
	}
	start := of(event.PeriodStart, func(d *event.Data) {
		d.Points, d.Player = 0, ""
	})
	for _, tc := range []struct {
		folder, language string
		e                event.Event
		want             string
	}{
		{"", "en", of("miss", nil), "Missed shot for Toronto FC: Ann"},
		{"", "de", of("miss", nil), "Missed shot für Toronto FC: Ann"},
		{dir, "en", of("miss", nil), "Near miss for Toronto FC: Ann"},
		{dir, "de", of("miss", nil), "Near miss für Toronto FC: Ann"}, // the name in the text file en.yaml
		{dir, "nds", of("miss", nil), "Vörbi for Toronto FC: Ann"},
		{dir, "en", of("goal", nil), "Basket for Toronto FC: Ann"}, // the name from the definition, not the shipped name
		{"", "en", start, "Start of first quarter"},
		{dir, "en", start, "Start of quarter one"},
		{dir, "nds", start, "Start of Viddel 1"},
		{dir, "en", of("goal", func(d *event.Data) { d.Points = 2 }), "From afar! Ann"},
		{dir, "en", of("goal", func(d *event.Data) { d.Detail = "Lay-up" }), "Close!"},
		{dir, "en", of("goal", func(d *event.Data) { d.Detail, d.Action = "Lay-up", event.Corrected }), "Close after all"},
		{dir, "en", of("timeout", nil), "Korfball pauses"},
		{"", "en", of("miss", func(d *event.Data) { // the name of the kind player does not apply to the member player
			d.Action, d.Changes = event.Corrected, map[string]event.Change{"player": {Old: "Ann", New: "Bea"}}
		}), "; player Ann → Bea"},
	} {
		if got := notify.Describe(t, tc.folder, tc.language, tc.e); !strings.Contains(got, tc.want) {
			t.Errorf("%s in %s, text files in %q: got %q, want %q", tc.e.Type, tc.language, tc.folder, got, tc.want)
		}
	}
}

// Every kind has a title in every language. No title contains an identifier of the code. Languages
// other than English have a name for every kind. English needs none, because the identifier of a
// kind is an English word.
func TestEveryKindHasTitles(t *testing.T) {
	notify.Check(t)
	missing := map[string]bool{}
	for _, language := range []string{"en", "de", "es", "fr"} {
		for _, e := range notify.Samples() {
			line := notify.Describe(t, "", language, e)
			bad := func(text string) bool { return strings.Contains(line, text) }
			if line == "" || bad("_") || bad("null") || bad(`\(`) {
				if e.Data.Match != nil {
					t.Errorf("%s: %s: got %q, want a text without identifiers, null or jq", language, e.Type, line)
				}
			}
			if !slices.Contains(event.KnownSports(), e.Data.Sport) { // another test has defined this sport
				continue
			}
			if k := e.Data.Kind; language != "en" && !notify.Names(language, k) && !missing[language+" "+string(k)] {
				missing[language+" "+string(k)] = true
				t.Errorf("languages/%s.yaml has neither a title nor a name for the kind %s", language, k)
			}
		}
	}
}

// docs/notify.md describes every field of texts. The file of texts, each row of the table of texts, and
// each body of a webhook in the page have the documented results.
func TestDocumentedTexts(t *testing.T) {
	page, err := os.ReadFile("../../docs/notify.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := strings.ReplaceAll(string(page), `\|`, "|") // a bar in a table
	described := strings.Join(regexp.MustCompile("(?m)^\\| `\\.[^|]*` \\|").FindAllString(doc, -1), "\n")
	for _, field := range notify.TextFields() {
		if !regexp.MustCompile(`\.` + field + "[ .`]").MatchString(described) {
			t.Errorf("docs/notify.md lacks a row for the field .%s", field)
		}
	}
	_, texts, _ := strings.Cut(doc, "\n## Texts\n")
	m := regexp.MustCompile("(?s)```yaml\n(.*?)```\n\n[^\n]*\n\n```\n(.*?)\n```").FindStringSubmatch(texts)
	if m == nil {
		t.Fatal("docs/notify.md lacks a file of texts with its result")
	}
	render := func(file string, e event.Event) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "nds.yaml"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		return notify.Describe(t, dir, "nds", e)
	}
	ownGoal := goal(t, func(d *event.Data) { d.Player, d.Detail = "Brillant", event.OwnGoal })
	if got := render(m[1], ownGoal); got != m[2] {
		t.Errorf("the documented file of texts: got %q, want %q", got, m[2])
	}
	full := goal(t, func(d *event.Data) {
		d.Clock.Period, d.Kind, d.Action = event.FirstHalf, event.Goal, event.Corrected
		d.Changes = map[string]event.Change{"player": {New: "Ann"}, "time": {New: "7'"}}
	})
	bare := goal(t, func(d *event.Data) {
		d.Sport, d.Kind, d.Action = event.Rugby, "try", event.Corrected
		d.Clock, d.Player, d.Score = nil, "", nil
	})
	row := regexp.MustCompile("(?m)^\\| `([^`]*\\\\\\([^`]*)` \\| `([^`]*)`(?:; [^`]* `([^`]*)`)? \\|$")
	rows := row.FindAllStringSubmatch(texts, -1)
	for _, row := range rows {
		file := "titles: {goal_corrected: '" + row[1] + "', try_corrected: '" + row[1] + "'}\n"
		for e, want := range map[*event.Event]string{&full: row[2], &bare: row[3]} {
			if got := render(file, *e); want != "" && !strings.HasPrefix(got, want+" (") {
				t.Errorf("text %s: got %q, want the title %q", row[1], got, want)
			}
		}
	}
	if len(rows) < 8 {
		t.Errorf("found %d rows with a text and its result, want 8 or more", len(rows))
	}
	bodies := regexp.MustCompile("body: '(\\{[^']*\\})'\\}` \\|").FindAllStringSubmatch(doc, -1)
	for _, body := range bodies {
		settings := "channels:\n  hook: {webhook: {url: 'https://x.example', body: '" + body[1] + "'}}\n"
		if _, err := notify.New(consumertest.Host(t, settings, t.TempDir(), nil, slog.New(slog.DiscardHandler))); err != nil {
			t.Errorf("body %s: %v", body[1], err)
		}
	}
	if len(bodies) < 3 {
		t.Errorf("found %d bodies, want 3 or more", len(bodies))
	}
}

// BenchmarkText measures how long the text of an event takes.
func BenchmarkText(b *testing.B) {
	e := goal(b, nil)
	for b.Loop() {
		notify.Line(e)
	}
}
