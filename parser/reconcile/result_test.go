package reconcile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// The match_end event shows who won and how. Both follow from the score, the periods and the
// shoot-out. A winner or a decision that the pages do not show stays empty. The pages of a case are
// read in order.
func TestResult(t *testing.T) {
	t.Parallel()
	page := func(sport event.Sport, status event.Status, period event.Period, home, away int) observation.Observation {
		o := observed(status, period, event.Score{Home: home, Away: away})
		o.Sport = sport
		return o
	}
	kicks := func(o observation.Observation, home, away int) observation.Observation {
		o.Shootout = &event.Score{Home: home, Away: away}
		return o
	}
	won := func(o observation.Observation, winner event.Winner) observation.Observation {
		o.Winner = winner
		return o
	}
	type pages []observation.Observation
	// played returns a page in a period with a score, and a page with the end and one more point for side.
	played := func(sport event.Sport, period event.Period, home, away int, side event.Side) pages {
		score := event.Score{Home: home, Away: away}
		if side != "" {
			score = score.Add(side, 1)
		}
		return pages{page(sport, "live", period, home, away), page(sport, "final", "", score.Home, score.Away)}
	}
	for name, tc := range map[string]struct {
		pages pages
		want  string
	}{
		"soccer":                         {played("soccer", "2h", 1, 1, "home"), "home by regulation"},
		"soccer, drawn":                  {played("soccer", "2h", 1, 1, ""), "draw by regulation"},
		"soccer, extra time":             {played("soccer", "et2", 1, 1, "away"), "away by extra_time"},
		"soccer, drawn after extra time": {played("soccer", "et2", 1, 1, ""), "draw by extra_time"},
		"soccer, the tally is unknown":   {played("soccer", "so", 1, 1, ""), "by shootout"},
		"soccer, the page names the winner of the shoot-out": {pages{page("soccer", "live", "so", 1, 1),
			won(page("soccer", "final", "", 1, 1), "away")}, "away by shootout"},
		"soccer, the first page names the winner": {pages{won(page("soccer", "final", "so", 1, 1), "home")},
			"home by shootout backfill"},
		"soccer, a drawn second leg": {pages{page("soccer", "live", "2h", 1, 1),
			won(page("soccer", "final", "", 1, 1), "home")}, "home by regulation"},
		"cricket, the page names the winner": {pages{page("cricket", "live", "inn2", 301, 245),
			won(page("cricket", "final", "", 301, 245), "home")}, "home by regulation"},
		"a page names the winner after a player retires": {pages{page("tennis", "live", "s2", 1, 0),
			won(page("tennis", "retired", "", 1, 0), "away")}, "away by retirement"},
		"soccer, shoot-out": {pages{kicks(page("soccer", "live", "so", 1, 1), 3, 4),
			kicks(page("soccer", "final", "", 1, 1), 3, 5)}, "away by shootout"},
		"soccer, shoot-out after a second leg": {pages{page("soccer", "live", "2h", 2, 1),
			kicks(page("soccer", "final", "", 2, 1), 2, 4)}, "away by shootout"},
		"soccer, the first page is final":        {pages{page("soccer", "final", "", 2, 1)}, "home backfill"},
		"soccer, the first page is final at 1-1": {pages{page("soccer", "final", "", 1, 1)}, "backfill"},
		"soccer, the first page names the period": {pages{page("soccer", "final", "et2", 2, 1)},
			"home by extra_time backfill"},
		"hockey, overtime": {played("ice_hockey", "ot1", 2, 2, "away"), "away by extra_time"},
		"hockey, shoot-out": {pages{page("ice_hockey", "live", "so", 2, 2),
			kicks(page("ice_hockey", "final", "", 3, 2), 2, 1)}, "home by shootout"},
		"basketball":           {played("basketball", "q4", 90, 90, "home"), "home by regulation"},
		"basketball, overtime": {played("basketball", "ot2", 90, 90, "home"), "home by extra_time"},
		"basketball, drawn":    {played("basketball", "q4", 90, 90, ""), "by regulation"},
		"football, drawn":      {played("american_football", "ot1", 20, 20, ""), "draw by extra_time"},
		"baseball":             {played("baseball", "i9", 3, 2, "home"), "home by regulation"},
		"baseball, mercy rule": {slices.Concat(played("baseball", "i7", 12, 2, "home"),
			slices.Repeat(pages{page("baseball", "final", "", 13, 2)}, 15)), "home by regulation"},
		"baseball, extra innings":          {played("baseball", "i11", 3, 3, "away"), "away by extra_time"},
		"baseball, a list without innings": {played("baseball", "", 3, 3, "away"), "away"},
		"rugby":                            {played("rugby", "2h", 20, 13, ""), "home by regulation"},
		"cricket":                          {played("cricket", "inn2", 245, 245, "away"), "by regulation"},
		"tennis":                           {played("tennis", "s2", 6, 4, "home"), "home by regulation"},
		"tennis, a walkover": {pages{page("tennis", "scheduled", "", 0, 0), won(page("tennis", "awarded", "", 0, 0), "away")},
			"away by walkover"},
		"a player retires": {pages{page("tennis", "live", "s2", 1, 0), page("tennis", "retired", "", 1, 0)},
			"by retirement"},
		"an award after play": {pages{page("soccer", "live", "2h", 1, 0), page("soccer", "awarded", "", 0, 3)},
			"away by award"},
		"an award without play": {pages{page("soccer", "scheduled", "", 0, 0), page("soccer", "awarded", "", 3, 0)},
			"home by walkover"},
		"an award on the first page": {pages{page("soccer", "awarded", "", 3, 0)}, "home by award backfill"},
	} {
		s, lines := (*story)(nil), []string(nil)
		for i, o := range tc.pages {
			if i == 0 {
				s = &story{t: t}
				s.state.Epoch = "e1"
			}
			lines = s.read(o)
		}
		at := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "match_end") })
		if at < 0 {
			t.Errorf("%s: events %v, want match_end", name, lines)
			continue
		}
		words := strings.Fields(lines[at])[1:]
		if len(words) > 0 && strings.Contains(words[0], "-") {
			words = words[1:] // the score
		}
		if got := strings.Join(words, " "); got != tc.want {
			t.Errorf("%s: result %q, want %q", name, got, tc.want)
		}
	}
}

