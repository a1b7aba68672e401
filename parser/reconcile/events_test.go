package reconcile_test

import (
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// A correction names the event that it supersedes, and has the same incident.
func TestCorrectionSupersedes(t *testing.T) {
	t.Parallel()
	s := reconcile.State{Epoch: "e1"}
	from := reconcile.Provenance{TID: event.NewTID(), At: time.Now()}
	goalOf := func(player string) observation.Observation {
		return observed(event.Live, "1h", event.Score{Away: 1}, goalBy(event.Away, player, at(6, 0)))
	}
	s, first, err := reconcile.Match(s, goalOf("Giovinco"), from)
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := reconcile.Match(s, goalOf("Altidore"), from)
	if err != nil || len(second) != 1 {
		t.Fatalf("events %+v, %v, want one", second, err)
	}
	goal, correction := first[len(first)-1], second[0]
	if d := correction.Data; d.Supersedes != goal.ID || d.Incident != goal.Data.Incident || d.Rev != 2 ||
		goal.Data.Rev != 1 ||
		d.Reason == "" || correction.Type != "soccer.mls.goal_corrected" || correction.ID == goal.ID {
		t.Errorf("goal %+v\ncorrection %+v", goal, correction)
	}
}

// In a sport whose score counts goals, a score in a row of another kind does not move the score. A
// kick whose row has a score still counts in the tally.
func TestRowsThatShowAScore(t *testing.T) {
	t.Parallel()
	goal := goalBy(event.Home, "Villa", at(10, 0))
	card := observation.Incident{Kind: event.YellowCard, Side: event.Away, Player: "Moor", Clock: at(9, 0),
		Score: &event.Score{}}
	s := begin(t, observed(event.Live, "1h", event.Score{Home: 1}, goal))
	s.expect(observed(event.Live, "1h", event.Score{Home: 1}, goal, card), "yellow_card 9' away Moor 1-0")

	scored := kick(event.Home, "A", event.Scored)
	scored.Score = &event.Score{Home: 1}
	s = begin(t, observed(event.Live, "so", event.Score{}))
	s.expect(observed(event.Live, "so", event.Score{}, scored), "shootout_kick home A scored 0-0")
	if s.state.Shootout == nil || *s.state.Shootout != (event.Score{Home: 1}) || *s.state.Score != (event.Score{}) {
		t.Errorf("tally %v, score %v", s.state.Shootout, s.state.Score)
	}
}
