package app

import (
	"context"
	"fmt"

	"github.com/matchwire/matchwire/internal/pipeline"
)

type rebuildCmd struct {
	Consumer string `arg:"" help:"A consumer that keeps a store, like scoreboard."`
}

func (r *rebuildCmd) Help() string {
	return "Has the consumer handle every event that the log still holds, seven days' and 10 GB at most: what Redis lost is there again. Nothing that is newer is undone, so consumers may go on running. Nobody is alerted."
}

func (r *rebuildCmd) Run(ctx context.Context, c *console) error {
	servers, err := c.realServers("the event log lies on a RabbitMQ server")
	if err != nil {
		return err
	}
	config, err := c.config()
	if err != nil {
		return err
	}
	progress := newProgress(c.err, "event", 0)
	n, err := pipeline.New(config, servers, c.log, c.plugins).Rebuild(ctx, r.Consumer, func() { progress.step("") })
	progress.end()
	if n > 0 || err == nil {
		fmt.Fprintf(c.err, "%s handled\n", plural(n, "event"))
	}
	return interrupted(ctx, err)
}
