package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/pipeline"
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
may not have been published. emit also reports the first line that it did not send.`,
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
	servers, err := c.requireRabbit("emit publishes to a RabbitMQ server")
	if err != nil {
		return err
	}
	namespace, err := c.namespace()
	if err != nil {
		return err
	}
	tid := event.NewTID()
	if e.tid != "" {
		if tid, err = event.ParseTID(e.tid); err != nil {
			return pipeline.UsageError(err)
		}
	}
	if err := e.checkKey(); err != nil {
		return pipeline.UsageError(err)
	}
	broker, err := servers.OpenBroker(namespace, c.log)
	if err != nil {
		return err
	}
	defer broker.Close()
	if e.facts == "" {
		return (&lineEmitter{emitter: e, console: c, publisher: broker, tid: tid}).run(ctx)
	}
	ev, m, err := e.event([]byte(e.facts), tid)
	if err != nil {
		return pipeline.UsageError(err)
	}
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	if _, err := broker.Publish(ctx, m); err != nil {
		return err
	}
	return e.print(c.out, ev)
}

// checkKey returns an error if the key is invalid, or if its sport or kind is unknown and anyKind is
// not set.
func (e *emitter) checkKey() error {
	if e.anyKind {
		return event.CheckKey(e.key)
	}
	err := event.CheckKnownKey(e.key)
	if err != nil && event.CheckKey(e.key) == nil {
		err = fmt.Errorf("%w (--any-kind publishes it anyway)", err)
	}
	return err
}

// event returns an event with the given facts, and its message.
func (e *emitter) event(facts []byte, tid event.TID) (event.Event, broker.Message, error) {
	var d event.Data
	dec := json.NewDecoder(bytes.NewReader(facts))
	dec.DisallowUnknownFields()
	err := dec.Decode(&d)
	if err == nil && dec.More() {
		err = errors.New("more than one JSON value")
	}
	var ev event.Event
	if err == nil {
		ev, err = event.Of(e.key, d, time.Now())
	}
	if err != nil {
		return ev, broker.Message{}, fmt.Errorf("facts: %w", err)
	}
	ev.TID = tid
	m, err := broker.NewMessage(ev)
	return ev, m, err
}

// print prints a confirmed event.
func (e *emitter) print(out io.Writer, ev event.Event) error {
	if e.json {
		return json.NewEncoder(out).Encode(ev)
	}
	_, err := fmt.Fprintf(out, "%s id=%s tid=%s\n", ev.Type, ev.ID, ev.TID)
	return err
}
