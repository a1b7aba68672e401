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
	List   deadListCmd   `cmd:"" help:"Count dead letters, or list those of one consumer."`
	Show   deadShowCmd   `cmd:"" help:"Print dead letters with reason and message."`
	Replay deadReplayCmd `cmd:"" help:"Put dead letters back into their queue."`
	Purge  deadPurgeCmd  `cmd:"" help:"Delete dead letters."`
}

func (d *deadCmd) Help() string {
	return "A dead letter is a message that its consumer could not handle: it failed for good, or too often. It waits 30 days, and up to 1 GiB of them do, in the queue consumer.<name>.dead for somebody to look. Repair the cause, then replay: each is handled as if it had just come."
}

// A letterbox is whose dead letters a command is about.
type letterbox struct {
	Consumer string `arg:"" help:"A consumer's name, or a queue's, like consumer.scoreboard."`
}

func (l letterbox) queue() string {
	if strings.HasPrefix(l.Consumer, "consumer.") || strings.HasPrefix(l.Consumer, "task.") {
		return strings.TrimSuffix(l.Consumer, ".dead")
	}
	return consumers.QueueName(l.Consumer)
}

// deadLetters opens the broker.
func deadLetters(ctx context.Context, c *console) (broker.Broker, error) {
	servers, err := c.realServers("dead letters lie on a RabbitMQ server")
	if err != nil {
		return nil, err
	}
	namespace, err := c.namespace()
	if err != nil {
		return nil, err
	}
	return servers.Reached(ctx, namespace, c.log)
}

type deadListCmd struct {
	Consumer string `arg:"" optional:"" help:"A consumer's name, or a queue's. All consumers of the config without it, and how many each has."`
	Limit    int    `help:"Show so many at most, the oldest first (${default}); 0 shows all." default:"50"`
	JSON     bool   `name:"json" help:"Print JSON lines."`
}

func (d *deadListCmd) Run(ctx context.Context, c *console) error {
	b, err := deadLetters(ctx, c)
	if err != nil {
		return err
	}
	defer b.Close()
	if d.Consumer == "" {
		return d.count(ctx, c, b)
	}
	queue := letterbox{d.Consumer}.queue()
	total, err := b.CountDead(ctx, queue)
	if errors.Is(err, broker.ErrNoQueue) {
		return errors.Join(err, c.partsOf(d.Consumer))
	}
	if err != nil {
		return err
	}
	if d.Limit == 0 {
		d.Limit = total
	}
	if d.JSON {
		return broker.OldestDead(ctx, b, queue, d.Limit, letterPrinter(c))
	}
	t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	shown := 0
	err = broker.OldestDead(ctx, b, queue, d.Limit, func(l broker.DeadLetter) error {
		if shown++; shown == 1 {
			fmt.Fprintln(t, "FIRST SEEN\tATTEMPTS\tKEY\tID\tREASON")
		}
		_, err := fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\n", l.FirstSeen.Local().Format(time.DateTime), l.Attempt, l.Key, orDash(l.ID), short(l.Reason))
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

// partsOf is an error that names the parts of a consumer, each of which has a
// queue of its own; nil if it has none.
func (c *console) partsOf(consumer string) error {
	config, err := c.config()
	if err != nil {
		return nil // the other error is what matters
	}
	names, _ := config.ConsumerNames(c.plugins)
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, consumer+".") })
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("%s has a queue for each of its parts: %s", consumer, strings.Join(names, ", "))
}

