package reconcile_test

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// Points that no row shows are reported as score_change.
func TestPointsWithoutRows(t *testing.T) {
	t.Parallel()
	o := observed(event.Live, "q1", event.Score{})
	o.Sport, o.League = event.Basketball, "NBA"
	s := begin(t, o)
	o.Score = &event.Score{Home: 3}
	s.expect(o, "score_change 3-0")
	o.Score = &event.Score{Home: 3, Away: 2}
	s.expect(o, "score_change 3-2")
}

var basketLine = regexp.MustCompile(`^- (Q\d) \| (\d\d):(\d\d)\.\d+ \| (\w+) \| (\d) \| (.+?) \| (\d+)-(\d+) \|`)

// In a real basketball game of 120 baskets, 15 baskets have the same clock, player and kind as
// another basket. Each basket is reported once, although a page shows up to three new baskets. If a
// basket is corrected from two points to three, it stays the same incident, and the score after all
// later baskets changes.
func TestBasketballGame(t *testing.T) {
	t.Parallel()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "facts", "nba-0022000001.md"))
	if err != nil {
		t.Skip("the file with the facts of the game is missing")
	}
	defer f.Close()
	var rows []observation.Incident
	var points []int // of each row
	for lines := bufio.NewScanner(f); lines.Scan(); {
		m := basketLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		n := func(i int) int { v, _ := strconv.Atoi(m[i]); return v }
		in := observation.Incident{Kind: "basket", Side: event.Away, Player: m[6],
			Score: &event.Score{Home: n(8), Away: n(7)},
			Clock: event.Clock{Period: event.Period(strings.ToLower(m[1])), Elapsed: 720 - n(2)*60 - n(3)}}
		if m[4] == "BKN" {
			in.Side = event.Home
		}
		rows, points = append(rows, in), append(points, n(5))
	}
	if len(rows) != 120 {
		t.Fatalf("the file lists %d baskets, want 120", len(rows))
	}
	show := func(n int) observation.Observation {
		o := observed(event.Live, "q1", event.Score{}, rows[:n]...)
		o.Sport, o.League = event.Basketball, "NBA"
		if n > 0 {
			o.Match.Period = rows[n-1].Clock.Period
			o.Match.Clock = rows[n-1].Clock
			o.Score = rows[n-1].Score
		}
		return o
	}
	s := begin(t, show(0))
	reported := 0
	for n := 0; n < 120; {
		n = min(n+1+n%3, 120)
		for _, line := range s.read(show(n)) {
			if kind, _, _ := strings.Cut(line, " "); kind == "basket" {
				if want := rows[reported].Score.String(); !strings.HasSuffix(line, " "+want) {
					t.Errorf("basket %d: %s, want the score %s", reported+1, line, want)
				}
				reported++
			} else if !strings.HasPrefix(kind, "period_") {
				t.Errorf("event %q, want only baskets, and starts and ends of periods", line)
			}
		}
	}
	if reported != 120 || *s.state.Score != (event.Score{Home: 125, Away: 99}) {
		t.Errorf("%d reported baskets, score %v, want 120 and 125-99", reported, s.state.Score)
	}
	checkPoints := func() {
		t.Helper()
		for _, tracked := range s.state.Tracked {
			for i := range rows {
				if tracked.Kind == "basket" && *tracked.Score == *rows[i].Score && tracked.Points != points[i] {
					t.Errorf("basket %d: %d points, want %d", i+1, tracked.Points, points[i])
				}
			}
		}
	}
	checkPoints()
	// A basket after the 99th now counts three points instead of two. This basket and all later baskets
	// of both sides are corrected, and no basket is new.
	rescored := 99 + slices.Index(points[99:], 2)
	side := rows[rescored].Side
	for i := rescored; i < len(rows); i++ {
		rows[i].Score = new(rows[i].Score.Add(side, 1))
	}
	points[rescored]++
	kinds := map[string]int{}
	for _, line := range s.read(show(120)) {
		kind, _, _ := strings.Cut(line, " ")
		kinds[kind]++
	}
	checkPoints()
	baskets := map[event.Score]int{}
	for _, tracked := range s.state.Tracked {
		if tracked.Kind == "basket" {
			baskets[*tracked.Score]++
		}
	}
	for i := range rows {
		if baskets[*rows[i].Score] != 1 {
			t.Errorf("%d tracked baskets have the score %v, want 1", baskets[*rows[i].Score], rows[i].Score)
		}
	}
	if kinds["basket_corrected"] == 0 || len(kinds) != 1 || len(baskets) != 120 {
		t.Errorf("after a correction to three points: events %v, %d baskets, want only basket_corrected and 120 baskets",
			kinds, len(baskets))
	}
}

