package notify_test

import (
	"fmt"
	"time"

	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/event"
)

func ExampleLine() {
	clock := event.SoccerMinute("1h", 6, 0)
	e, err := event.Of("soccer.mls.goal", event.Data{
		Team: "Toronto FC", Player: "Sebastian Giovinco", Side: event.Away, Clock: &clock,
		Score: &event.Score{Away: 1},
		Match: &event.Match{ID: "mls-42", Home: "New York City FC", Away: "Toronto FC"},
	}, time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(notify.Line(e))
	// Output: Goal for Toronto FC: Sebastian Giovinco (6', New York City FC 0–1 Toronto FC)
}
