package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/pipeline"
)

type emitCmd struct {
	Key     string        `arg:"" help:"Routing key SPORT.LEAGUE.KIND, such as soccer.mls.goal."`
	Facts   string        `arg:"" optional:"" name:"json" help:"${emit_facts}"`
	TID     string        `name:"tid" help:"TID of the events (default: a new TID)." placeholder:"TID"`
	AnyKind bool          `help:"Accept a sport or kind that matchwire does not know."`
	Timeout time.Duration `help:"Maximum wait for the confirmations from the broker." default:"30s"`
	JSON    bool          `name:"json" help:"Print each event as JSON."`
}

func (e *emitCmd) Help() string {
	return `Facts are the data of an event:

  {"team":"Toronto FC","player":"Sebastian Giovinco"}

The scoreboard and the live page also need the match and its score:

  {"team":"Toronto FC","score":{"home":1,"away":0},
   "match":{"id":"mls-42","home":"Toronto FC","away":"New York City FC"}}

emit publishes the events from standard input in order and in batches. It prints
the events of a batch when the broker has confirmed them.

If a line is invalid, emit reports its number and continues with the next line.
If the broker does not confirm all events of a batch in time, emit stops. It
reports each line with an unconfirmed event. Such an event may or may not have
been published. emit also reports the first line that it did not send.`
}

func (e *emitCmd) Run(ctx context.Context, c *console) error {
	servers, err := c.requireRabbit("emit publishes to a RabbitMQ server")
	if err != nil {
		return err
	}
	namespace, err := c.namespace()
	if err != nil {
		return err
	}
	tid := event.NewTID()
	if e.TID != "" {
		if tid, err = event.ParseTID(e.TID); err != nil {
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
	if e.Facts == "" {
		return (&lineEmitter{emitCmd: e, console: c, publisher: broker, tid: tid}).run(ctx)
	}
	ev, m, err := e.event([]byte(e.Facts), tid)
	if err != nil {
		return pipeline.UsageError(err)
	}
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	if _, err := broker.Publish(ctx, m); err != nil {
		return err
	}
	return e.print(c.out, ev)
}

// checkKey returns an error if the key is invalid, or if its sport or kind is unknown and AnyKind is
// not set.
func (e *emitCmd) checkKey() error {
	if e.AnyKind {
		return event.CheckKey(e.Key)
	}
	err := event.CheckKnownKey(e.Key)
	if err != nil && event.CheckKey(e.Key) == nil {
		err = fmt.Errorf("%w (--any-kind publishes it anyway)", err)
	}
	return err
}

// event returns an event with the given facts, and its message.
func (e *emitCmd) event(facts []byte, tid event.TID) (event.Event, broker.Message, error) {
	var d event.Data
	dec := json.NewDecoder(bytes.NewReader(facts))
	dec.DisallowUnknownFields()
	err := dec.Decode(&d)
	if err == nil && dec.More() {
		err = errors.New("more than one JSON value")
	}
	var ev event.Event
	if err == nil {
		ev, err = event.Of(e.Key, d, time.Now())
	}
	if err != nil {
		return ev, broker.Message{}, fmt.Errorf("facts: %w", err)
	}
	ev.TID = tid
	m, err := broker.NewMessage(ev)
	return ev, m, err
}

// print prints a confirmed event.
func (e *emitCmd) print(out io.Writer, ev event.Event) error {
	if e.JSON {
		return json.NewEncoder(out).Encode(ev)
	}
	_, err := fmt.Fprintf(out, "%s id=%s tid=%s\n", ev.Type, ev.ID, ev.TID)
	return err
}
