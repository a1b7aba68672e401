package app

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/internal/pipeline"
)

func rebuildCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "rebuild CONSUMER",
		Short: "Rebuild a consumer's store from the event log.",
		Long: `Arguments:
  CONSUMER  Consumer with a store, such as scoreboard

Passes every event in the log to the consumer again. Use this command if the store has lost data. The log holds
at most seven days and 10 GB of events. A rebuild does not overwrite newer data, so consumers can keep running.
It sends no notifications.`,
		RunE: func(cmd *cobra.Command, args []string) error { return rebuild(cmd.Context(), c, args[0]) },
	}
}

func rebuild(ctx context.Context, c *console, consumer string) error {
	servers, err := c.requireServers("the event log is stored on a RabbitMQ server")
	if err != nil {
		return err
	}
	config, err := c.config()
	if err != nil {
		return err
	}
	progress := newProgress(c.err, "event", 0)
	n, err := pipeline.New(config, servers, c.log, c.plugins).Rebuild(ctx, consumer, func() { progress.step("") })
	progress.end()
	if n > 0 || err == nil {
		fmt.Fprintf(c.err, "%s handled\n", pipeline.Plural(n, "event"))
	}
	return interrupted(ctx, err)
}
