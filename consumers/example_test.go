package consumers_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
)

// This consumer prints the scorer of every goal. In a program, app.WithConsumer adds the consumer.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	newGoals := func(consumers.Host) (consumers.Consumer, error) {
		return consumers.Consumer{
			Keys: []string{"*.*.goal"},
			Handle: func(_ context.Context, e event.Event) error {
				fmt.Println(e.Data.Player)
				stop() // the example ends after one goal
				return nil
			},
		}, nil
	}
	c, err := newGoals(consumers.Host{})
	if err != nil {
		fmt.Println(err)
		return
	}
	b := memory.New(nil, nil)
	ready := make(chan struct{})
	go func() {
		<-ready
		if _, err := broker.Emit(ctx, b, "soccer.mls.goal", event.Data{Player: "Sebastian Giovinco"}); err != nil {
			fmt.Println(err)
		}
	}()
	r := consumers.Runner{Broker: b, Log: slog.New(slog.DiscardHandler)}
	if err := r.Run(ctx, "goals", c, ready); err != nil {
		fmt.Println(err)
	}
	// Output: Sebastian Giovinco
}
