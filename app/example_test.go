package app_test

import (
	"context"
	"fmt"

	"github.com/matchwire/matchwire/app"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
)

// The main function of a program that is matchwire with one more consumer.
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
