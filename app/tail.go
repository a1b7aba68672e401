package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/pipeline"
)

func tailCommand(c *console) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "tail [PATTERN…]",
		Short: "Print new events.",
		Long: `Arguments:
  PATTERN…  Topic patterns, like 'soccer.mls.*' (default: all events)

In a pattern, * matches one word of the routing key SPORT.LEAGUE.KIND, and # matches any number of words.

` + serverHelp + `

From a running process, tail reads the event stream. After a lost connection, it continues after the last event,
and warns if events may be missing. If clients of the streams need tokens, tail needs an API token with the scope
read, or a token of such a client.`,
		RunE: func(cmd *cobra.Command, args []string) error { return tail(cmd.Context(), c, args, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print each event as a JSON line, exactly as published.")
	c.addServerFlag(cmd)
	return cmd
}

func tail(ctx context.Context, c *console, patterns []string, asJSON bool) error {
	if len(patterns) == 0 {
		patterns = []string{"#"}
	}
	onReady := func() { fmt.Fprintln(c.err, "waiting for events:", strings.Join(patterns, " ")) }
	show := func(e event.Event, body []byte) error {
		if asJSON {
			_, err := fmt.Fprintf(c.out, "%s\n", body)
			return err
		}
		_, err := fmt.Fprintln(c.text(), pipeline.FormatEvent(e))
		return err
	}
	if api, err := c.api(); api != nil || err != nil {
		if err != nil {
			return err
		}
		return api.Events(ctx, patterns, c.log, onReady, show)
	}
	servers, err := c.requireRabbit("tail reads from a RabbitMQ server")
	if err != nil {
		return err
	}
	namespace, err := c.namespace()
	if err != nil {
		return err
	}
	return pipeline.Tail(ctx, servers, namespace, patterns, c.log, onReady, show)
}
