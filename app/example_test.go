package app_test

import (
	"context"
	"fmt"

	"github.com/matchwire/matchwire/app"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
)

// This is the main function of a matchwire program with one additional consumer.
func ExampleMain() {
	app.Main(app.WithConsumer("goals", func(consumers.Host) (consumers.Consumer, error) {
		return consumers.Consumer{
			Keys: []string{"*.*.goal"},
			Handle: func(_ context.Context, e event.Event) error {
				fmt.Println(e.Data.Player)
				return nil
			},
		}, nil
	}))
}
