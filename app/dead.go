package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/internal/apiclient"
	"github.com/matchwire/matchwire/internal/deadletters"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/spelling"
	"github.com/matchwire/matchwire/internal/terminal"
)

func deadCommand(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "List, show, replay or delete dead letters.",
		Long: `A dead letter is a message whose handling failed permanently or too often. The queue consumer.NAME.dead stores
the dead letters of a consumer for 30 days, up to 1 GiB. Fix the cause, then replay the dead letters: the
consumer handles them like new messages.`,
	}
	cmd.AddCommand(deadListCommand(c), deadShowCommand(c), deadReplayCommand(c), deadPurgeCommand(c))
	return cmd
}

// Descriptions of arguments of the dead commands.
const (
	deadConsumerHelp = "Consumer or queue, such as scoreboard or consumer.scoreboard"
	deadIDHelp       = "Message IDs, as printed by 'dead list'"
	deadSelectHelp   = "Arguments:\n  CONSUMER  " + deadConsumerHelp + "\n  ID…       " + deadIDHelp
)

// deadLetters returns access to the dead letters through a running process or a RabbitMQ server, and a function
// that ends it.
func (c *console) deadLetters(ctx context.Context) (deadletters.Store, func(), error) {
	if api, err := c.api(); api != nil || err != nil {
		return apiclient.Dead{Client: api}, func() {}, err
	}
	servers, err := c.requireRabbit("dead letters are stored on a RabbitMQ server")
	if err != nil {
		return nil, nil, err
	}
	config, err := c.config()
	if err != nil {
		return nil, nil, err
	}
	names, err := config.ConsumerNames(c.plugins)
	if err != nil {
		return nil, nil, err
	}
	b, err := servers.ConnectBroker(ctx, config.Namespace, c.log)
	if err != nil {
		return nil, nil, err
	}
	begin := func(total int) (visited, end func()) {
		p := terminal.NewProgress(c.err, "dead letter", total)
		return func() { p.Step("") }, p.End
	}
	return deadletters.OnBroker{Broker: b, Consumers: names, Begin: begin}, func() { b.Close() }, nil
}

