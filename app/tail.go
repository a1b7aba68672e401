package app

import (
	"context"
	"fmt"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/pipeline"
)

type tailCmd struct {
	Patterns []string `arg:"" optional:"" name:"pattern" help:"Topic patterns, like 'soccer.mls.*' or '*.*.goal'; * is one word, # any number. All events without one."`
	JSON     bool     `name:"json" help:"Print each event as the JSON that travels."`
}

func (t *tailCmd) Run(ctx context.Context, c *console) error {
	servers, err := c.realServers("tail listens to a RabbitMQ server")
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
	listening := func() { fmt.Fprintln(c.err, "listening for", patterns) }
	return pipeline.Tail(ctx, servers, namespace, patterns, c.log, listening, func(e event.Event, body []byte) error {
		if t.JSON {
			_, err = fmt.Fprintf(c.out, "%s\n", body)
		} else {
			_, err = fmt.Fprintln(c.out, pipeline.Line(e))
		}
		return err
	})
}
