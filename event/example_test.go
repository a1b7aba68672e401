package event_test

import (
	"fmt"
	"time"

	"github.com/matchwire/matchwire/event"
)

func ExampleOf() {
	e, err := event.Of("soccer.mls.goal", event.Data{
		Team: "Toronto FC", Player: "Sebastian Giovinco",
		Match: &event.Match{ID: "mls-42", Home: "Toronto FC", Away: "New York City FC"},
	}, time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(e.Type, e.Subject, e.Data.Kind, e.Data.Match.Status)
	// Output: soccer.mls.goal mls-42 goal live
}

func ExampleMatchTopic() {
	fmt.Println(event.MatchTopic("soccer.mls.*", "soccer.mls.goal"))
	fmt.Println(event.MatchTopic("*.*.goal", "ice_hockey.nhl.goal"))
	fmt.Println(event.MatchTopic("*.*.goal", "soccer.mls.goal_retracted"))
	// Output:
	// true
	// true
	// false
}
