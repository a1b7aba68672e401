package reconcile_test

import (
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// lineup returns the line-up of the home side. A player is "NUMBER NAME", with "s" after it for a
// substitute.
func lineup(formation string, players ...string) observation.Lineup {
	l := observation.Lineup{Side: event.Home, Lineup: event.Lineup{Formation: formation}}
	for _, text := range players {
		words := strings.Fields(text)
		l.Players = append(l.Players, event.LineupPlayer{Number: words[0], Name: words[1], Substitute: len(words) > 2})
	}
	return l
}

// The line-up of each side is reported once, before the match begins. If it changes, it is corrected.
func TestLineups(t *testing.T) {
	t.Parallel()
	show := func(status event.Status, all ...observation.Lineup) observation.Observation {
		o := observed(status, "", event.Score{})
		o.Lineups = all
		return o
	}
	home := lineup("4-3-3", "1 Ann", "9 Bea", "12 Cy s")
	away := lineup("", "1 Dan")
	away.Side = event.Away
	s := begin(t, observed(event.Scheduled, "", event.Score{}))
	s.expect(show(event.Scheduled, home, away), "lineup home 0-0 4-3-3  Ann Bea Cy", "lineup away 0-0   Dan")
	s.expect(observed(event.Scheduled, "", event.Score{})) // a page without line-ups
	s.expect(show(event.Scheduled, lineup("", "1 ANN", "9 B?a", "12 Cy s")))
	s.expect(show(event.Scheduled, lineup("4-4-2", "1 Ann", "10 Eve", "12 Cy s")),
		"lineup_corrected home 0-0 4-4-2  Ann Eve Cy formation:4-3-3→4-4-2 players:9 Bea→10 Eve")
	// A substitute who comes on does not change the line-up.
	s.expect(show(event.Live, lineup("", "1 Ann", "12 Cy", "10 Eve s")), "match_start 0-0")
	// A page with only some of the players may be incomplete.
	for range 6 {
		s.expect(show(event.Live, lineup("", "1 Ann", "10 Eve")))
	}
	s.expect(show(event.Live, lineup("", "1 Ann", "10 Eve", "12 Cy")))
	for range 6 {
		s.expect(show(event.Live, lineup("", "1 Ann", "10 Eve")))
	}
	s.expect(show(event.Live, lineup("", "1 Ann", "10 Eve")),
		"lineup_corrected home 0-0 4-4-2  Ann Eve players:12 Cy (substitute)→")
	// A page of another site does not change the spelling of a name.
	s.from("-b").expect(show(event.Live, lineup("", "1 Anna", "10 Eva")))
	if l := s.state.Lineups[event.Home]; l.Rev != 3 || l.Players[0].Name != "Ann" {
		t.Errorf("line-up %+v, want revision 3 with Ann", l)
	}
}

// If the first page has line-ups, their events are published before match_start.
func TestLineupsOnTheFirstPage(t *testing.T) {
	t.Parallel()
	o := observed(event.Live, "1h", event.Score{})
	o.Lineups = []observation.Lineup{lineup("", "1 Ann")}
	s := &story{t: t}
	s.state.Epoch = "e1"
	s.expect(o, "lineup home 0-0   Ann backfill", "match_start 0-0 backfill", "period_start 1h 0-0 backfill")
}
