// Package exec is the consumer for those who write none in Go: it hands events
// to a program, which may be written in any language.
//
// The program reads events from its standard input, each the JSON of a
// CloudEvents object on one line, and answers each with a line on its standard
// output before it gets the next:
//
//	ok                 it is done
//	retry REASON       it is to come again after a pause, which grows
//	permanent REASON   it cannot be handled: to the dead letters
//
// What it writes to standard error is logged. When its input ends it is to end.
// Several copies may run, each with an event of its own; one that ends, answers
// something else or takes too long is killed and started again, and its event
// is tried again.
package exec

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// Settings are the part of the config of a consumer that is a program.
type Settings struct {
	// Exec is the program and its arguments. It runs in the folder of the config
	// file, without matchwire's own secrets in its environment.
	Exec []string `yaml:"exec"`
	// Keys are the topic patterns of the events it wants.
	Keys []string `yaml:"keys"`
	// Processes is how many copies run in each instance, 1 to 64; 1 without it.
	Processes int `yaml:"processes"`
	// Timeout is how long it may take for an event; 30s without it.
	Timeout strictyaml.Duration `yaml:"timeout"`
	// Once has it get no event twice within a day, but for those that were under
	// way when a process was killed.
	Once bool `yaml:"once"`
}

const maxProcesses = 64

// A program is what the consumer of that name runs.
type program struct {
	path string
	args []string
	dir  string
	log  *slog.Logger
	work chan job
}

// A job is an event for one of the copies.
type job struct {
	late   <-chan struct{} // closed when the answer comes too late
	line   []byte
	answer chan<- error // has room for it
}

// New makes the consumer.
func New(h consumers.Host) (consumers.Consumer, error) {
	set := Settings{Processes: 1, Timeout: strictyaml.Duration(30 * time.Second)}
	if err := h.Settings(&set); err != nil {
		return consumers.Consumer{}, err
	}
	switch {
	case len(set.Exec) == 0 || set.Exec[0] == "":
		return consumers.Consumer{}, errors.New("exec: want a program and its arguments, like [python3, goals.py]")
	case len(set.Keys) == 0:
		return consumers.Consumer{}, errors.New(`keys: want topic patterns of the events that the program gets, like ["*.*.goal"]`)
	case set.Processes < 1 || set.Processes > maxProcesses:
		return consumers.Consumer{}, fmt.Errorf("processes %d: want 1 to %d", set.Processes, maxProcesses)
	}
	for _, k := range set.Keys {
		if err := event.CheckPattern(k); err != nil {
			return consumers.Consumer{}, fmt.Errorf("keys: %w", err)
		}
	}
	p := &program{args: set.Exec[1:], log: h.Log, work: make(chan job)}
	if err := p.find(set.Exec[0], h.Path); err != nil && !h.Elsewhere {
		return consumers.Consumer{}, fmt.Errorf("exec: %w", err)
	}
	return consumers.Consumer{
		Keys: set.Keys, Limit: set.Processes, Timeout: time.Duration(set.Timeout), Once: set.Once, Handle: p.handle,
		Run: func(ctx context.Context) error {
			var copies errgroup.Group
			for range set.Processes {
				copies.Go(func() error { p.supervise(ctx); return nil })
			}
			return copies.Wait()
		},
	}, nil
}

// find finds the program, and the folder of the config file, in which it runs.
func (p *program) find(name string, inFolder func(string) string) (err error) {
	if p.dir, err = filepath.Abs(inFolder(".")); err != nil {
		return err
	}
	if filepath.Base(name) != name { // a path
		if name, err = filepath.Abs(inFolder(name)); err != nil {
			return err
		}
	}
	p.path, err = exec.LookPath(name)
	return err
}

// handle has one of the copies handle an event. While none runs, all events wait.
func (p *program) handle(ctx context.Context, e event.Event) error {
	m, err := broker.NewMessage(e)
	if err != nil {
		return broker.Permanent(err)
	}
	answer := make(chan error, 1)
	select {
	case p.work <- job{late: ctx.Done(), line: append(m.Body, '\n'), answer: answer}:
		return <-answer // killed when ctx ends
	case <-ctx.Done():
		return broker.Unavailable(errors.New("no copy of the program runs"))
	}
}