// A score that changes without a row is reported as score_change. When the row appears, the basket
// is reported too.
func TestScoreWithoutBasket(t *testing.T) {
	t.Parallel()
	show := func(score event.Score, rows ...observation.Incident) observation.Observation {
		o := observed(event.Live, "q1", score, rows...)
		o.Sport = event.Basketball
		return o
	}
	two := observation.Incident{Kind: "basket", Side: event.Home, Player: "Durant", Score: &event.Score{Home: 2},
		Clock: event.Clock{Period: "q1", Elapsed: 30}}
	s := begin(t, show(event.Score{}))
	s.expect(show(event.Score{Home: 2}), "score_change 2-0")
	s.expect(show(event.Score{Home: 2}, two), "basket 00:30 home Durant 2-0")
	s.expect(show(event.Score{Home: 2}, two))
	// A row is not reported before the score includes its points.
	three := two
	three.Score, three.Player = &event.Score{Home: 5}, "Irving"
	s.expect(show(event.Score{Home: 2}, two, three))
	s.expect(show(event.Score{Home: 5}, two, three), "basket 00:30 home Irving 5-0")
}

// A basket is retracted when it is missing from two fresh pages, as a goal is. One wrong page changes
// nothing. The next basket is another incident.
func TestBasketRetracted(t *testing.T) {
	t.Parallel()
	show := func(sec int, score event.Score, in ...observation.Incident) observation.Observation {
		o := observed(event.Live, "q1", score, in...)
		o.Sport, o.Match.Clock = event.Basketball, event.Clock{Period: "q1", Elapsed: sec}
		return o
	}
	basket := func(player string, sec int, after event.Score) observation.Incident {
		return observation.Incident{Kind: "basket", Side: event.Home, Player: player, Score: &after,
			Clock: event.Clock{Period: "q1", Elapsed: sec}}
	}
	a, b := basket("A", 20, event.Score{Home: 2}), basket("B", 40, event.Score{Home: 4})
	s := begin(t, show(0, event.Score{}))
	s.expect(show(41, event.Score{Home: 4}, a, b), "basket 00:20 home A 2-0", "basket 00:40 home B 4-0")
	s.expect(show(45, event.Score{}, a))
	s.expect(show(50, event.Score{Home: 4}, a, b))
	s.expect(show(55, event.Score{Home: 2}, a))
	s.expect(show(60, event.Score{Home: 2}, a), "basket_retracted 00:40 home B 2-0")
	s.expect(show(70, event.Score{Home: 4}, a, basket("C", 69, event.Score{Home: 4})),
		"basket 01:09 home C 4-0")
}

// The event that reports corrected points has the corrected score.
func TestCorrectedPoints(t *testing.T) {
	t.Parallel()
	show := func(sec int, score event.Score, in ...observation.Incident) observation.Observation {
		o := observed(event.Live, "q1", score, in...)
		o.Sport, o.Match.Clock = event.Basketball, event.Clock{Period: "q1", Elapsed: sec}
		return o
	}
	three := observation.Incident{Kind: "basket", Side: event.Away, Player: "A", Score: &event.Score{Away: 3},
		Clock: event.Clock{Period: "q1", Elapsed: 20}}
	s := begin(t, show(0, event.Score{}))
	s.expect(show(21, event.Score{Away: 3}, three), "basket 00:20 away A 0-3")
	two := three
	two.Score = &event.Score{Away: 2}
	s.expect(show(30, event.Score{Away: 2}, two))
	s.expect(show(40, event.Score{Away: 2}, two), "basket_corrected 00:20 away A 0-2 score:0-3→0-2")
}

// In tennis the score restarts with each set. A game of the next set is another incident.
func TestTennisGames(t *testing.T) {
	t.Parallel()
	show := func(set event.Period, score event.Score, in ...observation.Incident) observation.Observation {
		o := observed(event.Live, set, score, in...)
		o.Sport = event.Tennis
		return o
	}
	game := func(set event.Period, after event.Score) observation.Incident {
		return observation.Incident{Kind: "game", Side: event.Home, Player: "N", Score: &after,
			Clock: event.Clock{Period: set}}
	}
	s := begin(t, show("s1", event.Score{}))
	s.expect(show("s1", event.Score{}, game("s1", event.Score{Home: 1})), "game home N 1-0")
	s.expect(show("s2", event.Score{Home: 1}, game("s2", event.Score{Home: 1})),
		"period_end s1 0-0", "period_start s2 0-0", "game home N 1-0")
}

// In tennis the lower score at the start of a set retracts nothing.
func TestTennisSets(t *testing.T) {
	t.Parallel()
	show := func(set event.Period, score event.Score) observation.Observation {
		o := observed(event.Live, set, score)
		o.Sport = event.Tennis
		return o
	}
	s := begin(t, show("s1", event.Score{}))
	s.expect(show("s1", event.Score{Home: 6, Away: 4}), "score_change 6-4")
	s.expect(show("s2", event.Score{}), "period_end s1 6-4", "period_start s2 6-4", "score_change 0-0")
	s.expect(show("s2", event.Score{Home: 1}), "score_change 1-0")
}
