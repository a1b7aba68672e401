package observation_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// WrongPoints returns a problem if a row adds points that its kind cannot add, or if the score of the
// page is lower than the score after the last row.
func TestWrongPoints(t *testing.T) {
	const sport = event.Sport("kabaddi")
	if err := event.Define(event.Definition{Name: sport, Periods: []event.Period{"h1", "ht", "h2"}, Counts: event.Points,
		Kinds: map[event.Kind][]int{"raid": {1, 2, 3}, "tackle": {1}, "card": nil}}); err != nil {
		t.Fatal(err)
	}
	row := func(kind event.Kind, side event.Side, home, away int) observation.Incident {
		return observation.Incident{Kind: kind, Side: side, Clock: event.Clock{Period: "h1"},
			Score: &event.Score{Home: home, Away: away}}
	}
	for name, tc := range map[string]struct {
		sport      event.Sport
		home, away int
		rows       []observation.Incident
		want       string
	}{
		"right": {sport, 3, 1, []observation.Incident{row("tackle", "away", 0, 1), row("raid", "home", 3, 1)}, "[]"},
		"newest first, and rows without points": {sport, 3, 1, []observation.Incident{
			row("raid", "home", 3, 1), row("card", "home", 0, 1), row("tackle", "away", 0, 1)}, "[]"},
		"the first row": {sport, 0, 2, []observation.Incident{row("tackle", "away", 0, 2)},
			"the tackle after which the score is 0-2 adds 2, but a tackle can add only 1: check"},
		"later rows": {sport, 4, 6, []observation.Incident{row("tackle", "away", 0, 1), row("raid", "home", 4, 1),
			row("raid", "away", 4, 6)},
			"adds 4, but a raid can add only 1, 2 or 3: check kind, side and the score of the rows; 1 more"},
		"a lower score": {sport, 2, 1, []observation.Incident{row("tackle", "away", 0, 1), row("raid", "home", 3, 1)},
			"the score after the last row is 3-1, but the score is 2-1"},
		"other rows are missing": {sport, 9, 9,
			[]observation.Incident{row("tackle", "away", 0, 1), row("raid", "away", 5, 3)}, "[]"},
		"a try with a conversion": {event.Rugby, 7, 0, []observation.Incident{row("try", "home", 7, 0)}, "[]"},
		"a touchdown and a kick": {event.AmericanFootball, 7, 0, []observation.Incident{row("touchdown", "home", 7, 0)},
			"[]"},
		"a basket": {event.Basketball, 4, 0, []observation.Incident{row("basket", "home", 2, 0), row("basket", "home", 8, 0)},
			"adds 6, but a basket can add only 1, 2 or 3"},
	} {
		o := observation.Observation{Sport: tc.sport, Score: &event.Score{Home: tc.home, Away: tc.away}, Incidents: tc.rows}
		if got := fmt.Sprint(o.WrongPoints()); !strings.Contains(got, tc.want) {
			t.Errorf("%s: problems %s, want %s", name, got, tc.want)
		}
	}
}
