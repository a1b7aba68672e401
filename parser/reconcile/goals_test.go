package reconcile_test

import (
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A goal stays the same incident when the page changes its attributes.
func TestIdentityOfGoals(t *testing.T) {
	t.Parallel()
	first, second := goalBy(event.Away, "Mbappé", at(80, 0)), goalBy(event.Away, "Mbappé", at(81, 0))
	s := begin(t, observed(event.Live, "2h", event.Score{}))
	// One player scores twice, a minute apart. The page lists the latest goal first.
	s.expect(observed(event.Live, "2h", event.Score{Away: 2}, second, first), "goal 80' away Mbappé 0-1",
		"goal 81' away Mbappé 0-2")
	// The order on the page does not matter.
	s.expect(observed(event.Live, "2h", event.Score{Away: 2}, first, second))
	// The page changes the minute of the first goal, and then the player and the detail of the second.
	first.Clock = at(79, 0)
	s.expect(observed(event.Live, "2h", event.Score{Away: 2}, first, second),
		"goal_corrected 79' away Mbappé 0-2 time:80'→79'")
	second.Player, second.Detail = "Behich", event.OwnGoal
	s.expect(observed(event.Live, "2h", event.Score{Away: 2}, first, second),
		"goal_corrected 81' away Behich own_goal 0-2 detail:→own_goal player:Mbappé→Behich")
	// The row disappears temporarily, but the score stays.
	s.expect(observed(event.Live, "2h", event.Score{Away: 2}, first))
	s.expect(observed(event.Live, "2h", event.Score{Away: 2}, first, second))
	// A name without its diacritics is not a correction.
	first.Player = "Mbappe"
	s.expect(observed(event.Live, "2h", event.Score{Away: 2}, first, second))
}

// A goal that only the score shows is provisional until its row appears.
func TestScoreAheadOfTheRow(t *testing.T) {
	t.Parallel()
	s := begin(t, observed(event.Live, "1h", event.Score{}))
	o := observed(event.Live, "1h", event.Score{Home: 1})
	o.Match.Clock = at(12, 0)
	s.expect(o, "goal 12' home 1-0 provisional")
	s.expect(observed(event.Live, "1h", event.Score{Home: 1}, goalBy(event.Home, "Villa", at(11, 0))),
		"goal_corrected 11' home Villa 1-0 player:→Villa time:12'→11'")
	// A row is not reported before the score includes its goal.
	two := []observation.Incident{goalBy(event.Home, "Villa", at(11, 0)), goalBy(event.Home, "Villa", at(20, 0))}
	s.expect(observed(event.Live, "1h", event.Score{Home: 1}, two...))
	s.expect(observed(event.Live, "1h", event.Score{Home: 2}, two...), "goal 20' home Villa 2-0")
}

// Two fresh pages without a goal retract it.
func TestGoalRetracted(t *testing.T) {
	t.Parallel()
	one, two := goalBy(event.Home, "Villa", at(50, 0)), goalBy(event.Home, "Lampard", at(60, 0))
	s := begin(t, live(61, event.Score{Home: 2}, one, two))
	// One fresh page without the goal is not enough.
	s.expect(live(62, event.Score{Home: 1}, one))
	s.expect(live(63, event.Score{Home: 1}, one), "goal_retracted 60' home Lampard 1-0")
	if score := *s.state.Score; score != (event.Score{Home: 1}) {
		t.Errorf("score %v, want 1-0", score)
	}
	// If the goal appears again, it is another incident.
	s.expect(live(70, event.Score{Home: 2}, one, two), "goal 60' home Lampard 2-0")
	ids := map[string]bool{}
	for _, tracked := range s.state.Tracked {
		if ids[tracked.ID] {
			t.Errorf("two incidents have ID %s, want different IDs", tracked.ID)
		}
		ids[tracked.ID] = true
	}
}

// If the first of two goals is retracted, the second stays.
func TestFirstGoalRetracted(t *testing.T) {
	t.Parallel()
	one, two := goalBy(event.Home, "Villa", at(50, 0)), goalBy(event.Home, "Lampard", at(60, 0))
	s := begin(t, live(61, event.Score{Home: 2}, one, two))
	s.expect(live(62, event.Score{Home: 1}, two))
	s.expect(live(63, event.Score{Home: 1}, two), "goal_retracted 50' home Villa 1-0")
}

// The score determines the number of goals, even if the page has no rows for them.
func TestGoalRetractedWithoutRows(t *testing.T) {
	t.Parallel()
	s := begin(t, live(50, event.Score{}))
	s.expect(live(51, event.Score{Home: 2}), "goal 51' home 1-0 provisional", "goal 51' home 2-0 provisional")
	s.expect(live(52, event.Score{Home: 1}))
	s.expect(live(53, event.Score{Home: 1}), "goal_retracted 51' home 1-0 provisional")
	s.now += 40 * time.Minute
	s.expect(observed(event.Final, "", event.Score{Home: 1}), "period_end 2h 1-0", "match_end 1-0 home by regulation")

	a, b := goalBy(event.Home, "A", at(20, 0)), goalBy(event.Home, "B", at(40, 0))
	s = begin(t, live(50, event.Score{Home: 3}, a, b))
	s.expect(live(51, event.Score{Home: 2}, a))
	s.expect(live(52, event.Score{Home: 2}, a), "goal_retracted 40' home B 2-0")
}

// If the page has no score, a goal is retracted like a card.
func TestGoalRetractedWithoutAScore(t *testing.T) {
	t.Parallel()
	show := func(m int, in ...observation.Incident) observation.Observation {
		o := live(m, event.Score{}, in...)
		o.Score = nil
		return o
	}
	card := observation.Incident{Kind: event.YellowCard, Side: event.Away, Player: "C", Clock: at(30, 0)}
	s := begin(t, show(49, card))
	s.expect(show(51, card, goalBy(event.Home, "A", at(50, 0))), "goal 50' home A 1-0")
	for m := 52; m < 58; m++ {
		s.expect(show(m, card))
	}
	s.expect(show(58, card), "goal_retracted 50' home A 0-0")
}

// If a goal moves to the other side, the page that retracts the goal also reports it for the other
// side.
func TestGoalChangesSides(t *testing.T) {
	t.Parallel()
	s := begin(t, live(50, event.Score{}))
	s.expect(live(51, event.Score{Home: 1}, goalBy(event.Home, "A", at(50, 0))), "goal 50' home A 1-0")
	s.expect(live(52, event.Score{Away: 1}, goalBy(event.Away, "B", at(50, 0))))
	s.expect(live(53, event.Score{Away: 1}, goalBy(event.Away, "B", at(50, 0))), "goal_retracted 50' home A 0-0",
		"goal 50' away B 0-1")
}

// A goal that first appears at half time is reported before the end of the half.
func TestGoalShownAtHalfTime(t *testing.T) {
	t.Parallel()
	s := begin(t, observed(event.Live, "1h", event.Score{}))
	s.expect(observed(event.Break, "ht", event.Score{Home: 1}), "goal home 1-0 provisional", "period_end 1h 1-0")
}

// A goal and a penalty by one player in one minute keep their details, whatever their order on the
// page. An own goal that becomes the goal of another player loses its detail.
func TestDetailsOfGoals(t *testing.T) {
	t.Parallel()
	goal, penalty := goalBy(event.Home, "Villa", at(10, 0)), goalBy(event.Home, "Villa", at(10, 0))
	penalty.Detail = event.PenaltyGoal
	s := begin(t, observed(event.Live, "1h", event.Score{}))
	s.expect(observed(event.Live, "1h", event.Score{Home: 2}, goal, penalty), "goal 10' home Villa 1-0",
		"goal 10' home Villa penalty 2-0")
	s.expect(observed(event.Live, "1h", event.Score{Home: 2}, penalty, goal))
	s.expect(observed(event.Live, "1h", event.Score{Home: 2}, penalty))
	s.expect(observed(event.Live, "1h", event.Score{Home: 2}, goal, penalty))

	own := goalBy(event.Away, "Behich", at(81, 0))
	own.Detail = event.OwnGoal
	s = begin(t, observed(event.Live, "2h", event.Score{}))
	s.expect(observed(event.Live, "2h", event.Score{Away: 1}, own), "goal 81' away Behich own_goal 0-1")
	s.expect(observed(event.Live, "2h", event.Score{Away: 1}, goalBy(event.Away, "Pogba", at(81, 0))),
		"goal_corrected 81' away Pogba 0-1 detail:own_goal→ player:Behich→Pogba")
}

// If a row disappears, and a new row appears with a higher score, the new row is another goal.
func TestRowDisappearsAsAnotherAppears(t *testing.T) {
	t.Parallel()
	a, b, c := goalBy(event.Home, "A", at(20, 0)), goalBy(event.Home, "B", at(40, 0)), goalBy(event.Home, "C", at(41, 0))
	s := begin(t, live(50, event.Score{Home: 2}, a, b))
	s.expect(live(51, event.Score{Home: 3}, a, c), "goal 41' home C 3-0")
	s.expect(live(52, event.Score{Home: 3}, a, b, c))
}

// A row or a detail that is temporarily missing causes no event. A minute that appears late corrects the
// goal.
func TestRowIsTemporarilyMissing(t *testing.T) {
	t.Parallel()
	a, b, c := goalBy(event.Home, "A", at(20, 0)), goalBy(event.Home, "B", at(40, 0)), goalBy(event.Home, "C", at(80, 0))
	s := begin(t, live(81, event.Score{Home: 3}, a, b, c))
	s.expect(live(82, event.Score{Home: 3}, a, c))
	s.expect(live(83, event.Score{Home: 3}, a, b, c))
	// A row without a minute is the same goal when the page adds the minute.
	bare := goalBy(event.Home, "D", event.Clock{})
	s.expect(live(84, event.Score{Home: 4}, a, b, c, bare), "goal home D 4-0")
	d := goalBy(event.Home, "D", at(84, 0))
	s.expect(live(85, event.Score{Home: 4}, a, b, c, d), "goal_corrected 84' home D 4-0 time:→84'")
	// A detail that is missing on one page does not change.
	d.Detail = event.PenaltyGoal
	s.expect(live(86, event.Score{Home: 4}, a, b, c, d), "goal_corrected 84' home D penalty 4-0 detail:→penalty")
	d.Detail = ""
	s.expect(live(87, event.Score{Home: 4}, a, b, c, d))
}
