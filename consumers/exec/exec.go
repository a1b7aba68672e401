// Package exec is a consumer that runs a program and sends events to it. The program can be written in
// any language.
//
// The program reads events from its standard input, one per line. An event is a CloudEvents object in
// JSON. The program answers each event with one line on its standard output, before it receives the
// next event:
//
//	ok                 the event is handled
//	retry REASON       deliver the event again, after a pause that grows with each attempt
//	permanent REASON   the event cannot be handled: dead-letter it
//
// Lines that the program writes to standard error are logged. The program must exit when its
// standard input ends.
//
// Several copies of the program can run. Each copy handles one event at a time. If a copy exits,
// times out or prints a line that is not an answer, matchwire kills its remaining processes, and
// starts a new copy after a pause. The event that the copy was handling is retried.
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

// Settings holds the config section of a consumer that runs a program.
type Settings struct {
	// Exec is the program and its arguments. The program runs in the folder of the config file, with the umask of
	// matchwire. It has standard input, output and error, and inherits no other open files.
	Exec []string `yaml:"exec"`
	// Env are the names of environment variables that the program inherits, besides PATH, HOME, LANG, TZ, TMPDIR
	// and those that begin with LC_. On Windows, it also inherits variables that most programs need there. It inherits no
	// others, because they can contain secrets of matchwire.
	Env []string `yaml:"env"`
	// Keys are the topic patterns of the events that the program receives.
	Keys []string `yaml:"keys"`
	// Processes is the number of copies of the program in each instance, from 1 to 64. The default is
	// 1.
	Processes int `yaml:"processes"`
	// Timeout limits the time for one event. It is at most [consumers.MaxTimeout]. The default is
	// 30s.
	Timeout strictyaml.Duration `yaml:"timeout"`
	// Once skips an event that was handled within the last day. The program can still receive an
	// event twice, for example if matchwire is killed while the program handles the event.
	Once bool `yaml:"once"`
	// Ordered sends the events of a match one at a time, in the order of (epoch, seq).
	Ordered bool `yaml:"ordered"`
}

// maxProcesses is the maximum of Settings.Processes.
const maxProcesses = 64

// A program is the program that a consumer runs.
type program struct {
	path     string
	args     []string
	dir      string   // working directory
	env      []string // environment
	log      *slog.Logger
	requests chan request // each request is received by one copy
}

// A request is an event for a copy of the program.
type request struct {
	expired <-chan struct{} // closed when the timeout of the event expires
	line    []byte          // the event as JSON, with a newline
	outcome chan<- error    // buffered, so that sending does not block
}

// New returns a consumer that runs the program given in its settings.
func New(h consumers.Host) (consumers.Consumer, error) {
	set := Settings{Processes: 1, Timeout: strictyaml.Duration(30 * time.Second)}
	if err := h.Settings(&set); err != nil {
		return consumers.Consumer{}, err
	}
	env, missing, err := environment(set.Env)
	if err := errors.Join(set.check(), err); err != nil {
		return consumers.Consumer{}, err
	}
	if len(missing) > 0 && !h.Elsewhere {
		h.Log.Warn("env names variables that are not set, so the program does not receive them", "variables", missing)
	}
	p := &program{args: set.Exec[1:], env: env, log: h.Log, requests: make(chan request)}
	if err := p.resolve(set.Exec[0], h.Path); err != nil && !h.Elsewhere {
		return consumers.Consumer{}, fmt.Errorf("exec: %w", err)
	}
	return consumers.Consumer{
		Keys: set.Keys, Limit: set.Processes, Timeout: time.Duration(set.Timeout), Once: set.Once, Ordered: set.Ordered,
		Handle: p.handle,
		Run: func(ctx context.Context) error {
			var copies errgroup.Group
			for range set.Processes {
				copies.Go(func() error { p.supervise(ctx); return nil })
			}
			return copies.Wait()
		},
	}, nil
}

// check returns an error for each invalid setting, except for env.
func (s Settings) check() error {
	faults := []error{consumers.CheckKeys(s.Keys)}
	if len(s.Exec) == 0 || s.Exec[0] == "" {
		faults = append(faults, errors.New("exec: want a program and its arguments, like [python3, goals.py]"))
	}
	if len(s.Keys) == 0 {
		faults = append(faults, errors.New(`keys: want the topic patterns of the program's events, like ["*.*.goal"]`))
	}
	if s.Processes < 1 || s.Processes > maxProcesses {
		faults = append(faults, fmt.Errorf("processes %d: want 1 to %d", s.Processes, maxProcesses))
	}
	if err := consumers.CheckTimeout(time.Duration(s.Timeout)); err != nil {
		faults = append(faults, &consumers.SettingError{Path: "timeout", Err: err})
	}
	return errors.Join(faults...)
}

// resolve sets the path of the program and its working directory, which is the folder of the config
// file. It looks up a name without a slash in PATH. It resolves any other name relative to the
// folder of the config file.
func (p *program) resolve(name string, inConfigFolder func(string) string) (err error) {
	if p.dir, err = filepath.Abs(inConfigFolder(".")); err != nil {
		return err
	}
	if filepath.Base(name) != name {
		if name, err = filepath.Abs(inConfigFolder(name)); err != nil {
			return err
		}
	}
	p.path, err = exec.LookPath(name)
	return err
}

// handle sends an event to the next free copy of the program and returns the outcome. If no copy is
// free before ctx ends, handle returns an error that wraps [broker.ErrUnavailable].
func (p *program) handle(ctx context.Context, e event.Event) error {
	m, err := broker.NewMessage(e)
	if err != nil {
		return broker.Permanent(err)
	}
	outcome := make(chan error, 1)
	select {
	case p.requests <- request{expired: ctx.Done(), line: append(m.Body, '\n'), outcome: outcome}:
		return <-outcome // waits for the copy, which is killed when ctx ends
	case <-ctx.Done():
		return broker.Unavailable(errors.New("no copy of the program is free"))
	}
}
