package reconcile_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// topOfFirst returns an observation of a baseball game in the top of the first inning, with a situation.
func topOfFirst(away int, s *event.Situation) observation.Observation {
	o := observed(event.Live, "i1", event.Score{Away: away})
	o.Sport, o.League = event.Baseball, "MLB"
	o.Match.Clock = event.Clock{Period: "i1", Half: event.Top}
	o.Match.Situation = s
	return o
}

// The count of the batter changes with every pitch. A new count causes no event, but it is saved
// with the match, and the next event contains it. Reading the same page again changes nothing.
func TestACountIsNoEventButIsSaved(t *testing.T) {
	t.Parallel()
	s := begin(t, topOfFirst(0, &event.Situation{Batting: event.Away, Balls: new(0), Strikes: new(0), Outs: new(0)}))
	full := &event.Situation{Batting: event.Away, Balls: new(3), Strikes: new(2), Outs: new(0), Bases: []int{1}}
	s.expect(topOfFirst(0, full))
	if !reflect.DeepEqual(s.state.Match.Situation, full) {
		t.Errorf("saved situation %v, want %v", s.state.Match.Situation, full)
	}
	before := s.state
	s.now -= 20 * time.Second
	s.expect(topOfFirst(0, full))
	if !reflect.DeepEqual(s.state, before) {
		t.Errorf("the same page changed the saved state from\n%+v to\n%+v", before, s.state)
	}
	var shown string
	s.onEvent = func(e event.Event) { shown = e.Data.Match.Situation.String() }
	s.expect(topOfFirst(2, &event.Situation{Batting: event.Away, Outs: new(0), Bases: []int{}}), "score_change 0-2")
	if want := "batting:away, outs:0, bases:[]"; shown != want {
		t.Errorf("situation of the event %q, want %q, as on its page", shown, want)
	}
}

// The ID of an event does not depend on the situation. So two parsers that read the page one pitch
// apart report the same event.
func TestTheSituationIsNotPartOfTheID(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	for balls := range 2 {
		s := begin(t, topOfFirst(0, nil))
		s.onEvent = func(e event.Event) { ids[e.ID] = true }
		s.expect(topOfFirst(1, &event.Situation{Balls: new(balls)}), "score_change 0-1")
	}
	if len(ids) != 1 {
		t.Errorf("%d IDs, want one", len(ids))
	}
}

// drive returns an observation of an American football game in the second quarter.
func drive(elapsed int, s *event.Situation) observation.Observation {
	o := observed(event.Live, "q2", event.Score{Home: 7, Away: 3})
	o.Sport, o.League = event.AmericanFootball, "NFL"
	o.Match.Clock = event.Clock{Period: "q2", Elapsed: elapsed}
	o.Match.Situation = s
	return o
}

// The situation is removed when its site stops showing it, when the match is over, and when no page
// is usable. A page of another site that shows no situation does not remove it. An older copy does
// not change it.
func TestWhenASituationIsForgotten(t *testing.T) {
	t.Parallel()
	thirdAnd7 := &event.Situation{Possession: event.Home, Down: 3, Distance: 7}
	for name, c := range map[string]struct {
		then func(s *story)
		want string
	}{
		"the site shows no situation": {func(s *story) { s.read(drive(120, nil)) }, ""},
		"another site shows no situation": {
			func(s *story) { s.from("/other").read(drive(120, nil)) }, "possession:home, down:3, distance:7"},
		"another site shows the next play": {
			func(s *story) { s.from("/other").read(drive(120, &event.Situation{Down: 4, Distance: 1})) },
			"down:4, distance:1"},
		"the match is over": {func(s *story) {
			o := drive(0, thirdAnd7)
			o.Match.Status, o.Match.Period, o.Match.Clock = event.Final, "", event.Clock{}
			s.now += 4 * time.Hour
			s.read(o)
		}, ""},
		"an end that is too early is not accepted": {func(s *story) {
			o := drive(120, thirdAnd7)
			o.Match.Status, o.Match.Period = event.Final, ""
			s.read(o)
		}, "possession:home, down:3, distance:7"},
		"an older copy of the page": {
			func(s *story) { s.read(drive(30, &event.Situation{Down: 1, Distance: 10})) },
			"possession:home, down:3, distance:7"},
		"an older copy with a lower score": {func(s *story) {
			o := drive(60, &event.Situation{Down: 1, Distance: 10})
			o.Score = &event.Score{Away: 3}
			s.read(o)
		}, "possession:home, down:3, distance:7"},
		"no page is usable": {func(s *story) {
			from := reconcile.Provenance{Site: "/parser/test", At: time.Unix(1478476221, 0).Add(time.Hour)}
			next, _, err := reconcile.MarkStale(s.state, from, "status 503")
			if err != nil {
				t.Fatal(err)
			}
			s.state = next
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t, drive(60, thirdAnd7))
			c.then(s)
			if got := s.state.Match.Situation.String(); got != c.want {
				t.Errorf("situation %q, want %q", got, c.want)
			}
		})
	}
}