func deadListCommand(c *console) *cobra.Command {
	var d deadList
	cmd := &cobra.Command{
		Use:   "list [CONSUMER]",
		Short: "Count the dead letters of each consumer, or list the dead letters of one consumer.",
		Long: `Arguments:
  CONSUMER  Consumer or queue whose dead letters to list
            (default: count the dead letters of each consumer)

` + serverHelp + ` It then lists at
most 1000 dead letters.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				d.consumer = args[0]
			}
			return d.run(cmd.Context(), c)
		},
	}
	cmd.Flags().IntVar(&d.limit, "limit", 50, "Show at most `NUMBER` dead letters, oldest first. 0 shows all.")
	cmd.Flags().BoolVar(&d.json, "json", false, "Print JSON lines.")
	c.addServerFlag(cmd)
	return cmd
}

// A deadList holds the arguments and flags of the command dead list.
type deadList struct {
	consumer string
	limit    int
	json     bool
}

func (d *deadList) run(ctx context.Context, c *console) error {
	store, end, err := c.deadLetters(ctx)
	if err != nil {
		return err
	}
	defer end()
	if d.consumer == "" {
		return d.count(ctx, c, store)
	}
	shown := 0
	t := terminal.NewTable(c.text())
	printJSON := jsonPrinter(c)
	total, err := store.List(ctx, d.consumer, cmp.Or(d.limit, math.MaxInt), func(l deadletters.Letter) error {
		shown++
		if d.json {
			return printJSON(l)
		}
		if shown == 1 {
			fmt.Fprintln(t, "FIRST SEEN\tATTEMPTS\tKEY\tID\tREASON")
		}
		seen := l.FirstSeen.Local().Format(time.DateTime)
		reason := clip(strings.Join(strings.Fields(l.Reason), " "), 100)
		_, err := fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\n", seen, l.Attempts, l.Key, orDash(l.ID), reason)
		return err
	})
	if err := errors.Join(err, t.Flush()); err != nil {
		return err
	}
	if shown == 0 && !d.json {
		fmt.Fprintln(c.errText(), "no dead letters")
	}
	if more := total - shown; more > 0 {
		fmt.Fprintf(c.errText(), "and %d more\n", more)
	}
	return nil
}

// count prints the number of dead letters of each consumer.
func (d *deadList) count(ctx context.Context, c *console, store deadletters.Store) error {
	counts, err := store.Counts(ctx)
	if err != nil {
		return err
	}
	t := terminal.NewTable(c.text())
	if !d.json {
		fmt.Fprintln(t, "CONSUMER\tDEAD LETTERS")
	}
	for _, n := range counts {
		switch {
		case d.json:
			if err := json.NewEncoder(c.out).Encode(n); err != nil {
				return err
			}
		case n.Dead == nil:
			fmt.Fprintf(t, "%s\tno queue yet\n", n.Consumer)
		default:
			fmt.Fprintf(t, "%s\t%d\n", n.Consumer, *n.Dead)
		}
	}
	return t.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// jsonPrinter returns a function that prints a dead letter as a JSON line.
func jsonPrinter(c *console) func(deadletters.Letter) error {
	out := json.NewEncoder(c.out)
	out.SetEscapeHTML(false)
	return func(l deadletters.Letter) error { return out.Encode(l) }
}

func deadShowCommand(c *console) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show CONSUMER ID…",
		Short: "Print dead letters in full.",
		Long:  deadSelectHelp + "\n\n" + serverHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			return showDead(cmd.Context(), c, args[0], args[1:], asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON lines.")
	c.addServerFlag(cmd)
	return cmd
}

func showDead(ctx context.Context, c *console, consumer string, ids []string, asJSON bool) error {
	store, end, err := c.deadLetters(ctx)
	if err != nil {
		return err
	}
	defer end()
	printJSON := jsonPrinter(c)
	shown := 0
	err = store.Find(ctx, consumer, ids, func(l deadletters.Letter) error {
		if asJSON {
			return printJSON(l)
		}
		if shown++; shown > 1 {
			fmt.Fprintln(c.text())
		}
		fmt.Fprintf(c.text(), "id          %s\n", l.ID)
		fmt.Fprintf(c.text(), "tid         %s\n", l.TID)
		fmt.Fprintf(c.text(), "key         %s\n", l.Key)
		fmt.Fprintf(c.text(), "attempts    %d\n", l.Attempts)
		fmt.Fprintf(c.text(), "first seen  %s\n", l.FirstSeen.Local().Format(time.DateTime))
		fmt.Fprintf(c.text(), "reason      %s\n\n", l.Reason)
		_, err := fmt.Fprintln(terminal.NewRawWriter(c.out), indent(l.Message))
		return err
	})
	return interrupted(ctx, err)
}

// plainHTML undoes the escapes of package json for <, > and & in a JSON text. An escaped backslash stays as it is.
var plainHTML = strings.NewReplacer(`\\`, `\\`, `\u003c`, "<", `\u003e`, ">", `\u0026`, "&")

// indent returns a message as indented JSON, or as a quoted string if the body is not JSON.
func indent(message json.RawMessage) string {
	var body string
	if json.Unmarshal(message, &body) == nil {
		return fmt.Sprintf("%q", body) // escapes control characters
	}
	var b bytes.Buffer
	if json.Indent(&b, message, "", "  ") != nil {
		return fmt.Sprintf("%q", message)
	}
	return plainHTML.Replace(b.String())
}

func deadReplayCommand(c *console) *cobra.Command {
	return selectingCommand(c, "replay", "Move dead letters back to the consumer's queue.", broker.Requeue,
		func(consumer string) string { return "moved back to " + deadletters.Queue(consumer) })
}

func deadPurgeCommand(c *console) *cobra.Command {
	return selectingCommand(c, "purge", "Delete dead letters.", broker.Discard, func(string) string { return "deleted" })
}

// selectingCommand returns a command that performs an action with selected dead letters of a queue. done describes
// what it has done.
func selectingCommand(
	c *console, name, short string, action broker.DeadAction, done func(consumer string) string,
) *cobra.Command {
	var s deadletters.Selection
	cmd := &cobra.Command{
		Use:   name + " CONSUMER [ID…]",
		Short: short,
		Long:  deadSelectHelp + "\n\n" + serverHelp + " The token needs the scope change.",
		RunE: func(cmd *cobra.Command, args []string) error {
			s.IDs = args[1:]
			switch {
			case s.All && len(s.IDs) > 0:
				return pipeline.UsageError(errors.New("give message IDs or --all, not both"))
			case !s.All && len(s.IDs) == 0:
				return pipeline.UsageError(errors.New("give message IDs or --all"))
			}
			store, end, err := c.deadLetters(cmd.Context())
			if err != nil {
				return err
			}
			defer end()
			n, err := store.Move(cmd.Context(), args[0], s, action)
			if n > 0 || err == nil {
				fmt.Fprintf(c.errText(), "%s %s\n", spelling.Plural(n, "dead letter"), done(args[0]))
			}
			return interrupted(cmd.Context(), err)
		},
	}
	cmd.Flags().BoolVar(&s.All, "all", false, "Select all dead letters of the queue.")
	c.addServerFlag(cmd)
	return cmd
}
