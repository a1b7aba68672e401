package parser_test

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser"
)

// A page that lists an incident in a list and again on a time line.
func TestIncidentListedTwice(t *testing.T) {
	one, two := goalBy(event.Home, "Villa", at(10, 0)), goalBy(event.Home, "Lampard", at(20, 0))
	card := parser.Incident{Kind: event.YellowCard, Side: event.Away, Player: "Moor", Clock: at(15, 0)}
	s := begin(t, page(event.Live, "1h", event.Score{}))
	twice := []parser.Incident{one, two, card, one, two, card}
	s.expect(page(event.Live, "1h", event.Score{Home: 2}, twice...),
		"goal 10' home Villa 1-0", "yellow_card 15' away Moor 1-0", "goal 20' home Lampard 2-0")
	s.expect(page(event.Live, "1h", event.Score{Home: 2}, one, two, card))
	// Two goals of one player in a minute are two, where the score says so.
	s = begin(t, page(event.Live, "1h", event.Score{}))
	s.expect(page(event.Live, "1h", event.Score{Home: 2}, one, one), "goal 10' home Villa 1-0", "goal 10' home Villa 2-0")
}

// What was not played moves no score: an awarded result, and the kicks of a
// shoot-out, which some pages add up.
func TestScoreThatWasNotPlayed(t *testing.T) {
	one := goalBy(event.Home, "Villa", at(10, 0))
	s := begin(t, page(event.Live, "2h", event.Score{Home: 1}, one))
	s.expect(page(event.Abandoned, "", event.Score{Home: 1}, one), "status_change abandoned 1-0")
	s.expect(page(event.Awarded, "", event.Score{Away: 3}, one), "status_change awarded 1-0")
	if *s.state.Score != (event.Score{Home: 1}) {
		t.Errorf("score %v", s.state.Score)
	}

	s = begin(t, page(event.Live, "et2", event.Score{Home: 1, Away: 1}, one, goalBy(event.Away, "Kei", at(30, 0))))
	final := page(event.Final, "", event.Score{Home: 6, Away: 5}, one, goalBy(event.Away, "Kei", at(30, 0)))
	final.Shootout = &event.Score{Home: 5, Away: 4}
	for _, line := range s.read(final) {
		if strings.HasPrefix(line, "goal") {
			t.Errorf("a kick became a goal: %s", line)
		}
	}
	if *s.state.Score != (event.Score{Home: 1, Away: 1}) || *s.state.Shootout != (event.Score{Home: 5, Away: 4}) {
		t.Errorf("score %v, shoot-out %v", s.state.Score, s.state.Shootout)
	}
}

