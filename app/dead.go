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

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/pipeline"
)

type deadCmd struct {
	List   deadListCmd   `cmd:"" help:"Count the dead letters of each consumer, or list the dead letters of one consumer."`
	Show   deadShowCmd   `cmd:"" help:"Print dead letters in full."`
	Replay deadReplayCmd `cmd:"" help:"Move dead letters back to the consumer's queue."`
	Purge  deadPurgeCmd  `cmd:"" help:"Delete dead letters."`
}

func (d *deadCmd) Help() string {
	return "A dead letter is a message whose handling failed permanently or too often. " +
		"The queue consumer.NAME.dead stores the dead letters of a consumer for 30 days, up to 1 GiB. " +
		"Fix the cause, then replay the dead letters: the consumer handles them like new messages."
}

// A deadQueue is an argument of the dead commands. It names a consumer or its queue.
type deadQueue struct {
	Consumer string `arg:"" help:"Consumer or queue, such as scoreboard or consumer.scoreboard."`
}

// queue returns the name of the queue, without the suffix .dead.
func (d deadQueue) queue() string {
	if strings.HasPrefix(d.Consumer, "consumer.") || strings.HasPrefix(d.Consumer, "task.") {
		return strings.TrimSuffix(d.Consumer, ".dead")
	}
	return consumers.QueueName(d.Consumer)
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

type deadListCmd struct {
	Consumer string `arg:"" optional:"" help:"${dead_list_consumer}"`
	Limit    int    `help:"Maximum number of dead letters to show, oldest first. 0 shows all." default:"50"`
	JSON     bool   `name:"json" help:"Print JSON lines."`
}

func (d *deadListCmd) Run(ctx context.Context, c *console) error {
	b, err := connectBroker(ctx, c)
	if err != nil {
		return err
	}
	defer b.Close()
	if d.Consumer == "" {
		return d.count(ctx, c, b)
	}
	queue := deadQueue{d.Consumer}.queue()
	total, err := b.CountDead(ctx, queue)
	if errors.Is(err, broker.ErrNoQueue) {
		return errors.Join(err, c.partsError(d.Consumer))
	}
	if err != nil {
		return err
	}
	if d.Limit == 0 {
		d.Limit = total
	}
	if d.JSON {
		return broker.OldestDead(ctx, b, queue, d.Limit, jsonPrinter(c))
	}
	t := tabwriter.NewWriter(c.text(), 0, 0, 2, ' ', 0)
	shown := 0
	err = broker.OldestDead(ctx, b, queue, d.Limit, func(l broker.DeadLetter) error {
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
func (d *deadListCmd) count(ctx context.Context, c *console, b broker.Broker) error {
	config, err := c.config()
	if err != nil {
		return err
	}
	names, err := config.ConsumerNames(c.plugins)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(c.text(), 0, 0, 2, ' ', 0)
	if !d.JSON {
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
		if !d.JSON {
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

type deadShowCmd struct {
	deadQueue
	IDs  []string `arg:"" name:"id" help:"Message IDs, as printed by 'dead list'."`
	JSON bool     `name:"json" help:"Print JSON lines."`
}

func (d *deadShowCmd) Run(ctx context.Context, c *console) error {
	var found []broker.DeadLetter
	_, err := selection{IDs: d.IDs}.walk(ctx, c, d.queue(), func(l broker.DeadLetter) broker.DeadAction {
		found = append(found, l)
		return broker.Keep
	})
	if err != nil {
		return err
	}
	printJSON := jsonPrinter(c)
	for i, l := range found {
		if d.JSON {
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

// A selection holds the arguments that select dead letters of a queue.
type selection struct {
	IDs []string `arg:"" optional:"" name:"id" help:"Message IDs, as printed by 'dead list'."`
	All bool     `help:"Select all dead letters of the queue."`
}

// errAllFound ends a walk early.
var errAllFound = errors.New("all selected dead letters found")

// walk calls act for each selected dead letter and performs the action that act returns: keep,
// requeue or discard. It returns the number of calls to act. If a selected ID is not in the queue,
// walk returns an error after the last call to act. s must have either IDs or All.
func (s selection) walk(
	ctx context.Context, c *console, queue string, act func(broker.DeadLetter) broker.DeadAction,
) (int, error) {
	if s.All == (len(s.IDs) > 0) {
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
	for _, id := range s.IDs {
		missing[id] = true
	}
	n := 0
	err = b.WalkDead(ctx, queue, func(l broker.DeadLetter) (broker.DeadAction, error) {
		progress.step("")
		if !s.All && !slices.Contains(s.IDs, l.ID) {
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
		for _, id := range s.IDs {
			if missing[id] {
				ids = append(ids, id)
			}
		}
		err = fmt.Errorf("%s has no dead letters with these IDs: %s", queue, strings.Join(ids, ", "))
	}
	return n, interrupted(ctx, err)
}

type deadReplayCmd struct {
	deadQueue
	selection
}

func (d *deadReplayCmd) Run(ctx context.Context, c *console) error {
	n, err := d.walk(ctx, c, d.queue(), func(broker.DeadLetter) broker.DeadAction { return broker.Requeue })
	if n > 0 || err == nil {
		fmt.Fprintf(c.err, "%s moved back to %s\n", pipeline.Plural(n, "dead letter"), d.queue())
	}
	return err
}

type deadPurgeCmd struct {
	deadQueue
	selection
}

func (d *deadPurgeCmd) Run(ctx context.Context, c *console) error {
	n, err := d.walk(ctx, c, d.queue(), func(broker.DeadLetter) broker.DeadAction { return broker.Discard })
	if n > 0 || err == nil {
		fmt.Fprintf(c.err, "%s deleted\n", pipeline.Plural(n, "dead letter"))
	}
	return err
}
