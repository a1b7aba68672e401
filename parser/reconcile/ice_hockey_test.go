package reconcile_test

import (
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// hockey returns an observation of an ice hockey game.
func hockey(status event.Status, p event.Period, score event.Score,
	in ...observation.Incident) observation.Observation {
	o := observed(status, p, score, in...)
	o.Sport, o.League = event.IceHockey, "NHL"
	return o
}

func attempt(side event.Side, player, detail string) observation.Incident {
	return observation.Incident{Kind: event.ShootoutAttempt, Side: side, Player: player, Detail: detail}
}

// The scored attempts of a shoot-out add up to its tally, like the kicks in soccer. The page's score
// includes a goal for the winner, which is not reported as a goal.
func TestHockeyAttempts(t *testing.T) {
	t.Parallel()
	level := event.Score{Home: 2, Away: 2}
	a, b := attempt(event.Home, "Eberle", event.Scored), attempt(event.Away, "Boldy", event.Missed)
	s := begin(t, hockey(event.Live, "so", level))
	s.expect(hockey(event.Live, "so", level, a), "shootout_attempt home Eberle scored 2-2")
	s.expect(hockey(event.Final, "", event.Score{Home: 3, Away: 2}, a, b), "shootout_attempt away Boldy missed 2-2",
		"period_end so 2-2", "match_end 2-2 home by shootout")
	if *s.state.Shootout != (event.Score{Home: 1}) {
		t.Errorf("tally %v, want 1-0", s.state.Shootout)
	}
}

// If a scoreboard does not show the tally of the shoot-out, one more goal in the score shows the
// winner.
func TestHockeyShootOutWithoutTally(t *testing.T) {
	t.Parallel()
	level := event.Score{Home: 2, Away: 2}
	s := begin(t, hockey(event.Live, "ot1", level))
	s.expect(hockey(event.Live, "so", level), "period_end ot1 2-2", "period_start so 2-2")
	s.expect(hockey(event.Ended, "", event.Score{Home: 2, Away: 3}), "period_end so 2-2",
		"match_end 2-2 away by shootout")
	s.expect(hockey(event.Final, "", event.Score{Home: 2, Away: 3}), "status_change final 2-2")
}

// If the first page shows the end of a game with a shoot-out, the goal for its winner does not count.
func TestHockeyShootOutOnTheFirstPage(t *testing.T) {
	t.Parallel()
	o := hockey(event.Final, "so", event.Score{Home: 3, Away: 2})
	o.Shootout = &event.Score{Home: 2, Away: 1}
	s := begin(t, o)
	if *s.state.Score != (event.Score{Home: 2, Away: 2}) {
		t.Errorf("score %v, want 2-2", s.state.Score)
	}
}

// A player can get two identical penalties at the same time. A second list that repeats them adds no penalty.
func TestTwoPenaltiesAtOnce(t *testing.T) {
	t.Parallel()
	minor := observation.Incident{Kind: event.Penalty, Detail: "roughing", Side: event.Home, Player: "Murphy",
		Clock: event.Clock{Period: "p2", Elapsed: 1083}}
	elsewhere := minor
	elsewhere.List = 1
	s := begin(t, hockey(event.Live, "p2", event.Score{}))
	s.expect(hockey(event.Live, "p2", event.Score{}, minor, minor),
		"penalty 18:03 home Murphy roughing 0-0", "penalty 18:03 home Murphy roughing 0-0")
	s.expect(hockey(event.Live, "p2", event.Score{}, minor, minor, elsewhere, elsewhere))
}

// The row of a goal from just before a break appears only during the break. It adds the player and
// the time.
func TestHockeyGoalBeforeTheBreak(t *testing.T) {
	t.Parallel()
	goal := observation.Incident{Kind: event.Goal, Side: event.Home, Player: "Tanev",
		Clock: event.Clock{Period: "p1", Elapsed: 1198}}
	s := begin(t, hockey(event.Live, "p1", event.Score{}))
	s.expect(hockey(event.Break, "p1", event.Score{Home: 1}), "goal home 1-0 provisional", "period_end p1 1-0")
	s.expect(hockey(event.Break, "p1", event.Score{Home: 1}, goal),
		"goal_corrected 19:58 home Tanev 1-0 player:→Tanev time:→19:58")
}

// A goal that is disallowed after a challenge is retracted. The officials set the clock back, so the
// side can score again at almost the same match time.
func TestHockeyGoalAfterChallenge(t *testing.T) {
	t.Parallel()
	goal := func(player string, sec int) observation.Incident {
		return observation.Incident{Kind: event.Goal, Side: event.Home, Player: player,
			Clock: event.Clock{Period: "p2", Elapsed: sec}}
	}
	challenge := observation.Incident{Kind: "challenge", Detail: "off-side", Side: event.Away,
		Clock: event.Clock{Period: "p2", Elapsed: 300}}
	show := func(sec int, score event.Score, in ...observation.Incident) observation.Observation {
		o := hockey(event.Live, "p2", score, in...)
		o.Match.Clock = event.Clock{Period: "p2", Elapsed: sec}
		return o
	}
	s := begin(t, show(290, event.Score{}))
	s.expect(show(300, event.Score{Home: 1}, goal("Beniers", 300)), "goal 05:00 home Beniers 1-0")
	s.expect(show(300, event.Score{Home: 1}, goal("Beniers", 300), challenge), "challenge 05:00 away off-side 1-0")
	var got []string
	for range 8 { // the officials set the clock back
		got = append(got, s.read(show(292, event.Score{}, challenge))...)
	}
	if len(got) != 1 || got[0] != "goal_retracted 05:00 home Beniers 0-0" {
		t.Errorf("events %v, want only the retraction of the goal", got)
	}
	s.expect(show(310, event.Score{Home: 1}, challenge, goal("Wright", 305)), "goal 05:05 home Wright 1-0")
}

// Between two polls, a goal is cancelled, and another player scores. The second goal is later than the
// clock of the page that showed the first goal, so it is a new goal. But if the first goal was also later
// than the clock of that page, the row of the second goal corrects the first goal.
func TestCancelledGoalAndAGoalBetweenPages(t *testing.T) {
	t.Parallel()
	at := func(elapsed, goal int, player string) observation.Observation {
		o := hockey(event.Live, "p3", event.Score{Home: 1}, observation.Incident{Kind: event.Goal, Side: event.Home,
			Player: player, Clock: event.Clock{Period: "p3", Elapsed: goal}})
		o.Match.Clock = event.Clock{Period: "p3", Elapsed: elapsed}
		return o
	}
	for _, c := range []struct {
		page int // seconds on the clock of the page that reports the goal
		want []string
	}{
		{990, []string{"goal_retracted 16:27 home Scorer 0-0", "goal 18:09 home Martorana 1-0"}},
		{970, []string{"goal_corrected 18:09 home Martorana 1-0 player:Scorer→Martorana time:16:27→18:09"}},
	} {
		start := hockey(event.Live, "p3", event.Score{})
		start.Match.Clock = event.Clock{Period: "p3", Elapsed: 950}
		s := begin(t, start)
		s.expect(at(c.page, 987, "Scorer"), "goal 16:27 home Scorer 1-0")
		s.now += 4 * time.Minute
		s.expect(at(1150, 1089, "Martorana"), c.want...)
	}
}
