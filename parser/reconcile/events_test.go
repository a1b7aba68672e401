package reconcile_test

import (
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// A correction names the event that it supersedes, and has the same incident ID as that event.
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
		t.Fatalf("events %+v, error %v, want one event", second, err)
	}
	goal, correction := first[len(first)-1], second[0]
	if d := correction.Data; d.Supersedes != goal.ID || d.Incident != goal.Data.Incident || d.Rev != 2 ||
		goal.Data.Rev != 1 ||
		d.Reason == "" || correction.Type != "soccer.mls.goal_corrected" || correction.ID == goal.ID {
		t.Errorf("goal %+v\ncorrection %+v\nwant revision 2: goal_corrected with a reason, superseding the goal",
			goal, correction)
	}
}

// In a sport that counts goals, a score in the row of a card or a kick does not change the match's
// score. The kick still counts in the tally.
func TestScoreInARowIsIgnored(t *testing.T) {
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
		t.Errorf("tally %v, score %v, want 1-0 and 0-0", s.state.Shootout, s.state.Score)
	}
}

// The first LeagueKey of a match, the word for its league in routing keys, is kept for the whole
// match.
func TestLeagueKeyOfAProfile(t *testing.T) {
	t.Parallel()
	page := observation.Observation{
		Sport: event.Soccer, League: "Премьер-лига", LeagueKey: "rpl",
		Match: event.Match{ID: "m1", Home: "A", Away: "B", Status: event.Live},
	}
	state, events, err := reconcile.Match(
		reconcile.State{Epoch: "e1"},
		page,
		reconcile.Provenance{TID: event.NewTID(), At: time.Now()},
	)
	if err != nil || len(events) == 0 || events[0].Type != "soccer.rpl.match_start" || events[0].Data.LeagueKey != "rpl" {
		t.Fatalf("events %v, error %v, want soccer.rpl.match_start with the league key rpl", events, err)
	}
	page.LeagueKey, page.Score = "", &event.Score{Home: 1}
	_, events, err = reconcile.Match(
		state,
		page,
		reconcile.Provenance{TID: event.NewTID(), At: time.Now().Add(time.Minute)},
	)
	if err != nil || len(events) != 1 || events[0].Type != "soccer.rpl.goal" {
		t.Errorf("events %v, error %v, want soccer.rpl.goal", events, err)
	}
}
