package reconcile_test

import (
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A pageOf returns an observation of a match in one sport.
type pageOf func(event.Status, event.Period, event.Score, ...observation.Incident) observation.Observation

// defined defines a sport, and returns a function that returns observations of its matches.
func defined(t *testing.T, d event.Definition) pageOf {
	t.Helper()
	if err := event.Define(d); err != nil {
		t.Fatal(err)
	}
	return func(s event.Status, p event.Period, score event.Score, in ...observation.Incident) observation.Observation {
		o := observed(s, p, score, in...)
		o.Sport = d.Name
		return o
	}
}

// In a defined sport that counts goals, goals that only the score shows are provisional.
func TestDefinedSportThatCountsGoals(t *testing.T) {
	t.Parallel()
	page := defined(t, event.Definition{Name: "team_handball", Counts: event.Goals, Half: 30, ExtraHalf: 5,
		Periods: []event.Period{"1h", "ht", "2h", "et1", "et_ht", "et2", "so"}})
	s := begin(t, page(event.Live, "1h", event.Score{}))
	row := goalBy(event.Home, "Landin", event.Sport("team_handball").AtMinute("1h", 3, 0))
	s.expect(page(event.Live, "1h", event.Score{Home: 1}, row), "goal 3' home Landin 1-0")
	s.expect(page(event.Live, "1h", event.Score{Home: 1, Away: 2}, row),
		"goal away 1-1 provisional", "goal away 1-2 provisional")
	s.expect(page(event.Live, "2h", event.Score{Home: 1, Away: 2}, row), "period_end 1h 1-2", "period_start 2h 1-2")
}

// In a sport that counts sets, a match can end before the last set.
func TestDefinedSportThatCountsSets(t *testing.T) {
	t.Parallel()
	page := defined(t, event.Definition{Name: "beach_volleyball", Counts: event.Sets,
		Periods: []event.Period{"s1", "s2", "s3"}})
	s := begin(t, page(event.Live, "s1", event.Score{}))
	s.expect(page(event.Live, "s2", event.Score{Away: 1}), "score_change 0-1", "period_end s1 0-1", "period_start s2 0-1")
	s.expect(page(event.Final, "", event.Score{Away: 2}), "score_change 0-2", "period_end s2 0-2",
		"match_end 0-2 away by regulation")
}

// In a sport that counts points, the score in a row shows how many points the incident added.
func TestDefinedSportThatCountsPoints(t *testing.T) {
	t.Parallel()
	page := defined(t, event.Definition{Name: "kabaddi_circle", Counts: event.Points,
		Periods: []event.Period{"h1", "ht", "h2"},
		Kinds:   map[event.Kind][]int{"raid": {1, 2, 3}, "card": nil}})
	s := begin(t, page(event.Live, "h1", event.Score{}))
	raid := observation.Incident{Kind: "raid", Side: event.Home, Player: "Narwal", Clock: event.Clock{Period: "h1"},
		Score: &event.Score{Home: 3}}
	s.expect(page(event.Live, "h1", event.Score{Home: 3}, raid), "raid home Narwal 3-0")
	if got := s.state.Tracked[len(s.state.Tracked)-1].Points; got != 3 {
		t.Errorf("the raid has %d points, want 3", got)
	}
	s.expect(page(event.Break, "ht", event.Score{Home: 3}, raid), "period_end h1 3-0")
	s.expect(page(event.Final, "", event.Score{Home: 3}, raid)) // too early
}