// byPeriod returns a line score from the points of each side.
func byPeriod(home, away []int) *event.LineScore {
	l := &event.LineScore{}
	for _, n := range home {
		l.Home = append(l.Home, event.Innings{Runs: n})
	}
	for _, n := range away {
		l.Away = append(l.Away, event.Innings{Runs: n})
	}
	return l
}

// quarter returns an observation of a basketball game with a line score, which may be nil.
func quarter(p event.Period, elapsed, home, away int, l *event.LineScore) observation.Observation {
	o := observed(event.Live, p, event.Score{Home: home, Away: away})
	o.Sport, o.League, o.LineScore = event.Basketball, "NBA", l
	o.Match.Clock = event.Clock{Period: p, Elapsed: elapsed}
	return o
}

// The line score follows the score, even if the line score on the page is a poll behind or missing.
// A change in only the line score causes no event.
func TestTheLineScoreFollowsTheScore(t *testing.T) {
	t.Parallel()
	s := begin(t, quarter("q1", 0, 0, 0, byPeriod([]int{0}, []int{0})))
	steps := []struct {
		name       string
		page       observation.Observation
		events     []string
		lineScores string // of the events
		saved      string
	}{
		{"a basket in the first quarter", quarter("q1", 60, 2, 0, byPeriod([]int{2}, []int{0})),
			[]string{"score_change 01:00 2-0"}, "2 v 0", "2 v 0"},
		{"the line score is a poll behind", quarter("q1", 90, 2, 3, byPeriod([]int{2}, []int{0})),
			[]string{"score_change 01:30 2-3"}, "2 v 3", "2 v 3"},
		{"only the line score changes", quarter("q1", 90, 2, 3, byPeriod([]int{2}, []int{3})), nil, "", "2 v 3"},
		{"the next quarter begins", quarter("q2", 0, 2, 3, byPeriod([]int{2, 0}, []int{3, 0})),
			[]string{"period_end q1 2-3", "period_start q2 2-3"}, "2 0 v 3 0, 2 0 v 3 0", "2 0 v 3 0"},
		{"the page has no line score", quarter("q2", 30, 4, 3, nil),
			[]string{"score_change 00:30 4-3"}, "2 2 v 3 0", "2 2 v 3 0"},
		{"points moved to the quarter before", quarter("q2", 60, 4, 3, byPeriod([]int{4, 0}, []int{3, 0})), nil, "",
			"4 0 v 3 0"},
		{"the page skips to the third quarter", quarter("q3", 60, 9, 3, nil),
			[]string{"period_end q2 4-3", "period_start q3 4-3", "score_change 01:00 9-3"},
			"4 0 v 3 0, 4 0 v 3 0", ""},
		{"the line score is known again", quarter("q3", 90, 9, 3, byPeriod([]int{4, 3, 2}, []int{3, 0, 0})), nil, "",
			"4 3 2 v 3 0 0"},
		{"the line score does not add up", quarter("q3", 120, 9, 6, byPeriod([]int{4, 3}, []int{3, 0})),
			[]string{"score_change 02:00 9-6"}, "4 3 2 v 3 0 3", "4 3 2 v 3 0 3"},
	}
	for _, c := range steps {
		var lineScores []string
		s.onEvent = func(e event.Event) {
			if e.Data.LineScore != nil {
				lineScores = append(lineScores, e.Data.LineScore.ByPeriod())
			}
		}
		got, saved := s.read(c.page), ""
		if s.state.LineScore != nil {
			saved = s.state.LineScore.ByPeriod()
		}
		if !slices.Equal(got, c.events) || strings.Join(lineScores, ", ") != c.lineScores || saved != c.saved {
			t.Errorf("%s: events %q with line scores %q, saved %q, want %q, %q, %q",
				c.name, got, lineScores, saved, c.events, c.lineScores, c.saved)
		}
	}
}

