package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/internal/apiclient"
	"github.com/matchwire/matchwire/internal/overview"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/spelling"
	"github.com/matchwire/matchwire/internal/terminal"
)

// askHelp is a part of the help of commands that always ask a running process.
const askHelp = `The command asks a running process with the role api, by default the process on this machine. It
sends the API token in MATCHWIRE_API_TOKEN, or in the file that MATCHWIRE_API_TOKEN_FILE names.`

func sourcesCommand(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sources",
		Short: "List, pause, resume or poll the polled pages.",
	}
	var asJSON bool
	list := &cobra.Command{
		Use:   "list",
		Short: "List the polled pages with their IDs and states.",
		Long: "Lists at most 200 pages, those that were activated last. AGE is the time since the latest poll.\n\n" +
			askHelp,
		RunE: func(cmd *cobra.Command, _ []string) error { return listSources(cmd.Context(), c, asJSON) },
	}
	list.Flags().BoolVar(&asJSON, "json", false, "Print JSON lines.")
	c.addServerFlag(list)
	cmd.AddCommand(list,
		sourceCommand(c, "pause", "Pause the polls of pages.",
			`The pages are not polled until you resume them, even after a restart. If the config changes the settings of a
page, the page stays paused. The matches of a paused page are marked as stale.`),
		sourceCommand(c, "resume", "Resume the polls of paused pages.", `The pages are polled at once.`),
		sourceCommand(c, "poll", "Poll pages now.",
			`Makes a poll due at once, without a change of the interval. The limits for the host, robots.txt and
Retry-After still apply. A page cannot be polled within 5 seconds after a poll. "matchwire trace TID" shows what the
poll found.`),
	)
	return cmd
}

// sourceCommand returns a command for an action with sources.
func sourceCommand(c *console, action, short, long string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   action + " ID…",
		Short: short,
		Long: "Arguments:\n  ID…  IDs of sources, as printed by 'sources list'\n\n" + long + "\n\n" + askHelp +
			" The token needs the\nscope change.",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.apiOnly()
			if err != nil {
				return err
			}
			for _, id := range args {
				tid, err := api.Source(cmd.Context(), id, action)
				if err != nil {
					return err
				}
				done := map[string]string{"pause": "paused", "resume": "resumed", "poll": "a poll is due"}[action]
				fmt.Fprintf(c.text(), "%s  %s, TID %s\n", id, done, tid)
			}
			return nil
		},
	}
	c.addServerFlag(cmd)
	return cmd
}

// apiOnly is like api for a command that cannot use RabbitMQ and Redis itself.
func (c *console) apiOnly() (*apiclient.Client, error) {
	api, err := c.api()
	if err == nil && api == nil {
		err = pipeline.UsageError(errors.New("only a process with the role api can do this: set --server to its URL"))
	}
	return api, err
}

func listSources(ctx context.Context, c *console, asJSON bool) error {
	api, err := c.apiOnly()
	if err != nil {
		return err
	}
	o, err := api.Pipeline(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		out := json.NewEncoder(c.out)
		for _, s := range o.Sources.List {
			if err := out.Encode(s); err != nil {
				return err
			}
		}
		return nil
	}
	t := terminal.NewTable(c.text())
	fmt.Fprintln(t, "ID\tSTATE\tAGE\tNEXT\tURL")
	for _, s := range o.Sources.List {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", s.ID, s.State, orDash(between(s.At, o.At)), orDash(untilNext(s, o.At)), s.URL)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if more := o.Sources.Count - len(o.Sources.List); more > 0 {
		fmt.Fprintf(c.errText(), "and %s\n", spelling.Plural(more, "more source"))
	}
	return nil
}

// untilNext returns the time until the next poll of a source, or "" if none is due.
func untilNext(s overview.Source, now time.Time) string {
	if s.Next.Before(now) {
		return ""
	}
	return between(now, s.Next)
}

// between returns the time between two times, or "" if one of them is zero.
func between(from, to time.Time) string {
	if from.IsZero() || to.IsZero() {
		return ""
	}
	return to.Sub(from).Round(time.Second).String()
}

func testCommand(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test CONSUMER",
		Short: "Send a test message through a consumer of a running process.",
		Long: `Arguments:
  CONSUMER  Consumer that sends messages, such as notify.phone for the channel phone

Sends a sample goal, marked as a test, with the settings, secrets and network of the process that runs the consumer. The
goal is not an event: no other consumer receives it. A channel with more than 20 recipients refuses the test. To send
the goal from this machine instead, use matchwire notify try.

` + askHelp + ` The token needs the
scope change.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.apiOnly()
			if err != nil {
				return err
			}
			result, tid, err := api.Test(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if result.Text != "" {
				fmt.Fprintln(c.text(), result.Text)
			}
			fmt.Fprintf(c.text(), "accepted for %d of %s, TID %s\n", result.Accepted,
				spelling.Plural(result.Recipients, "recipient"), tid)
			if result.Reason != "" {
				return errors.New(result.Reason)
			}
			return nil
		},
	}
	c.addServerFlag(cmd)
	return cmd
}
