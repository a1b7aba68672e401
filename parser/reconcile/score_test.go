package reconcile_test

import (
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A page at 0-0 without rows may be a template without values. Its score is confirmed only if such
// pages persist.
func TestEmptyTemplate(t *testing.T) {
	t.Parallel()
	card := observation.Incident{Kind: event.YellowCard, Side: event.Away, Player: "C", Clock: at(30, 0)}
	whole := func(m int) observation.Observation {
		return live(m, event.Score{Home: 1}, goalBy(event.Home, "A", at(20, 0)), card)
	}
	bare := func(m int) observation.Observation {
		o := live(m, event.Score{})
		o.NoRows = true
		return o
	}
	s := begin(t, whole(50))
	for m := 51; m < 54; m++ {
		s.expect(bare(m))
	}
	s.expect(whole(54))
	for m := 55; m < 60; m++ {
		s.expect(bare(m))
	}
	s.expect(bare(60), "goal_retracted 20' home A 0-0")
}

// Two fresh pages retract a goal, even if the second page adds a goal of the other side.
func TestDoubtIsAboutOneSide(t *testing.T) {
	t.Parallel()
	a, b := goalBy(event.Home, "A", at(20, 0)), goalBy(event.Home, "B", at(40, 0))
	c := goalBy(event.Away, "C", at(53, 0))
	s := begin(t, live(50, event.Score{Home: 2}, a, b))
	s.expect(live(52, event.Score{Home: 1}, a))
	s.expect(live(54, event.Score{Home: 1, Away: 1}, a, c), "goal_retracted 40' home B 1-0", "goal 53' away C 1-1")
}

// A score that leaps is confirmed only if two pages agree: the profile may have read a minute as
// the score.
func TestScoreThatLeaps(t *testing.T) {
	t.Parallel()
	s := begin(t, live(44, event.Score{Home: 1}))
	s.expect(live(45, event.Score{Home: 45}))
	s.expect(live(46, event.Score{Home: 1}))
	s.expect(live(47, event.Score{Home: 8}))
	if got := s.read(live(48, event.Score{Home: 8})); len(got) != 7 {
		t.Errorf("%d events, want 7 goals", len(got))
	}
}