// The event of each goal has the line score after this goal, even if one page shows several goals.
// If a goal is retracted, it no longer counts in its period.
func TestEachGoalHasItsLineScore(t *testing.T) {
	t.Parallel()
	goal := func(side event.Side, player string, p event.Period, elapsed int) observation.Incident {
		return goalBy(side, player, event.Clock{Period: p, Elapsed: elapsed})
	}
	hockey := func(elapsed int, home, away int, l *event.LineScore, in ...observation.Incident) observation.Observation {
		o := observed(event.Live, "p2", event.Score{Home: home, Away: away}, in...)
		o.Sport, o.League, o.LineScore = event.IceHockey, "NHL", l
		o.Match.Clock = event.Clock{Period: "p2", Elapsed: elapsed}
		return o
	}
	crosby, malkin := goal(event.Home, "Crosby", "p1", 300), goal(event.Home, "Malkin", "p2", 100)
	ovechkin := goal(event.Away, "Ovechkin", "p1", 600)
	s := &story{t: t, state: reconcile.State{Epoch: "e1"}}
	s.read(hockey(200, 2, 1, byPeriod([]int{1, 1}, []int{1, 0}), crosby, malkin, ovechkin))
	if want := []string{"1 v ", "1 v 1", "1 & 1 v 1 & 0"}; !slices.Equal(slices.Compact(s.lineScores), want) {
		t.Errorf("line scores %q, want those after each goal: %q", s.lineScores, want)
	}
	for n := range 3 {
		s.snapshot = string(rune('a' + n))
		s.read(hockey(300+60*n, 1, 1, nil, crosby, ovechkin))
	}
	if got := s.state.LineScore; got == nil || got.ByPeriod() != "1 0 v 1 0" {
		t.Errorf("line score %v after the goal was retracted, want 1 0 v 1 0", got)
	}
}

// Neither the column of a shoot-out nor the goal for its winner is part of the line score.
func TestTheColumnOfAShootOutIsNotAPeriod(t *testing.T) {
	t.Parallel()
	o := observed(event.Final, event.ShootOut, event.Score{Home: 3, Away: 2})
	o.Sport, o.League = event.IceHockey, "NHL"
	for name, column := range map[string]*event.LineScore{
		"with the winner's goal": byPeriod([]int{1, 1, 0, 0, 1}, []int{0, 2, 0, 0, 0}),
		"with the attempts":      byPeriod([]int{1, 1, 0, 0, 2}, []int{0, 2, 0, 0, 1}),
		"without a column":       byPeriod([]int{1, 1, 0, 0}, []int{0, 2, 0, 0}),
	} {
		o.LineScore = column
		s := begin(t, o)
		if got := s.state.LineScore; got == nil || got.ByPeriod() != "1 1 0 0 v 0 2 0 0" {
			t.Errorf("%s: line score %v, want 1 1 0 0 v 0 2 0 0", name, got)
		}
	}
}

// The events of a tennis match have the games of all sets.
func TestEventsHaveTheSets(t *testing.T) {
	t.Parallel()
	first := event.Score{Home: 5, Away: 4}
	s := begin(t, withSets(tennisAt("s1", first), first))
	s.read(withSets(tennisAt("s2", event.Score{}), event.Score{Home: 6, Away: 4}, event.Score{Away: 1}))
	if want := []string{"6 v 4", "6 & 0 v 4 & 1"}; !slices.Equal(slices.Compact(s.lineScores), want) {
		t.Errorf("sets of the events %q, want %q", s.lineScores, want)
	}
}
