package broker_test

import (
	"context"
	"fmt"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
)

func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var b broker.Broker = memory.New(nil, nil) // with a server: rabbit.New

	goals := broker.Subscription{Queue: "consumer.goals", Patterns: []string{"*.*.goal"}}
	if err := b.Declare(ctx, goals); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := broker.Emit(ctx, b, "soccer.mls.goal", event.Data{Player: "Sebastian Giovinco"}); err != nil {
		fmt.Println(err)
		return
	}
	err := b.Subscribe(ctx, goals, func(_ context.Context, m broker.Message) error {
		defer stop() // one goal is enough here
		e, err := event.Decode(m.Body)
		if err != nil {
			return broker.Permanent(err)
		}
		fmt.Println(e.Type, e.Data.Player)
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output: soccer.mls.goal Sebastian Giovinco
}