// If the result changes, match_end is corrected once. A later page that shows less does not change
// the result.
func TestResultCorrected(t *testing.T) {
	t.Parallel()
	one, two := goalBy(event.Home, "Ann", at(12, 0)), goalBy(event.Away, "Bea", at(88, 0))
	s := begin(t, live(88, event.Score{Home: 1}, one))
	s.expect(observed(event.Ended, "", event.Score{Home: 1}, one), "period_end 2h 1-0", "match_end 1-0 home by regulation")
	s.expect(observed(event.Ended, "", event.Score{Home: 1, Away: 1}, one, two), "goal 88' away Bea 1-1",
		"match_end_corrected 1-1 draw by regulation winner:home→draw")
	shootout := observed(event.Final, "so", event.Score{Home: 1, Away: 1}, one, two)
	shootout.Shootout = &event.Score{Home: 4, Away: 5}
	got := s.read(shootout)
	want := "match_end_corrected 1-1 away by shootout decided_by:regulation→shootout winner:draw→away"
	if !slices.Contains(got, want) {
		t.Errorf("events %v, want %q", got, want)
	}
	s.expect(observed(event.Final, "", event.Score{Home: 1, Away: 1}, one, two))
	s.expect(observed(event.Awarded, "", event.Score{Home: 3}, one, two),
		"status_change awarded 1-1", "match_end_corrected 1-1 home by award decided_by:shootout→award winner:away→home")
	s.expect(observed(event.Final, "", event.Score{Home: 3}, one, two), "status_change final 1-1")
}