// count says how many dead letters each consumer has.
func (d *deadListCmd) count(ctx context.Context, c *console, b broker.Broker) error {
	config, err := c.config()
	if err != nil {
		return err
	}
	names, err := config.ConsumerNames(c.plugins)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	if !d.JSON {
		fmt.Fprintln(t, "CONSUMER\tDEAD LETTERS")
	}
	for _, name := range names {
		n, err := b.CountDead(ctx, consumers.QueueName(name))
		shown, dead := fmt.Sprint(n), any(n)
		switch {
		case errors.Is(err, broker.ErrNoQueue):
			shown, dead = "never ran here", nil
		case err != nil:
			return err
		}
		if !d.JSON {
			fmt.Fprintf(t, "%s\t%s\n", name, shown)
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

// short is the beginning of a reason, on one line.
func short(s string) string {
	const most = 100
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// letterJSON is a dead letter as it is printed for programs. What is no JSON
// itself stands as text.
type letterJSON struct {
	ID        string    `json:"id"`
	TID       event.TID `json:"tid,omitzero"`
	Key       string    `json:"key"`
	Attempts  int       `json:"attempts"`
	FirstSeen time.Time `json:"first_seen"`
	Reason    string    `json:"reason"`
	Message   any       `json:"message"`
}

// letterPrinter prints dead letters as JSON lines.
func letterPrinter(c *console) func(broker.DeadLetter) error {
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
	letterbox
	IDs  []string `arg:"" name:"id" help:"Which, by their message IDs, as list shows them."`
	JSON bool     `name:"json" help:"Print JSON lines."`
}

func (d *deadShowCmd) Run(ctx context.Context, c *console) error {
	var found []broker.DeadLetter
	_, err := chosen{IDs: d.IDs}.walk(ctx, c, d.queue(), func(l broker.DeadLetter) broker.DeadAction {
		found = append(found, l)
		return broker.Keep
	})
	if err != nil {
		return err
	}
	print := letterPrinter(c)
	for i, l := range found {
		if d.JSON {
			if err := print(l); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(c.out)
		}
		fmt.Fprintf(c.out, "id          %s\ntid         %s\nkey         %s\nattempts    %d\nfirst seen  %s\nreason      %s\n\n%s\n",
			l.ID, l.TID, l.Key, l.Attempt, l.FirstSeen.Local().Format(time.DateTime), l.Reason, indented(l.Body))
	}
	return nil
}

// indented is a message for people to read.
func indented(body []byte) string {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return fmt.Sprintf("%q", body) // no control characters for the terminal
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Sprintf("%q", body)
	}
	return string(b)
}

// chosen are the dead letters that a command acts on.
type chosen struct {
	IDs []string `arg:"" optional:"" name:"id" help:"Which, by their message IDs, as list shows them."`
	All bool     `help:"All that are there now."`
}

var errFound = errors.New("all found")

// walk calls act for the chosen dead letters and returns how many there were.
// IDs of which none was found are an error, after all others are done.
func (w chosen) walk(ctx context.Context, c *console, queue string, act func(broker.DeadLetter) broker.DeadAction) (int, error) {
	if w.All == (len(w.IDs) > 0) {
		return 0, pipeline.Misuse(errors.New("say which: some IDs, or --all"))
	}
	b, err := deadLetters(ctx, c)
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
	for _, id := range w.IDs {
		missing[id] = true
	}
	n := 0
	err = b.WalkDead(ctx, queue, func(l broker.DeadLetter) (broker.DeadAction, error) {
		progress.step("")
		if !w.All && !slices.Contains(w.IDs, l.ID) {
			if len(missing) == 0 {
				return broker.Keep, errFound
			}
			return broker.Keep, nil
		}
		delete(missing, l.ID)
		n++
		return act(l), nil
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	if err == nil && len(missing) > 0 {
		var ids []string
		for _, id := range w.IDs {
			if missing[id] {
				ids = append(ids, id)
			}
		}
		err = fmt.Errorf("not among the dead letters of %s: %s", queue, strings.Join(ids, ", "))
	}
	return n, interrupted(ctx, err)
}

type deadReplayCmd struct {
	letterbox
	chosen
}

func (d *deadReplayCmd) Run(ctx context.Context, c *console) error {
	n, err := d.walk(ctx, c, d.queue(), func(broker.DeadLetter) broker.DeadAction { return broker.Requeue })
	if n > 0 || err == nil {
		fmt.Fprintf(c.err, "%s put back into %s\n", plural(n, "dead letter"), d.queue())
	}
	return err
}

type deadPurgeCmd struct {
	letterbox
	chosen
}

func (d *deadPurgeCmd) Run(ctx context.Context, c *console) error {
	n, err := d.walk(ctx, c, d.queue(), func(broker.DeadLetter) broker.DeadAction { return broker.Discard })
	if n > 0 || err == nil {
		fmt.Fprintf(c.err, "%s removed\n", plural(n, "dead letter"))
	}
	return err
}
