package app_test

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

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

// This program also has the command "goals count FILE", which can read the settings of the consumer.
func ExampleWithPlugin() {
	command := func(open func() (consumers.Host, error)) *cobra.Command {
		cmd := &cobra.Command{Use: "goals", Short: "Work with goals."}
		cmd.AddCommand(&cobra.Command{
			Use:   "count FILE",
			Short: "Count the goals in a file.",
			RunE: func(cmd *cobra.Command, args []string) error {
				host, err := open()
				if err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), host.Path(args[0]))
				return nil
			},
		})
		return cmd
	}
	app.Main(app.WithPlugin(consumers.Plugin{Name: "goals", New: newGoals, Command: command}))
}

func newGoals(consumers.Host) (consumers.Consumer, error) { return consumers.Consumer{}, nil }
