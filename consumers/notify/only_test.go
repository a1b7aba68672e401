package notify

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
)

// The setting "only" of a rule selects some score changes and period ends. The rule still matches all
// other events.
func TestOnly(t *testing.T) {
	score := func(home, away int) *event.Score { return &event.Score{Home: home, Away: away} }
	points := func(sport event.Sport, kind event.Kind, side event.Side, n int, after *event.Score, c event.Clock,
	) event.Data {
		return event.Data{Sport: sport, Kind: kind, Action: event.New, Side: side, Points: n, Score: after, Clock: &c}
	}
	basket := func(side event.Side, n int, after *event.Score, period event.Period, left time.Duration) event.Data {
		elapsed := int((event.Basketball.PeriodLength(period) - left).Seconds())
		return points(event.Basketball, "basket", side, n, after, event.Clock{Period: period, Elapsed: elapsed})
	}
	changed := func(d event.Data, from, to string) event.Data {
		d.Changes = map[string]event.Change{"score": {Old: from, New: to}}
		return d
	}
	home, away, noClock := event.Home, event.Away, event.Clock{}
	corrected := basket(home, 3, score(51, 50), "q2", 5*time.Minute)
	corrected.Action = event.Corrected
	scoreboard := event.Data{Sport: event.Basketball, Kind: event.ScoreChange, Score: score(20, 21),
		Match: &event.Match{Period: "q4", Clock: event.Clock{Period: "q4", Elapsed: 700}}}
	leads, ends, lastMinutes := []string{leadChanges}, []string{periodEnds}, []string{"last 5m"}
	try := func(minute, stoppage int) event.Data {
		return points(event.Rugby, "try", home, 5, score(30, 7), event.Rugby.AtMinute("2h", minute, stoppage))
	}
	testMatch := func(runs event.Line, latest int) event.Data {
		return event.Data{Sport: event.Cricket, Kind: event.ScoreChange, Score: score(latest, 200),
			LineScore: &event.LineScore{Home: runs, Away: event.Line{{Runs: 200}}}}
	}
	endOfPeriod := event.Data{Sport: event.Basketball, Kind: event.PeriodEnd}
	for name, tc := range map[string]struct {
		only []string
		d    event.Data
		want bool
	}{
		"takes the lead":            {leads, basket(home, 3, score(51, 50), "q2", 5*time.Minute), true},
		"level again":               {leads, basket(home, 2, score(50, 50), "q2", 5*time.Minute), true},
		"first basket":              {leads, basket(away, 2, score(0, 2), "q1", 11*time.Minute), true},
		"still leads":               {leads, basket(home, 3, score(55, 50), "q2", 5*time.Minute), false},
		"still behind":              {leads, basket(home, 3, score(45, 50), "q2", 5*time.Minute), false},
		"unknown points":            {leads, basket(home, 0, score(50, 50), "q2", 5*time.Minute), false},
		"early":                     {lastMinutes, basket(home, 3, score(51, 50), "q4", 5*time.Minute+time.Second), false},
		"last five minutes":         {lastMinutes, basket(home, 3, score(75, 50), "q4", 5*time.Minute), true},
		"last minutes of a quarter": {lastMinutes, basket(home, 3, score(51, 50), "q3", time.Minute), false},
		"overtime":                  {lastMinutes, basket(home, 2, score(99, 95), "ot1", 5*time.Minute), true},
		"either": {[]string{leadChanges, "last 2m"},
			basket(home, 2, score(99, 95), "q4", time.Minute), true},
		"time-out":                      {leads, event.Data{Sport: event.Basketball, Kind: "timeout"}, true},
		"end of a period":               {ends, endOfPeriod, true},
		"end of a period, not selected": {leads, endOfPeriod, false},
		"basket, not selected":          {ends, basket(home, 3, score(51, 50), "q4", time.Minute), false},
		"start of a period":             {ends, event.Data{Sport: event.Basketball, Kind: event.PeriodStart}, true},
		"scorer corrected":              {leads, corrected, true},
		"score corrected":               {leads, changed(corrected, "50-50", "51-50"), false},
		"scoreboard, lead changes":      {leads, changed(scoreboard, "20-18", "20-21"), true},
		"scoreboard, same leader":       {leads, changed(scoreboard, "18-19", "20-21"), false},
		"scoreboard, unknown before":    {leads, scoreboard, false},
		"scoreboard, late":              {lastMinutes, changed(scoreboard, "18-19", "20-21"), true},
		"penalty try": {leads,
			points(event.Rugby, "try", home, 7, score(10, 7), event.Rugby.AtMinute("1h", 20, 0)), true},
		"conversion of the leader": {leads,
			points(event.Rugby, "conversion", home, 2, score(10, 7), event.Rugby.AtMinute("1h", 20, 0)), false},
		"missed conversion": {leads,
			points(event.Rugby, "conversion", home, 0, score(7, 7), event.Rugby.AtMinute("1h", 20, 0)), false},
		"rugby, minute 75": {lastMinutes, try(75, 0), false},
		"rugby, minute 76": {lastMinutes, try(76, 0), true},
		"rugby, stoppage":  {lastMinutes, try(80, 3), true},
		"hockey equalizer": {leads,
			points(event.IceHockey, event.Goal, away, 0, score(1, 1), event.Clock{Period: "p1", Elapsed: 60}), true},
		"hockey, 3-0": {leads,
			points(event.IceHockey, event.Goal, home, 0, score(3, 0), event.Clock{Period: "p1", Elapsed: 60}), false},
		"new set": {leads,
			changed(event.Data{Sport: event.Tennis, Kind: event.ScoreChange, Score: score(0, 0)}, "6-4", "0-0"), false},
		"new innings": {leads, changed(testMatch(event.Line{{Runs: 300}, {Runs: 0}}, 0), "300-200", "0-200"), false},
		"still behind in the second innings": {leads,
			changed(testMatch(event.Line{{Runs: 150}, {Runs: 40}}, 40), "36-200", "40-200"), false},
		"ahead in the second innings": {leads,
			changed(testMatch(event.Line{{Runs: 150}, {Runs: 51}}, 51), "47-200", "51-200"), true},
		"extra innings": {lastMinutes, points(event.Baseball, "run", home, 1, score(5, 4), event.Clock{Period: "i10"}), true},
		"ninth inning":  {lastMinutes, points(event.Baseball, "run", home, 1, score(5, 4), event.Clock{Period: "i9"}), false},
		"no clock":      {lastMinutes, points(event.Basketball, "basket", home, 2, score(5, 4), noClock), false},
	} {
		f := filter{Only: tc.only}
		if got := f.matches(event.Event{Data: tc.d}); got != tc.want {
			t.Errorf("%s: matches %t, want %t", name, got, tc.want)
		}
	}
}

