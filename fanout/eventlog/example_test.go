package eventlog_test

import (
	"fmt"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout/eventlog"
)

func ExampleHistory_Append() {
	h := eventlog.NewHistory(1<<20, eventlog.Beginning())
	e, err := event.Of("soccer.mls.goal", event.Data{
		Score: &event.Score{Home: 1}, Match: &event.Match{ID: "mls-42", Home: "Toronto FC", Away: "New York City FC"},
	}, time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	e.TID = event.NewTID()
	m, err := broker.NewMessage(e)
	if err != nil {
		fmt.Println(err)
		return
	}
	frame, err := h.Append(broker.CursorAt(1, e.ID), m, true)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(frame.MatchID(), frame.Key)
	again, err := h.Append(broker.CursorAt(2, e.ID), m, true) // a log may contain an event twice
	fmt.Println(again == nil, err)
	// Output:
	// mls-42 soccer.mls.goal
	// true <nil>
}
