package observation

import (
	"fmt"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
)

// RemoveImpossible keeps record scores, and removes scores that are probably years or minutes.
func TestBoundsAdmitRecords(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		sport  event.Sport
		score  event.Score
		listed bool // whether the page lists each goal
		ok     bool
	}{
		{event.Soccer, event.Score{Home: 36}, false, true},
		{event.Soccer, event.Score{Home: 149}, true, true},
		{event.Soccer, event.Score{Home: 149}, false, false},
		{event.Soccer, event.Score{Home: 45}, false, false}, // probably a minute
		{event.Soccer, event.Score{Home: 1998}, true, false},
		{event.Soccer, event.Score{Away: 1998}, false, false},
		{event.IceHockey, event.Score{Home: 92}, false, true},
		{event.IceHockey, event.Score{Home: 2026}, false, false},
		{event.Basketball, event.Score{Home: 186, Away: 184}, false, true},
		{event.Basketball, event.Score{Home: 1998}, false, false},
		{event.AmericanFootball, event.Score{Home: 222}, false, true},
		{event.Baseball, event.Score{Away: 122}, false, true},
		{event.Cricket, event.Score{Home: 952}, false, true},
		{event.Cricket, event.Score{Home: 2026}, false, false},
		{event.Tennis, event.Score{Home: 70, Away: 68}, false, true},
		{event.Rugby, event.Score{Home: 152}, false, true},
		{event.Rugby, event.Score{Home: 1900}, false, false},
	} {
		o := Observation{Sport: tc.sport, Score: &tc.score}
		for range tc.score.Home {
			if tc.listed {
				o.Incidents = append(o.Incidents, Incident{Kind: event.Goal, Side: event.Home})
			}
		}
		problems := o.RemoveImpossible()
		if (len(problems) == 0) != tc.ok || (o.Score != nil) != tc.ok {
			t.Errorf("%s %v, listed %t: problems %v, score %v, want accepted %t", tc.sport, tc.score, tc.listed, problems,
				o.Score, tc.ok)
		}
	}
	for _, sport := range event.Sports() {
		if sport.Rules().Bounds == (event.Bounds{}) {
			t.Errorf("%s has no bounds", sport)
		}
	}
}

// Impossible facts are removed and reported. The other facts stay.
func TestRemoveImpossible(t *testing.T) {
	t.Parallel()
	o := Observation{Sport: event.Soccer, Score: &event.Score{Home: 1}, Shootout: &event.Score{Home: 90, Away: 3},
		Lists:     []int{2, 500},
		Incidents: []Incident{{Kind: event.Goal, Side: event.Home}, {Kind: event.YellowCard, Side: event.Away}}}
	for range 500 {
		o.Incidents = append(o.Incidents, Incident{Kind: event.YellowCard, Side: event.Home, List: 1})
	}
	got := fmt.Sprint(o.RemoveImpossible())
	for _, want := range []string{"500 yellow_card rows of one side", "match.home_shootout: 90 kicks"} {
		if !strings.Contains(got, want) {
			t.Errorf("problems %s, want %q", got, want)
		}
	}
	if len(o.Incidents) != 2 || o.Score == nil || o.Shootout != nil || o.Lists[0] != 2 || o.Lists[1] != 0 {
		t.Errorf("%d incidents, score %v, shoot-out %v, lists %v, want 2, 1-0, none, [2 0]", len(o.Incidents), o.Score,
			o.Shootout, o.Lists)
	}
}