func reading(at time.Time) parser.Reading {
	return parser.Reading{TID: event.NewTID(), Source: "/parser/test", At: at}
}

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// Aliases join names that fold apart; without one, a page of other teams is
// refused. What was shown first goes on being shown.
func TestAliases(t *testing.T) {
	aliases, err := parser.NewAliases(map[string][]string{"Manchester United": {"Man Utd", "Manchester Utd"}, "Sp\u00e9ranza": {"ES Tunis"}})
	if err != nil {
		t.Fatal(err)
	}
	first := page(event.Live, "1h", event.Score{})
	first.Match.Home = "Man Utd"
	s, _, err := parser.Reconcile(parser.State{Epoch: "e"}, first, reading(noon))
	if err != nil {
		t.Fatal(err)
	}
	renamed := page(event.Live, "1h", event.Score{Home: 1})
	renamed.Match.Home = "Manchester United"
	if _, _, err := parser.Reconcile(s, renamed, reading(noon)); !errors.Is(err, parser.ErrOtherMatch) {
		t.Errorf("a rename that nobody knows: %v", err)
	}
	r := reading(noon)
	r.Aliases = aliases
	for _, name := range []string{"Manchester United", "MANCHESTER UTD", "Man Utd"} {
		renamed.Match.Home = name
		next, events, err := parser.Reconcile(s, renamed, r)
		if err != nil || len(events) != 1 || events[0].Data.Team != "Man Utd" || next.Match.Home != "Man Utd" {
			t.Errorf("%s: %v, %d events", name, err, len(events))
		}
	}
	for _, bad := range []map[string][]string{
		{"Real Madrid": {"Real"}, "Real Sociedad": {"Real"}},
		{"Inter": nil, "Internazionale": {"inter"}},
		{"Ajax": {"!"}},
	} {
		if _, err := parser.NewAliases(bad); err == nil || !strings.Contains(err.Error(), "want a name") && !strings.Contains(err.Error(), "two teams") {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// The second match of a doubleheader is not the first one going on, and the
// page's own ID says so, or its kick-off.
func TestAnotherMatchOfTheSameTeams(t *testing.T) {
	first := page(event.Live, "1h", event.Score{})
	first.Match.Start, first.PageID = noon, "g-1"
	s, _, err := parser.Reconcile(parser.State{Epoch: "e"}, first, reading(noon))
	if err != nil {
		t.Fatal(err)
	}
	other := page(event.Live, "1h", event.Score{Home: 1})
	other.Match.Start, other.PageID = noon.Add(5*time.Hour), "g-2"
	if _, _, err := parser.Reconcile(s, other, reading(noon)); !errors.Is(err, parser.ErrOtherMatch) || !strings.Contains(err.Error(), `"g-2", not "g-1"`) {
		t.Errorf("another ID: %v", err)
	}
	// Another site has IDs of its own.
	r := reading(noon)
	r.Source = "/parser/other-site"
	other.PageID, other.Match.Start = "xyz", noon
	if _, events, err := parser.Reconcile(s, other, r); err != nil || len(events) != 1 {
		t.Errorf("another site: %v", err)
	}
	// Without an ID, the kick-off on another day.
	other.PageID, other.Match.Start = "", noon.Add(24*time.Hour)
	if _, _, err := parser.Reconcile(s, other, r); !errors.Is(err, parser.ErrOtherMatch) {
		t.Errorf("another day: %v", err)
	}
	// The same ID with a new kick-off is a match that was resumed.
	resumed := page(event.Live, "1h", event.Score{Home: 1})
	resumed.PageID, resumed.Match.Start = "g-1", noon.Add(24*time.Hour)
	if _, events, err := parser.Reconcile(s, resumed, reading(noon)); err != nil || len(events) != 1 {
		t.Errorf("a resumed match: %v", err)
	}
}

// A name that lost letters on its way replaces no good one, and makes no other
// match of the page.
func TestDamagedNames(t *testing.T) {
	rondon := goalBy(event.Home, "Salom\u00f3n Rond\u00f3n", at(10, 0))
	first := page(event.Live, "1h", event.Score{Home: 1}, rondon)
	first.Match.Away = "Quer\u00e9taro"
	s := begin(t, first)
	rondon.Player = "Salom\ufffdn Rond?n"
	for _, name := range []string{"Quer\ufffdtaro", "Quer?taro", "Quer\ufffd\ufffdtaro"} {
		damaged := page(event.Live, "1h", event.Score{Home: 1}, rondon)
		damaged.Match.Away = name
		s.expect(damaged)
	}
	for name, broken := range map[string][]string{
		"\u00d6rebro":        {"\ufffdrebro", "?rebro"},
		"Banana":             {"B?nana", "Banan?", "Ban?na"},
		"M\u00e1laga":        {"M?laga"},
		"S\u00e3o Jo\u00e3o": {"S?o Jo?o"},
	} {
		for _, b := range append(broken, "X"+broken[0], broken[0]+"x") {
			o := page(event.Live, "1h", event.Score{})
			o.Match.Home = name
			st, _, err := parser.Reconcile(parser.State{Epoch: "e"}, o, reading(noon))
			if err != nil {
				t.Fatal(err)
			}
			o.Match.Home = b
			if _, _, err := parser.Reconcile(st, o, reading(noon)); (err == nil) != slices.Contains(broken, b) {
				t.Errorf("%s for %s: %v", b, name, err)
			}
		}
	}
	other := page(event.Live, "1h", event.Score{Home: 1}, rondon)
	other.Match.Away = "San ?uis"
	if _, _, err := parser.Reconcile(s.state, other, reading(noon)); !errors.Is(err, parser.ErrOtherMatch) {
		t.Errorf("another damaged name: %v", err)
	}
	if s.state.Match.Away != "Quer\u00e9taro" || s.state.Standing[len(s.state.Standing)-1].Player != "Salom\u00f3n Rond\u00f3n" {
		t.Errorf("%+v", s.state)
	}
}

// What a script-encoded or twice-encoded name was meant to be.
func TestNamesEncodedTwice(t *testing.T) {
	for page, want := range map[string]string{
		"Rond\u00c3\u00b3n":           "Rond\u00f3n",
		"M\u00c3\u00bcller":           "M\u00fcller",
		"Ne\u00c5\u00a1i\u00c4\u2021": "Ne\u0161i\u0107",
		"S\u00e3o Paulo":              "S\u00e3o Paulo",
		"\u00c3vila":                  "\u00c3vila",
		"Ajax":                        "Ajax",
		"\u65e5\u672c":                "\u65e5\u672c",
	} {
		o, _ := extract(t, "<meta charset=utf-8><p class=league>L<p class=home>"+page+"</p><p class=away>B</p><p class=hs>0</p><p class=as>0</p><p class=status>Live</p>")
		if o.Match.Home != want {
			t.Errorf("%s: %q, want %q", page, o.Match.Home, want)
		}
	}
}

var basketLine = regexp.MustCompile(`^- (Q\d) \| (\d\d):(\d\d)\.\d+ \| (\w+) \| (\d) \| (.+?) \| (\d+)-(\d+) \|`)

// A real basketball game of 120 baskets, in which clock, player and kind would
// confuse 15: read as it grows by twos and threes, each is said once, and one
// that is corrected from two points to three moves all that follow and is no
// other basket.
func TestBasketballGame(t *testing.T) {
	f, err := os.Open(filepath.Join("..", "..", "shared", "facts", "nba-0022000001.md"))
	if err != nil {
		t.Skip("no data: the facts of the game are not beside the project")
	}
	defer f.Close()
	var rows []parser.Incident
	for lines := bufio.NewScanner(f); lines.Scan(); {
		m := basketLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		n := func(i int) int { v, _ := strconv.Atoi(m[i]); return v }
		in := parser.Incident{Kind: "basket", Side: event.Away, Player: m[6], Score: &event.Score{Home: n(8), Away: n(7)},
			Clock: event.Clock{Period: event.Period(strings.ToLower(m[1])), Elapsed: 720 - n(2)*60 - n(3)}}
		if m[4] == "BKN" {
			in.Side = event.Home
		}
		rows = append(rows, in)
	}
	if len(rows) != 120 {
		t.Fatalf("%d baskets", len(rows))
	}
	show := func(n int) parser.Observation {
		o := page(event.Live, "q1", event.Score{}, rows[:n]...)
		o.Sport, o.League = event.Basketball, "NBA"
		if n > 0 {
			o.Match.Period = rows[n-1].Clock.Period
			o.Match.Clock = rows[n-1].Clock
			o.Score = rows[n-1].Score
		}
		return o
	}
	s := begin(t, show(0))
	said := 0
	for n := 0; n < 120; {
		n = min(n+1+n%3, 120)
		for _, line := range s.read(show(n)) {
			if kind, _, _ := strings.Cut(line, " "); kind == "basket" {
				if want := rows[said].Score.String(); !strings.HasSuffix(line, " "+want) {
					t.Errorf("basket %d: %s, want the score %s", said+1, line, want)
				}
				said++
			} else if !strings.HasPrefix(kind, "period_") {
				t.Errorf("unexpected: %s", line)
			}
		}
	}
	if said != 120 || *s.state.Score != (event.Score{Home: 125, Away: 99}) {
		t.Errorf("%d baskets, score %v", said, s.state.Score)
	}
	// The 100th counts three instead of two: it and all that its side scored
	// since are corrected, none is new.
	side, from := rows[99].Side, 99
	for i := from; i < len(rows); i++ {
		moved := rows[i].Score.Add(side, 1)
		rows[i].Score = &moved
	}
	kinds := map[string]int{}
	for _, line := range s.read(show(120)) {
		kind, _, _ := strings.Cut(line, " ")
		kinds[kind]++
	}
	stands := map[event.Score]int{}
	for _, st := range s.state.Standing {
		if st.Kind == "basket" {
			stands[*st.Score]++
		}
	}
	for i := range rows {
		if stands[*rows[i].Score] != 1 {
			t.Errorf("basket to %v stands %d times", rows[i].Score, stands[*rows[i].Score])
		}
	}
	if kinds["basket_corrected"] == 0 || len(kinds) != 1 || len(stands) != 120 {
		t.Errorf("after a correction to three points: %v, %d stand", kinds, len(stands))
	}
}

// The score moves with no basket on the page: it is said itself, and the row
// that comes later is said too.
func TestScoreWithoutBasket(t *testing.T) {
	show := func(score event.Score, rows ...parser.Incident) parser.Observation {
		o := page(event.Live, "q1", score, rows...)
		o.Sport = event.Basketball
		return o
	}
	two := parser.Incident{Kind: "basket", Side: event.Home, Player: "Durant", Score: &event.Score{Home: 2}, Clock: event.Clock{Period: "q1", Elapsed: 30}}
	s := begin(t, show(event.Score{}))
	s.expect(show(event.Score{Home: 2}), "score_change 2-0")
	s.expect(show(event.Score{Home: 2}, two), "basket 00:30 home Durant 2-0")
	s.expect(show(event.Score{Home: 2}, two))
	// A row ahead of the score waits for it.
	three := two
	three.Score, three.Player = &event.Score{Home: 5}, "Irving"
	s.expect(show(event.Score{Home: 2}, two, three))
	s.expect(show(event.Score{Home: 5}, two, three), "basket 00:30 home Irving 5-0")
}

// A goal and a penalty of one player in one minute, and an own goal that turns
// into a goal: each keeps what it is, whatever the order on the page.
func TestDetailsBelongToTheirGoal(t *testing.T) {
	goal, penalty := goalBy(event.Home, "Villa", at(10, 0)), goalBy(event.Home, "Villa", at(10, 0))
	penalty.Detail = event.PenaltyGoal
	s := begin(t, page(event.Live, "1h", event.Score{}))
	s.expect(page(event.Live, "1h", event.Score{Home: 2}, goal, penalty), "goal 10' home Villa 1-0", "goal 10' home Villa penalty 2-0")
	s.expect(page(event.Live, "1h", event.Score{Home: 2}, penalty, goal))
	s.expect(page(event.Live, "1h", event.Score{Home: 2}, penalty))
	s.expect(page(event.Live, "1h", event.Score{Home: 2}, goal, penalty))

	own := goalBy(event.Away, "Behich", at(81, 0))
	own.Detail = event.OwnGoal
	s = begin(t, page(event.Live, "2h", event.Score{}))
	s.expect(page(event.Live, "2h", event.Score{Away: 1}, own), "goal 81' away Behich own_goal 0-1")
	s.expect(page(event.Live, "2h", event.Score{Away: 1}, goalBy(event.Away, "Pogba", at(81, 0))),
		"goal_corrected 81' away Pogba 0-1 detail:own_goal→ player:Behich→Pogba")
}

// A player's second penalty is not his first one moved, when the row of that
// is away for a while.
func TestRowsOfOnePlayer(t *testing.T) {
	foul := func(seconds int) parser.Incident {
		return parser.Incident{Kind: event.Penalty, Detail: "Hooking", Side: event.Home, Player: "Cole", Clock: event.Clock{Period: "p1", Elapsed: seconds}}
	}
	show := func(rows ...parser.Incident) parser.Observation {
		o := page(event.Live, "p1", event.Score{}, rows...)
		o.Sport = event.IceHockey
		return o
	}
	s := begin(t, show())
	s.expect(show(foul(60), foul(600)), "penalty 01:00 home Cole Hooking 0-0", "penalty 10:00 home Cole Hooking 0-0")
	s.expect(show(foul(600)))
	s.expect(show(foul(600), foul(60)))
}

// A card whose player the page does not know yet is a card, and no other when
// it does. What belongs to no team needs none.
func TestIncidentsOfNobody(t *testing.T) {
	card := parser.Incident{Kind: event.YellowCard, Side: event.Home, Clock: at(30, 0)}
	added := parser.Incident{Kind: "added_time", Detail: "3", Clock: at(45, 0)}
	s := begin(t, page(event.Live, "1h", event.Score{}))
	s.expect(page(event.Live, "1h", event.Score{}, card), "yellow_card 30' home 0-0")
	s.expect(page(event.Live, "1h", event.Score{}, card, added), "added_time 45' 3 0-0")
	card.Player, card.Clock = "Brillant", at(31, 0)
	s.expect(page(event.Live, "1h", event.Score{}, card, added), "yellow_card_corrected 31' home Brillant 0-0 player:→Brillant time:30'→31'")
	card.Player = "" // and when the name is away for a while, nothing
	s.expect(page(event.Live, "1h", event.Score{}, card, added))
	late := parser.Incident{Kind: "added_time", Detail: "6", Clock: at(90, 0)}
	s.expect(page(event.Live, "2h", event.Score{}, card, late), "period_end 1h 0-0", "period_start 2h 0-0", "added_time 90' 6 0-0")
}

// Letters that Unicode does not take apart are no other letters.
func TestLettersWithAStroke(t *testing.T) {
	s := begin(t, page(event.Live, "1h", event.Score{}))
	s.expect(page(event.Live, "1h", event.Score{Home: 1}, goalBy(event.Home, "Bj\u00f8rn S\u0142awek", at(10, 0))), "goal 10' home Bj\u00f8rn S\u0142awek 1-0")
	s.expect(page(event.Live, "1h", event.Score{Home: 1}, goalBy(event.Home, "Bjorn Slawek", at(10, 0))))
}
