package reconcile_test

import (
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// An incident that a page shows in a list and on a timeline is reported once.
func TestIncidentListedTwice(t *testing.T) {
	t.Parallel()
	one, two := goalBy(event.Home, "Villa", at(10, 0)), goalBy(event.Home, "Lampard", at(20, 0))
	card := observation.Incident{Kind: event.YellowCard, Side: event.Away, Player: "Moor", Clock: at(15, 0)}
	s := begin(t, observed(event.Live, "1h", event.Score{}))
	twice := []observation.Incident{one, two, card, one, two, card}
	s.expect(observed(event.Live, "1h", event.Score{Home: 2}, twice...),
		"goal 10' home Villa 1-0", "yellow_card 15' away Moor 1-0", "goal 20' home Lampard 2-0")
	s.expect(observed(event.Live, "1h", event.Score{Home: 2}, one, two, card))
	// If the score includes both, two goals by one player in one minute are two incidents.
	s = begin(t, observed(event.Live, "1h", event.Score{}))
	s.expect(observed(event.Live, "1h", event.Score{Home: 2}, one, one), "goal 10' home Villa 1-0",
		"goal 10' home Villa 2-0")
}

// Neither an awarded result nor the kicks of a shoot-out change the score.
func TestScoreThatWasNotPlayed(t *testing.T) {
	t.Parallel()
	one := goalBy(event.Home, "Villa", at(10, 0))
	s := begin(t, observed(event.Live, "2h", event.Score{Home: 1}, one))
	s.expect(observed(event.Abandoned, "", event.Score{Home: 1}, one), "status_change abandoned 1-0")
	s.expect(observed(event.Awarded, "", event.Score{Away: 3}, one), "period_end 2h 1-0",
		"match_end 1-0 away by award", "status_change awarded 1-0")
	if *s.state.Score != (event.Score{Home: 1}) {
		t.Errorf("score %v, want 1-0", s.state.Score)
	}

	s = begin(t, observed(event.Live, "et2", event.Score{Home: 1, Away: 1}, one, goalBy(event.Away, "Kei", at(30, 0))))
	final := observed(event.Final, "", event.Score{Home: 6, Away: 5}, one, goalBy(event.Away, "Kei", at(30, 0)))
	final.Shootout = &event.Score{Home: 5, Away: 4}
	for _, line := range s.read(final) {
		if strings.HasPrefix(line, "goal") {
			t.Errorf("a kick is reported as a goal: %s", line)
		}
	}
	if *s.state.Score != (event.Score{Home: 1, Away: 1}) || *s.state.Shootout != (event.Score{Home: 5, Away: 4}) {
		t.Errorf("score %v, tally %v, want 1-1 and 5-4", s.state.Score, s.state.Shootout)
	}
}
