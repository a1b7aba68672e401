package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/pipeline"
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

// deadQueue returns the name of the queue of a consumer, without the suffix .dead. It also accepts the
// name of a queue.
func deadQueue(consumer string) string {
	if strings.HasPrefix(consumer, "consumer.") || strings.HasPrefix(consumer, "task.") {
		return strings.TrimSuffix(consumer, ".dead")
	}
	return consumers.QueueName(consumer)
}

// connectBroker connects to the RabbitMQ server that the environment names.
func connectBroker(ctx context.Context, c *console) (broker.Broker, error) {
	servers, err := c.requireRabbit("dead letters are stored on a RabbitMQ server")
	if err != nil {
		return nil, err
	}
	namespace, err := c.namespace()
	if err != nil {
		return nil, err
	}
	return servers.ConnectBroker(ctx, namespace, c.log)
}

func deadListCommand(c *console) *cobra.Command {
	var d deadList
	cmd := &cobra.Command{
		Use:   "list [CONSUMER]",
		Short: "Count the dead letters of each consumer, or list the dead letters of one consumer.",
		Long: `Arguments:
  CONSUMER  Consumer or queue whose dead letters to list
            (default: count the dead letters of each consumer in the config)`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				d.consumer = args[0]
			}
			return d.run(cmd.Context(), c)
		},
	}
	cmd.Flags().IntVar(&d.limit, "limit", 50, "Show at most `NUMBER` dead letters, oldest first. 0 shows all.")
	cmd.Flags().BoolVar(&d.json, "json", false, "Print JSON lines.")
	return cmd
}

// A deadList holds the arguments and flags of the command dead list.
type deadList struct {
	consumer string
	limit    int
	json     bool
}

func (d *deadList) run(ctx context.Context, c *console) error {
	b, err := connectBroker(ctx, c)
	if err != nil {
		return err
	}
	defer b.Close()
	if d.consumer == "" {
		return d.count(ctx, c, b)
	}
	queue := deadQueue(d.consumer)
	total, err := b.CountDead(ctx, queue)
	if errors.Is(err, broker.ErrNoQueue) {
		return errors.Join(err, c.partsError(d.consumer))
	}
	if err != nil {
		return err
	}
	if d.limit == 0 {
		d.limit = total
	}
	if d.json {
		return broker.OldestDead(ctx, b, queue, d.limit, jsonPrinter(c))
	}
	t := tabwriter.NewWriter(c.text(), 0, 0, 2, ' ', 0)
	shown := 0
	err = broker.OldestDead(ctx, b, queue, d.limit, func(l broker.DeadLetter) error {
		if shown++; shown == 1 {
			fmt.Fprintln(t, "FIRST SEEN\tATTEMPTS\tKEY\tID\tREASON")
		}
		seen := l.FirstSeen.Local().Format(time.DateTime)
		reason := clip(strings.Join(strings.Fields(l.Reason), " "), 100)
		_, err := fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\n", seen, l.Attempt, l.Key, orDash(l.ID), reason)
		return err
	})
	if err := errors.Join(err, t.Flush()); err != nil {
		return err
	}
	if shown == 0 {
		fmt.Fprintln(c.err, "no dead letters")
	}
	if more := total - shown; more > 0 {
		fmt.Fprintf(c.err, "and %d more\n", more)
	}
	return nil
}

// partsError returns an error that lists the parts of a consumer. Each part has its own queue.
// partsError returns nil if the consumer has no parts or the config cannot be loaded.
func (c *console) partsError(consumer string) error {
	config, err := c.config()
	if err != nil {
		return nil // the caller reports that the queue does not exist
	}
	names, _ := config.ConsumerNames(c.plugins)
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, consumer+".") })
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("%s has a queue for each of its parts: %s", consumer, strings.Join(names, ", "))
}