var basketLine = regexp.MustCompile(`^- (Q\d) \| (\d\d):(\d\d)\.\d+ \| (\w+) \| (\d) \| (.+?) \| (\d+)-(\d+) \|`)

// In a real game with 120 baskets, a rule with lead_changes matches few of them, because the home team
// leads for most of the game.
func TestOnlyOfABasketballGame(t *testing.T) {
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "facts", "nba-0022000001.md"))
	if err != nil {
		t.Skip("the file with the facts of the game is missing")
	}
	defer f.Close()
	all := filter{Kinds: []string{"basket"}}
	leads := filter{Kinds: []string{"basket"}, Only: only{leadChanges}}
	late := filter{Kinds: []string{"basket"}, Only: only{leadChanges, "last 2m"}}
	var baskets, changes, lateToo int
	var leader int // 1 if the home team leads, -1 if the away team leads, 0 if the score is level
	for lines := bufio.NewScanner(f); lines.Scan(); {
		m := basketLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		n := func(i int) int { v, _ := strconv.Atoi(m[i]); return v }
		d := event.Data{Sport: event.Basketball, Kind: "basket", Side: event.Away, Points: n(5),
			Score: &event.Score{Home: n(8), Away: n(7)},
			Clock: &event.Clock{Period: event.Period(strings.ToLower(m[1])), Elapsed: 720 - n(2)*60 - n(3)}}
		if m[4] == "BKN" {
			d.Side = event.Home
		}
		e := event.Event{Type: "basketball.nba.basket", Data: d}
		now := 0
		switch {
		case d.Score.Home > d.Score.Away:
			now = 1
		case d.Score.Home < d.Score.Away:
			now = -1
		}
		if leads.matches(e) != (now != leader) {
			t.Errorf("%v at %v: matches %t, leader %d, previous leader %d, want a match only if the leader changes",
				d.Score, d.Clock, leads.matches(e), now, leader)
		}
		leader = now
		for f, count := range map[*int]bool{&baskets: all.matches(e), &changes: leads.matches(e), &lateToo: late.matches(e)} {
			if count {
				*f++
			}
		}
	}
	t.Logf("%d baskets: lead_changes matches %d, and with last 2m %d", baskets, changes, lateToo)
	if baskets != 120 || changes == 0 || changes > 12 || lateToo <= changes || lateToo > 24 {
		t.Errorf("of %d baskets, lead_changes matches %d, and with last 2m %d; want 1 to 12 of 120, and more, up to 24",
			baskets, changes, lateToo)
	}
}
