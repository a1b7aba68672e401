package reconcile_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// Events contain the points that their incident added to the score. An event has no points if the sport
// counts goals, or if no incident of the kind adds so many points.
func TestPointsAdded(t *testing.T) {
	t.Parallel()
	row := func(kind event.Kind, period event.Period, sec int, side event.Side, player string, home, away int,
	) observation.Incident {
		return observation.Incident{Kind: kind, Side: side, Player: player, Score: &event.Score{Home: home, Away: away},
			Clock: event.Clock{Period: period, Elapsed: sec}}
	}
	home, away := event.Home, event.Away
	type page struct {
		period event.Period
		score  event.Score
		rows   []observation.Incident
		want   []string // word, player and points of each event about points
	}
	a, b := row("basket", "q1", 20, home, "A", 2, 0), row("basket", "q1", 40, home, "B", 5, 0)
	c := row("basket", "q1", 60, away, "C", 5, 1)
	aThree, bSix := row("basket", "q1", 20, home, "A", 3, 0), row("basket", "q1", 40, home, "B", 6, 0)
	try, kick := row("try", "1h", 0, away, "T", 0, 5), row("conversion", "1h", 0, away, "K", 0, 7)
	penaltyTry := row("try", "1h", 0, home, "", 7, 7)
	touchdown, two := row("touchdown", "q1", 90, home, "H", 6, 0), row("two_point", "q1", 90, home, "R", 8, 0)
	type rows = []observation.Incident
	for name, tc := range map[string]struct {
		sport event.Sport
		pages []page
	}{
		"several together": {event.Basketball, []page{
			{"q1", event.Score{Home: 5, Away: 1}, rows{a, b, c}, []string{"basket A 2", "basket B 3", "basket C 1"}},
		}},
		"a score that no row explains": {event.Basketball, []page{
			{"q1", event.Score{Home: 2}, nil, []string{"score_change  0"}},
			{"q1", event.Score{Home: 5}, rows{b}, []string{"basket B 3"}},
		}},
		"a row after its points": {event.Basketball, []page{
			{"q1", event.Score{Home: 5}, nil, []string{"score_change  0"}},
			{"q1", event.Score{Home: 5}, rows{a, b}, []string{"basket A 2", "basket B 3"}},
		}},
		"missing rows": {event.Basketball, []page{
			{"q1", event.Score{Home: 5}, rows{b}, []string{"basket B 0"}},
		}},
		"corrected": {event.Basketball, []page{
			{"q1", event.Score{Home: 5}, rows{a, b}, []string{"basket A 2", "basket B 3"}},
			{"q1", event.Score{Home: 6}, rows{aThree, bSix}, []string{"basket_corrected A 3", "basket_corrected B 3"}},
		}},
		"retracted": {event.Basketball, []page{
			{"q1", event.Score{Home: 5}, rows{a, b}, []string{"basket A 2", "basket B 3"}},
			{"q1", event.Score{Home: 2}, rows{a}, nil},
			{"q1", event.Score{Home: 2}, rows{a}, []string{"basket_retracted B 3"}},
		}},
		"penalty try": {event.Rugby, []page{
			{"1h", event.Score{Home: 7, Away: 7}, rows{try, kick, penaltyTry}, []string{"try T 5", "conversion K 2", "try  7"}},
		}},
		"two-point try": {event.AmericanFootball, []page{
			{"q1", event.Score{Home: 8}, rows{touchdown, two}, []string{"touchdown H 6", "two_point R 2"}},
		}},
		"second set": {event.Tennis, []page{
			{"s1", event.Score{Home: 6, Away: 4}, rows{row("game", "s1", 0, home, "N", 6, 4)}, []string{"game N 0"}},
			{"s2", event.Score{Home: 1}, rows{row("game", "s2", 0, home, "N", 1, 0)}, []string{"game N 1"}},
		}},
		"goals": {event.IceHockey, []page{
			{"p1", event.Score{Home: 1}, rows{row(event.Goal, "p1", 30, home, "G", 1, 0)}, []string{"goal G 0"}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o := observed(event.Live, tc.pages[0].period, event.Score{})
			o.Sport = tc.sport
			state, now := reconcile.State{Epoch: "e1"}, time.Unix(1478476221, 0)
			var got, want []string
			for i, p := range append([]page{{period: o.Match.Period}}, tc.pages...) {
				now = now.Add(20 * time.Second)
				o.Match.Period, o.Score, o.Incidents = p.period, &p.score, p.rows
				if !tc.sport.CountsMinutes() && !tc.sport.Rules().SetScore {
					o.Match.Clock = event.Clock{Period: p.period, Elapsed: 100 + 20*i}
				}
				next, events, err := reconcile.Match(state, o, reconcile.Provenance{TID: event.NewTID(), At: now})
				if err != nil {
					t.Fatal(err)
				}
				state = next
				for _, e := range events {
					if d := e.Data; d.Sport.Scores(d.Kind) || d.Kind == event.ScoreChange {
						got = append(got, fmt.Sprintf("%s %s %d", d.Kind.Word(d.Action), d.Player, d.Points))
					}
				}
				want = append(want, p.want...)
			}
			if !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

// A score_change event contains the scores before and after the change.
func TestChangesOfTheScore(t *testing.T) {
	t.Parallel()
	o := observed(event.Live, "q1", event.Score{Home: 10, Away: 8})
	o.Sport = event.Basketball
	from := reconcile.Provenance{TID: event.NewTID(), At: time.Unix(1478476221, 0)}
	state, _, err := reconcile.Match(reconcile.State{Epoch: "e1"}, o, from)
	if err != nil {
		t.Fatal(err)
	}
	o.Score = &event.Score{Home: 10, Away: 11}
	from.At = from.At.Add(20 * time.Second)
	_, events, err := reconcile.Match(state, o, from)
	if err != nil || len(events) != 1 {
		t.Fatalf("%d events, error %v, want one", len(events), err)
	}
	d := events[0].Data
	if want := (event.Change{Old: "10-8", New: "10-11"}); d.Kind != event.ScoreChange || d.Changes["score"] != want {
		t.Errorf("%s with the changes %v, want score_change with %v", d.Kind, d.Changes, want)
	}
}