// count prints the number of dead letters of each consumer in the config.
func (d *deadList) count(ctx context.Context, c *console, b broker.Broker) error {
	config, err := c.config()
	if err != nil {
		return err
	}
	names, err := config.ConsumerNames(c.plugins)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(c.text(), 0, 0, 2, ' ', 0)
	if !d.json {
		fmt.Fprintln(t, "CONSUMER\tDEAD LETTERS")
	}
	for _, name := range names {
		n, err := b.CountDead(ctx, consumers.QueueName(name))
		text, dead := fmt.Sprint(n), any(n)
		switch {
		case errors.Is(err, broker.ErrNoQueue):
			text, dead = "no queue yet", nil
		case err != nil:
			return err
		}
		if !d.json {
			fmt.Fprintf(t, "%s\t%s\n", name, text)
		} else if err := json.NewEncoder(c.out).Encode(map[string]any{"consumer": name, "dead": dead}); err != nil {
			return err
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

// letterJSON is the JSON form of a dead letter. A body that is not
// valid JSON is encoded as a string.
type letterJSON struct {
	ID        string    `json:"id"`
	TID       event.TID `json:"tid,omitzero"`
	Key       string    `json:"key"`
	Attempts  int       `json:"attempts"`
	FirstSeen time.Time `json:"first_seen"`
	Reason    string    `json:"reason"`
	Message   any       `json:"message"`
}

// jsonPrinter returns a function that prints a dead letter as a JSON line.
func jsonPrinter(c *console) func(broker.DeadLetter) error {
	out := json.NewEncoder(c.out)
	out.SetEscapeHTML(false)
	return func(l broker.DeadLetter) error {
		var body any = json.RawMessage(l.Body)
		if !json.Valid(l.Body) {
			body = string(l.Body)
		}
		return out.Encode(letterJSON{l.ID, l.TID, l.Key, l.Attempt, l.FirstSeen, l.Reason, body})
	}
}

func deadShowCommand(c *console) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show CONSUMER ID…",
		Short: "Print dead letters in full.",
		Long:  deadSelectHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			return showDead(cmd.Context(), c, deadQueue(args[0]), args[1:], asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON lines.")
	return cmd
}

func showDead(ctx context.Context, c *console, queue string, ids []string, asJSON bool) error {
	var found []broker.DeadLetter
	_, err := selection{ids: ids}.walk(ctx, c, queue, func(l broker.DeadLetter) broker.DeadAction {
		found = append(found, l)
		return broker.Keep
	})
	if err != nil {
		return err
	}
	printJSON := jsonPrinter(c)
	for i, l := range found {
		if asJSON {
			if err := printJSON(l); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(c.text())
		}
		fmt.Fprintf(c.text(), "id          %s\n", l.ID)
		fmt.Fprintf(c.text(), "tid         %s\n", l.TID)
		fmt.Fprintf(c.text(), "key         %s\n", l.Key)
		fmt.Fprintf(c.text(), "attempts    %d\n", l.Attempt)
		fmt.Fprintf(c.text(), "first seen  %s\n", l.FirstSeen.Local().Format(time.DateTime))
		fmt.Fprintf(c.text(), "reason      %s\n\n%s\n", l.Reason, indent(l.Body))
	}
	return nil
}

// indent returns body as indented JSON, or as a quoted string if body is not JSON.
func indent(body []byte) string {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return fmt.Sprintf("%q", body) // escapes control characters
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Sprintf("%q", body)
	}
	return string(b)
}

// A selection selects dead letters of a queue.
type selection struct {
	ids []string
	all bool
}

// errAllFound ends a walk early.
var errAllFound = errors.New("all selected dead letters found")

// walk calls act for each selected dead letter and performs the action that act returns: keep,
// requeue or discard. It returns the number of calls to act. If a selected ID is not in the queue,
// walk returns an error after the last call to act. s must have either ids or all.
func (s selection) walk(
	ctx context.Context, c *console, queue string, act func(broker.DeadLetter) broker.DeadAction,
) (int, error) {
	if s.all == (len(s.ids) > 0) {
		return 0, pipeline.UsageError(errors.New("give either message IDs or --all, not both"))
	}
	b, err := connectBroker(ctx, c)
	if err != nil {
		return 0, err
	}
	defer b.Close()
	total, err := b.CountDead(ctx, queue)
	if err != nil {
		return 0, err
	}
	progress := newProgress(c.err, "dead letter", total)
	defer progress.end()
	missing := map[string]bool{}
	for _, id := range s.ids {
		missing[id] = true
	}
	n := 0
	err = b.WalkDead(ctx, queue, func(l broker.DeadLetter) (broker.DeadAction, error) {
		progress.step("")
		if !s.all && !slices.Contains(s.ids, l.ID) {
			if len(missing) == 0 {
				return broker.Keep, errAllFound
			}
			return broker.Keep, nil
		}
		delete(missing, l.ID)
		n++
		return act(l), nil
	})
	if errors.Is(err, errAllFound) {
		err = nil
	}
	if err == nil && len(missing) > 0 {
		var ids []string
		for _, id := range s.ids {
			if missing[id] {
				ids = append(ids, id)
			}
		}
		err = fmt.Errorf("%s has no dead letters with these IDs: %s", queue, strings.Join(ids, ", "))
	}
	return n, interrupted(ctx, err)
}

func deadReplayCommand(c *console) *cobra.Command {
	return selectingCommand("replay", "Move dead letters back to the consumer's queue.",
		func(ctx context.Context, queue string, s selection) error {
			n, err := s.walk(ctx, c, queue, func(broker.DeadLetter) broker.DeadAction { return broker.Requeue })
			if n > 0 || err == nil {
				fmt.Fprintf(c.err, "%s moved back to %s\n", pipeline.Plural(n, "dead letter"), queue)
			}
			return err
		})
}

func deadPurgeCommand(c *console) *cobra.Command {
	return selectingCommand("purge", "Delete dead letters.",
		func(ctx context.Context, queue string, s selection) error {
			n, err := s.walk(ctx, c, queue, func(broker.DeadLetter) broker.DeadAction { return broker.Discard })
			if n > 0 || err == nil {
				fmt.Fprintf(c.err, "%s deleted\n", pipeline.Plural(n, "dead letter"))
			}
			return err
		})
}

// selectingCommand returns a command that does something with selected dead letters of a queue.
func selectingCommand(name, short string, do func(context.Context, string, selection) error) *cobra.Command {
	var s selection
	cmd := &cobra.Command{
		Use:   name + " CONSUMER [ID…]",
		Short: short,
		Long:  deadSelectHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			s.ids = args[1:]
			return do(cmd.Context(), deadQueue(args[0]), s)
		},
	}
	cmd.Flags().BoolVar(&s.all, "all", false, "Select all dead letters of the queue.")
	return cmd
}
