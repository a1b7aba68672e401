package reconcile_test

import (
	"fmt"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// For the first page of a match, Match reports everything so far as backfill. For the next pages, it
// reports new and changed incidents.
func ExampleMatch() {
	state := reconcile.State{Epoch: event.NewTID().String()}
	goal := observation.Incident{
		Kind: event.Goal, Side: event.Away, Player: "Giovinco", Clock: event.SoccerMinute("1h", 6, 0),
	}
	corrected := goal
	corrected.Player = "Sebastian Giovinco"
	for i, listed := range [][]observation.Incident{{}, {goal}, {corrected}} {
		o := observation.Observation{
			Sport: event.Soccer, League: "MLS", Incidents: listed,
			Match: event.Match{ID: "mls-42", Home: "New York City FC", Away: "Toronto FC", Status: event.Live, Period: "1h"},
		}
		from := reconcile.Provenance{TID: event.NewTID(), Site: "/parser/mysite", At: time.Unix(1478475000+int64(i)*60, 0)}
		next, events, err := reconcile.Match(state, o, from)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, e := range events {
			fmt.Printf("page %d: %s %q\n", i+1, e.Type, e.Data.Player)
		}
		state = next
	}
	// Output:
	// page 1: soccer.mls.match_start ""
	// page 1: soccer.mls.period_start ""
	// page 2: soccer.mls.goal "Giovinco"
	// page 3: soccer.mls.goal_corrected "Sebastian Giovinco"
}
