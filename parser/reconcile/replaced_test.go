package reconcile_test

import (
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// firstHalf returns an observation of the first half in minute m.
func firstHalf(m int, score event.Score, in ...observation.Incident) observation.Observation {
	o := observed(event.Live, event.FirstHalf, score, in...)
	o.Match.Clock = event.SoccerMinute(event.FirstHalf, m, 0)
	return o
}

// If a row differs too much from a tracked goal, it replaces the goal: the tracked goal is retracted,
// and the row is reported as a new goal. If the row differs less, it corrects the tracked goal.
func TestReplacedOrCorrected(t *testing.T) {
	t.Parallel()
	first := goalBy(event.Home, "Ann Lee", at(40, 0))
	replaced := []string{"goal_retracted 40' home Ann Lee 0-0"}
	for name, tc := range map[string]struct {
		row  observation.Incident
		want []string
	}{
		"another player, more than two minutes later": {goalBy(event.Home, "Ora", at(43, 0)), append(replaced,
			"goal 43' home Ora 1-0")},
		"another player, two minutes later": {goalBy(event.Home, "Ora", at(42, 0)),
			[]string{"goal_corrected 42' home Ora 1-0 player:Ann Lee→Ora time:40'→42'"}},
		"another player in the next period": {goalBy(event.Home, "Ora", at(46, 0)), append(replaced,
			"period_end 1h 0-0", "period_start 2h 0-0", "goal 46' home Ora 1-0")},
		"the same player in the next period": {goalBy(event.Home, "Ann Lee", at(46, 0)), append(replaced,
			"period_end 1h 0-0", "period_start 2h 0-0", "goal 46' home Ann Lee 1-0")},
		"the same player, much earlier": {goalBy(event.Home, "Ann Lee", at(4, 0)),
			[]string{"goal_corrected 4' home Ann Lee 1-0 time:40'→4'"}},
		"the same player, spelled differently": {goalBy(event.Home, "LEE A.", at(30, 0)),
			[]string{"goal_corrected 30' home LEE A. 1-0 player:Ann Lee→LEE A. time:40'→30'"}},
		// The page that reported the goal was at 41'.
		"the same player, two minutes after the page that showed the goal": {goalBy(event.Home, "Ann Lee", at(43, 0)),
			[]string{"goal_corrected 43' home Ann Lee 1-0 time:40'→43'"}},
		"the same player, long after the page that showed the goal": {goalBy(event.Home, "Ann Lee", at(44, 0)),
			append(replaced, "goal 44' home Ann Lee 1-0")},
		"no player, long after the page that showed the goal": {goalBy(event.Home, "", at(44, 0)),
			append(replaced, "goal 44' home 1-0")},
		"another player without a time": {goalBy(event.Home, "Ora", event.Clock{}),
			[]string{"goal_corrected 40' home Ora 1-0 player:Ann Lee→Ora"}},
		"an earlier time without a player": {goalBy(event.Home, "", at(4, 0)),
			[]string{"goal_corrected 4' home Ann Lee 1-0 time:40'→4'"}},
		"a later period without a player": {goalBy(event.Home, "", at(50, 0)), append(replaced,
			"period_end 1h 0-0", "period_start 2h 0-0", "goal 50' home 1-0")},
	} {
		s := begin(t, firstHalf(30, event.Score{}))
		s.expect(firstHalf(41, event.Score{Home: 1}, first), "goal 40' home Ann Lee 1-0")
		o := firstHalf(44, event.Score{Home: 1}, tc.row)
		if tc.row.Clock.Period == event.SecondHalf {
			o = live(60, event.Score{Home: 1}, tc.row)
		}
		t.Log(name)
		s.expect(o, tc.want...)
		s.expect(o)
	}
}

// After a goal, a fresh page shows the score without the goal. If a later page has a goal of another
// player, this goal replaces the first goal, even within two minutes. A goal of the same player
// corrects the first goal. So does a goal of another player, if a page has listed the first goal again.
func TestReplacedAfterALowerScore(t *testing.T) {
	t.Parallel()
	ann, ora := goalBy(event.Home, "Ann", at(40, 0)), goalBy(event.Home, "Ora", at(41, 0))
	reported := func() *story {
		s := begin(t, firstHalf(30, event.Score{}))
		s.expect(firstHalf(40, event.Score{Home: 1}, ann), "goal 40' home Ann 1-0")
		s.expect(firstHalf(41, event.Score{}))
		return s
	}
	s := reported()
	s.expect(firstHalf(42, event.Score{Home: 1})) // the row is late
	s.expect(firstHalf(43, event.Score{Home: 1}, ora), "goal_retracted 40' home Ann 0-0", "goal 41' home Ora 1-0")
	s = reported()
	s.expect(firstHalf(42, event.Score{Home: 1}, goalBy(event.Home, "Ann", at(41, 0))),
		"goal_corrected 41' home Ann 1-0 time:40'→41'")
	s = reported()
	s.expect(firstHalf(42, event.Score{Home: 1}, ann))
	s.expect(firstHalf(43, event.Score{Home: 1}, ora), "goal_corrected 41' home Ora 1-0 player:Ann→Ora time:40'→41'")
	// A provisional goal has no player who could differ.
	s = begin(t, firstHalf(30, event.Score{}))
	s.expect(firstHalf(40, event.Score{Home: 1}), "goal 40' home 1-0 provisional")
	s.expect(firstHalf(41, event.Score{}))
	s.expect(live(60, event.Score{Home: 1}, goalBy(event.Home, "Ora", at(59, 0))), "period_end 1h 1-0",
		"period_start 2h 1-0", "goal_corrected 59' home Ora 1-0 player:→Ora time:40'→59'")
}

// The goals of a side are compared regardless of their order: the goals that are still listed do not
// change.
func TestSetsOfGoals(t *testing.T) {
	t.Parallel()
	goal := func(player string, minute int) observation.Incident { return goalBy(event.Home, player, at(minute, 0)) }
	s := begin(t, firstHalf(10, event.Score{}))
	s.expect(firstHalf(44, event.Score{Home: 3}, goal("Ann", 12), goal("Bea", 30), goal("Ann", 40)),
		"goal 12' home Ann 1-0", "goal 30' home Bea 2-0", "goal 40' home Ann 3-0")
	s.expect(live(71, event.Score{Home: 3}, goal("Ora", 70), goal("Ann", 40), goal("Bea", 30)),
		"goal_retracted 12' home Ann 2-0", "period_end 1h 2-0", "period_start 2h 2-0", "goal 70' home Ora 3-0")
	// A goal that is listed again is another incident.
	s.expect(live(75, event.Score{Home: 3}, goal("Ann", 12), goal("Bea", 30), goal("Ann", 40)),
		"goal_retracted 70' home Ora 2-0", "goal 12' home Ann 3-0")
	ids := map[string]bool{}
	for _, tracked := range s.state.Tracked {
		ids[tracked.ID] = true
	}
	if len(ids) != len(s.state.Tracked) {
		t.Errorf("%d different IDs for %d incidents, want one for each", len(ids), len(s.state.Tracked))
	}
	// While a row is missing, no goal is replaced.
	s.expect(live(76, event.Score{Home: 3}, goal("Zoe", 74), goal("Bea", 30)))
}

// If all minutes and names change, each goal is paired with the goal that it resembles most.
func TestAllGoalsEdited(t *testing.T) {
	t.Parallel()
	goal := func(player string, minute int) observation.Incident { return goalBy(event.Home, player, at(minute, 0)) }
	s := begin(t, firstHalf(10, event.Score{}))
	s.read(firstHalf(30, event.Score{Home: 2}, goal("Ann", 10), goal("Bea", 13)))
	s.expect(firstHalf(31, event.Score{Home: 2}, goal("Cat", 11), goal("Dot", 8)),
		"goal_corrected 8' home Dot 2-0 player:Ann→Dot time:10'→8'",
		"goal_corrected 11' home Cat 2-0 player:Bea→Cat time:13'→11'")
}

// A page whose clock does not advance may be a stale copy. Such a page replaces a goal only if the next
// pages show the same.
func TestStaleCopyReplacesNothing(t *testing.T) {
	t.Parallel()
	ann, ora := goalBy(event.Home, "Ann", at(12, 0)), goalBy(event.Home, "Ora", at(30, 0))
	s := begin(t, firstHalf(10, event.Score{}))
	s.expect(firstHalf(40, event.Score{Home: 1}, ann), "goal 12' home Ann 1-0")
	s.expect(firstHalf(40, event.Score{Home: 1}, ora))
	s.expect(firstHalf(40, event.Score{Home: 1}, ann))
	for range 5 {
		s.expect(firstHalf(40, event.Score{Home: 1}, ora))
	}
	s.expect(firstHalf(40, event.Score{Home: 1}, ora), "goal_retracted 12' home Ann 0-0", "goal 30' home Ora 1-0")
}

// If another active site has set the attributes of a goal, a page with another player does not
// replace the goal.
func TestOtherSiteReplacesNothing(t *testing.T) {
	t.Parallel()
	ann, ora := goalBy(event.Home, "Ann", at(12, 0)), goalBy(event.Home, "Ora", at(30, 0))
	s := begin(t, firstHalf(10, event.Score{}))
	s.expect(firstHalf(40, event.Score{Home: 1}, ann), "goal 12' home Ann 1-0")
	s.from("b").expect(firstHalf(41, event.Score{Home: 1}, ora))
	s.from("").expect(firstHalf(42, event.Score{Home: 1}, ora), "goal_retracted 12' home Ann 0-0", "goal 30' home Ora 1-0")
	s.from("b").expect(firstHalf(42, event.Score{Home: 1}, ora))
}

// If the pages show no score, a goal that differs too much is reported immediately as a new goal. The
// first goal is retracted later, when several pages have not listed it.
func TestReplacedWithoutAScore(t *testing.T) {
	t.Parallel()
	show := func(m int, in ...observation.Incident) observation.Observation {
		o := firstHalf(m, event.Score{}, in...)
		o.Score = nil
		return o
	}
	ann, ora := goalBy(event.Home, "Ann", at(12, 0)), goalBy(event.Home, "Ora", at(40, 0))
	s := begin(t, show(10))
	s.expect(show(13, ann), "goal 12' home Ann 1-0")
	s.expect(show(41, ora), "goal 40' home Ora 2-0")
	for m := 42; m < 47; m++ {
		s.expect(show(m, ora))
	}
	s.expect(show(47, ora), "goal_retracted 12' home Ann 1-0")
}

// In sports with points, a row can raise the score of a side to the same value as a tracked row, but have
// another player and another period. The tracked points are then retracted, and the points of the row
// are reported as new.
func TestPointsReplaced(t *testing.T) {
	t.Parallel()
	show := func(q event.Period, sec int, score event.Score, in ...observation.Incident) observation.Observation {
		o := observed(event.Live, q, score, in...)
		o.Sport, o.Match.Clock = event.AmericanFootball, event.Clock{Period: q, Elapsed: sec}
		return o
	}
	touchdown := func(player string, q event.Period, sec int) observation.Incident {
		return observation.Incident{Kind: "touchdown", Side: event.Home, Player: player, Score: &event.Score{Home: 6},
			Clock: event.Clock{Period: q, Elapsed: sec}}
	}
	s := begin(t, show("q1", 0, event.Score{}))
	s.expect(show("q1", 200, event.Score{Home: 6}, touchdown("Ann", "q1", 190)), "touchdown 03:10 home Ann 6-0")
	s.expect(show("q1", 240, event.Score{Home: 6}, touchdown("Bea", "q1", 190)),
		"touchdown_corrected 03:10 home Bea 6-0 player:Ann→Bea")
	s.expect(show("q3", 100, event.Score{Home: 6}, touchdown("Ora", "q3", 90)),
		"touchdown_retracted 03:10 home Bea 6-0", "period_end q1 6-0", "period_start q2 6-0", "period_end q2 6-0",
		"period_start q3 6-0", "touchdown 01:30 home Ora 6-0")
}

// An incident cannot be later than the page that reported it. So a row with a much later clock is a
// new incident, even in sports whose clocks do not show minutes.
func TestScoredAfterThePage(t *testing.T) {
	t.Parallel()
	page := func(sport event.Sport, p event.Period, elapsed int, in observation.Incident) observation.Observation {
		o := observed(event.Live, p, event.Score{Home: 1}, in)
		o.Sport, o.Match.Clock = sport, event.Clock{Period: p, Elapsed: elapsed}
		return o
	}
	goal := func(p event.Period, elapsed int) observation.Incident {
		return goalBy(event.Home, "Ann", event.Clock{Period: p, Elapsed: elapsed})
	}
	basket := func(p event.Period, elapsed int) observation.Incident {
		in := goal(p, elapsed)
		in.Kind, in.Score = "basket", &event.Score{Home: 1}
		return in
	}
	for name, tc := range map[string]struct{ first, next observation.Observation }{
		"ice hockey": {page(event.IceHockey, "p1", 300, goal("p1", 290)), page(event.IceHockey, "p1", 700, goal("p1", 690))},
		"ice hockey, the next period": {page(event.IceHockey, "p1", 1100, goal("p1", 1090)),
			page(event.IceHockey, "p2", 700, goal("p2", 690))},
		"basketball": {page(event.Basketball, "q1", 100, basket("q1", 90)),
			page(event.Basketball, "q1", 400, basket("q1", 390))},
	} {
		s := begin(t, tc.first)
		lines := s.read(tc.next)
		if len(lines) < 2 || !strings.Contains(lines[0], "_retracted") ||
			!strings.Contains(lines[len(lines)-1], " home Ann ") || strings.Contains(lines[len(lines)-1], "_corrected") {
			t.Errorf("%s: events %q, want a retraction and a new incident", name, lines)
		}
	}
}
