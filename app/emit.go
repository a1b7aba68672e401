package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/pipeline"
)

type emitCmd struct {
	Key     string        `arg:"" help:"Routing key SPORT.LEAGUE.KIND, like soccer.mls.goal."`
	Facts   string        `arg:"" optional:"" name:"json" help:"${emit_facts}"`
	TID     string        `name:"tid" help:"TID of the events (default: a new TID)." placeholder:"TID"`
	Timeout time.Duration `help:"Maximum wait for each confirmation from the broker." default:"30s"`
	JSON    bool          `name:"json" help:"Print each event as JSON."`
}

func (e *emitCmd) Help() string {
	return `Facts are the data of an event:

  {"team":"Toronto FC","player":"Sebastian Giovinco"}

The scoreboard and the live page also need the match and its score:

  {"team":"Toronto FC","score":{"home":1,"away":0},
   "match":{"id":"mls-42","home":"Toronto FC","away":"New York City FC"}}

emit returns when the broker has confirmed all events. If a line of
standard input fails, emit reports its line number and continues with the next line.`
}

// errFacts marks an error in the facts of an event.
var errFacts = errors.New("facts")

const maxFacts = 1 << 20 // maximum size of a line of facts, in bytes

func (e *emitCmd) Run(ctx context.Context, c *console) error {
	servers, err := c.requireServers("emit publishes to a RabbitMQ server")
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
	if err := event.CheckKey(e.Key); err != nil {
		return pipeline.UsageError(err)
	}
	broker, err := servers.OpenBroker(namespace, c.log)
	if err != nil {
		return err
	}
	defer broker.Close()
	ctx = event.WithTID(ctx, tid)
	if e.Facts != "" {
		err := e.emit(ctx, c, broker, []byte(e.Facts))
		if errors.Is(err, errFacts) {
			err = pipeline.UsageError(err)
		}
		return err
	}
	return e.emitLines(ctx, c, broker)
}

// emitLines emits an event for each line of standard input that is not blank.
func (e *emitCmd) emitLines(ctx context.Context, c *console, p broker.Publisher) error {
	lines := bufio.NewScanner(c.in)
	lines.Buffer(nil, maxFacts)
	failed, n := 0, 0
	for lines.Scan() && ctx.Err() == nil {
		n++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err := e.emit(ctx, c, p, lines.Bytes()); err != nil {
			failed++
			fmt.Fprintf(c.err, "matchwire: line %d: %v\n", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n+1, err)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d lines failed", failed, n)
	}
	return ctx.Err()
}

func (e *emitCmd) emit(ctx context.Context, c *console, p broker.Publisher, facts []byte) error {
	var d event.Data
	dec := json.NewDecoder(bytes.NewReader(facts))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return fmt.Errorf("%w: %w", errFacts, err)
	}
	if dec.More() {
		return fmt.Errorf("%w: more than one JSON value", errFacts)
	}
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	ev, err := broker.Emit(ctx, p, e.Key, d)
	if err != nil {
		return err
	}
	if e.JSON {
		return json.NewEncoder(c.out).Encode(ev)
	}
	_, err = fmt.Fprintf(c.out, "%s id=%s tid=%s\n", ev.Type, ev.ID, ev.TID)
	return err
}
