package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/pipeline"
)

type tailCmd struct {
	Patterns []string `arg:"" optional:"" name:"pattern" help:"Topic patterns, like 'soccer.mls.*' (default: all events)."`
	JSON     bool     `name:"json" help:"Print each event as a JSON line, exactly as published."`
}

func (t *tailCmd) Help() string {
	return "In a pattern, * matches one word of the routing key SPORT.LEAGUE.KIND, and # matches any number of words."
}

func (t *tailCmd) Run(ctx context.Context, c *console) error {
	servers, err := c.requireRabbit("tail reads from a RabbitMQ server")
	if err != nil {
		return err
	}
	namespace, err := c.namespace()
	if err != nil {
		return err
	}
	patterns := t.Patterns
	if len(patterns) == 0 {
		patterns = []string{"#"}
	}
	onReady := func() { fmt.Fprintln(c.err, "waiting for events:", strings.Join(patterns, " ")) }
	show := func(e event.Event, body []byte) error {
		if t.JSON {
			_, err := fmt.Fprintf(c.out, "%s\n", body)
			return err
		}
		_, err := fmt.Fprintln(c.text(), pipeline.FormatEvent(e))
		return err
	}
	return pipeline.Tail(ctx, servers, namespace, patterns, c.log, onReady, show)
}
