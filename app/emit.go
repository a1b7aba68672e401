package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/apiclient"
	"github.com/matchwire/matchwire/internal/emit"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/terminal"
)

func emitCommand(c *console) *cobra.Command {
	var e emitter
	cmd := &cobra.Command{
		Use:   "emit KEY [JSON]",
		Short: "Publish events from the command line or standard input.",
		Long: `Arguments:
  KEY   Routing key SPORT.LEAGUE.KIND, such as soccer.mls.goal
  JSON  Facts as a JSON object (default: read one JSON object per line from standard input)

Facts are the data of an event:

  {"team":"Toronto FC","player":"Sebastian Giovinco"}

The scoreboard and the live page also need the match and its score:

  {"team":"Toronto FC","score":{"home":1,"away":0},
   "match":{"id":"mls-42","home":"Toronto FC","away":"New York City FC"}}

emit publishes the events from standard input in order and in batches. It prints the events of a batch when the
broker has confirmed them.

If a line is invalid, emit reports its number and continues with the next line. If the broker does not confirm
all events of a batch in time, emit stops. It reports each line with an unconfirmed event. Such an event may or
may not have been published. emit also reports the first line that it did not send.

` + serverHelp + ` The token needs the
scope change.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			e.key = args[0]
			if len(args) > 1 {
				e.facts = args[1]
			}
			return e.run(cmd.Context(), c)
		},
	}
	cmd.Flags().StringVar(&e.tid, "tid", "", "`TID` of the events (default: a new TID).")
	cmd.Flags().BoolVar(&e.anyKind, "any-kind", false, "Accept a sport or kind that matchwire does not know.")
	cmd.Flags().DurationVar(&e.timeout, "timeout", 30*time.Second, "Wait at most `DURATION` for the broker to confirm.")
	cmd.Flags().BoolVar(&e.json, "json", false, "Print each event as JSON.")
	c.addServerFlag(cmd)
	return cmd
}

// An emitter holds the arguments and flags of the command emit.
type emitter struct {
	key, facts string // facts is "" for events from standard input
	tid        string
	anyKind    bool
	timeout    time.Duration
	json       bool
}

func (e *emitter) run(ctx context.Context, c *console) error {
	tid, err := event.NewTID(), error(nil)
	if e.tid != "" {
		if tid, err = event.ParseTID(e.tid); err != nil {
			return pipeline.UsageError(err)
		}
	}
	if err := emit.CheckKey(e.key, e.anyKind, "--any-kind"); err != nil {
		return pipeline.UsageError(err)
	}
	if e.facts == "" {
		publisher, closePublisher, err := e.publisher(ctx, c)
		if err != nil {
			return err
		}
		defer closePublisher()
		return (&lineEmitter{emitter: e, console: c, publisher: publisher, tid: tid}).run(ctx)
	}
	ev, m, err := e.event([]byte(e.facts), tid)
	if err != nil {
		return pipeline.UsageError(err)
	}
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	publisher, closePublisher, err := e.publisher(ctx, c)
	if err != nil {
		return err
	}
	defer closePublisher()
	if _, err := publisher.Publish(ctx, m); err != nil {
		return err
	}
	return e.print(c.out, ev)
}

// publisher returns a publisher that uses a running process or a RabbitMQ server, and a function that closes it.
func (e *emitter) publisher(ctx context.Context, c *console) (broker.Publisher, func(), error) {
	if api, err := c.api(); api != nil || err != nil {
		return apiclient.Publisher{Client: api, AnyKind: e.anyKind}, func() {}, err
	}
	servers, err := c.requireRabbit("emit publishes to a RabbitMQ server")
	if err != nil {
		return nil, nil, err
	}
	namespace, err := c.namespace()
	if err != nil {
		return nil, nil, err
	}
	b, err := servers.ConnectBroker(ctx, namespace, c.log)
	if err != nil {
		return nil, nil, err
	}
	return b, func() { b.Close() }, nil
}

// event returns an event with the given facts, and its message.
func (e *emitter) event(facts []byte, tid event.TID) (event.Event, broker.Message, error) {
	ev, err := emit.Event(e.key, facts, tid, time.Now())
	if err != nil {
		return ev, broker.Message{}, err
	}
	m, err := broker.NewMessage(ev)
	return ev, m, err
}

// print prints a confirmed event.
func (e *emitter) print(out io.Writer, ev event.Event) error {
	if e.json {
		return json.NewEncoder(out).Encode(ev)
	}
	_, err := fmt.Fprintf(terminal.NewWriter(out), "%s id=%s tid=%s\n", ev.Type, ev.ID, ev.TID)
	return err
}
