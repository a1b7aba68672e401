package reconcile_test

import (
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile"
)

func TestCorrectionSupersedes(t *testing.T) {
	t.Parallel()
	s := reconcile.State{Epoch: "e1"}
	r := reconcile.Provenance{TID: event.NewTID(), At: time.Now()}
	s, first, err := reconcile.Match(s, observed(event.Live, "1h", event.Score{Away: 1}, goalBy(event.Away, "Giovinco", at(6, 0))), r)
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := reconcile.Match(s, observed(event.Live, "1h", event.Score{Away: 1}, goalBy(event.Away, "Altidore", at(6, 0))), r)
	if err != nil || len(second) != 1 {
		t.Fatal(second, err)
	}
	goal, fix := first[len(first)-1], second[0]
	if fix.Data.Supersedes != goal.ID || fix.Data.Incident != goal.Data.Incident || fix.Data.Rev != 2 || goal.Data.Rev != 1 ||
		fix.Data.Reason == "" || fix.Type != "soccer.mls.goal_corrected" || fix.ID == goal.ID {
		t.Errorf("%+v\n%+v", goal.Data, fix.Data)
	}
}

// In a sport whose score counts goals, the score that a row of another kind shows does not move it.
// A kick that shows one counts in the tally too.
func TestRowsThatShowAScore(t *testing.T) {
	t.Parallel()
	goal := goalBy(event.Home, "Villa", at(10, 0))
	card := observation.Incident{Kind: event.YellowCard, Side: event.Away, Player: "Moor", Clock: at(9, 0), Score: &event.Score{}}
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
