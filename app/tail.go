package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/terminal"
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
	onReady := func() { fmt.Fprintln(c.errText(), "waiting for events:", strings.Join(patterns, " ")) }
	show := func(e event.Event, body []byte) error {
		if asJSON {
			_, err := fmt.Fprintf(c.out, "%s\n", body)
			return err
		}
		return c.printEvent(e)
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

// printEvent prints a description of an event, then an indented line with the routing key and the TID.
func (p *program) printEvent(e event.Event) error {
	note := ""
	switch {
	case e.Data.Replay:
		note = " [replay]"
	case e.Data.Backfill:
		note = " [backfill]"
	}
	at := e.Time.Local().Format(time.TimeOnly) + "  "
	what := terminal.Printable(notify.Line(e) + note)
	ids := terminal.Printable(fmt.Sprintf("%s  tid %s", e.Type, e.TID))
	if columns := terminal.Columns(p.out); columns > 0 {
		what = terminal.Hang(at+what, len(at), columns)[len(at):]
		ids = terminal.Hang(at+ids, len(at), columns)[len(at):]
	}
	if terminal.Colors(p.out, p.getenv) {
		what, ids = eventStyle(e).Paint(what), terminal.Dim.Paint(ids)
	}
	_, err := fmt.Fprintf(p.out, "%s%s\n%*s%s\n", at, what, len(at), "", ids)
	return err
}

// eventStyle returns the colour of an event.
func eventStyle(e event.Event) terminal.Style {
	switch e.Data.Action {
	case event.Retracted:
		return terminal.Red
	case event.Corrected:
		return terminal.Yellow
	}
	switch sport, kind := e.Data.Sport, e.Data.Kind; {
	case sport.Scores(kind) && !sport.Misses(kind, e.Data.Detail):
		return terminal.Green
	case kind == event.RedCard:
		return terminal.Red
	case kind == event.YellowCard:
		return terminal.Yellow
	case kind == event.SourceStale, kind == event.SourceFresh:
		return terminal.Dim
	case kind == event.MatchStart, kind == event.MatchEnd, kind == event.PeriodStart, kind == event.PeriodEnd,
		kind == event.StatusChange:
		return terminal.Cyan
	}
	return ""
}
