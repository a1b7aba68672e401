// Matchwire reads live match pages and emits what happens there as events, and
// runs those who react to them. See README.md, or matchwire --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // profiles name time zones

	"github.com/alecthomas/kong"

	"github.com/matchwire/matchwire/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes.
const (
	done    = 0
	failed  = 1
	misused = 2
)

// cli is the command line.
type cli struct {
	LogLevel  *slog.Level      `help:"What to log: debug, info, warn or error. (info; warn for demo and replay)" placeholder:"LEVEL"`
	LogJSON   bool             `name:"log-json" help:"Log as JSON lines."`
	Namespace string           `help:"Keep to this namespace on shared servers; without it, to that of ${config} where there is one." env:"MATCHWIRE_NAMESPACE" placeholder:"NAME"`
	Version   kong.VersionFlag `help:"Print the version and stop."`

	Demo    demoCmd    `cmd:"" help:"Watch the whole pipeline at work, in one process, over recorded matches."`
	Run     runCmd     `cmd:"" help:"Run roles of the pipeline."`
	Replay  replayCmd  `cmd:"" help:"Run recorded pages through the parser."`
	Parse   parseCmd   `cmd:"" help:"Show what a profile finds on a page."`
	Record  recordCmd  `cmd:"" help:"Keep what a page looks like over time, as a fixture to replay."`
	Check   checkCmd   `cmd:"" help:"Validate the config and the profiles, these against their sample pages."`
	Emit    emitCmd    `cmd:"" help:"Emit events by hand."`
	Tail    tailCmd    `cmd:"" help:"Print events as they come."`
	Gateway gatewayCmd `cmd:"" help:"One address for the API, the sockets and the live page of all instances."`
	PS      psCmd      `cmd:"" name:"ps" help:"The running instances: who, what, where and how they are."`
	Trace   traceCmd   `cmd:"" help:"What a job caused: which step, where, when and with what outcome."`
	Dead    deadCmd    `cmd:"" help:"The messages that consumers gave up on: list, show, replay, purge."`

	Rebuild rebuildCmd `cmd:"" help:"Make a consumer's store whole again from the event log."`
}

// A console is what a command has to work with.
type console struct {
	ctx       context.Context
	getenv    func(string) string
	in        io.Reader
	out, err  io.Writer
	log       *slog.Logger
	namespace string
}

// servers are RabbitMQ and Redis as the environment has them.
func (c *console) servers() (app.Servers, error) { return app.ServersFrom(c.getenv) }

// realServers are the servers for a command that has nothing to do without
// them; what says why.
func (c *console) realServers(what string) (app.Servers, error) {
	s, err := c.servers()
	if err == nil && s.Embedded() {
		err = app.Misuse(fmt.Errorf("%s: set AMQP_URL and REDIS_URL", what))
	}
	return s, err
}

// config reads a config file; the namespace is that of the command line where
// it names one.
func (c *console) config(file string) (app.Config, error) {
	config, err := app.LoadConfig(file, file == defaultConfig)
	if err != nil {
		return config, app.Misuse(err)
	}
	if config.Namespace == "" || c.getenv("MATCHWIRE_NAMESPACE") != "" {
		config.Namespace = c.namespace
	}
	return config, nil
}

const description = `Live match pages in, events out, everyone told.

AMQP_URL and REDIS_URL name the servers; without both, demo and run use embedded ones. ` +
	`Exit code 0 means done, 1 failed, 2 misused.`

// run is the program: it reads arguments, runs the command and returns the
// exit code.
func run(ctx context.Context, args []string, getenv func(string) string, in io.Reader, out, errw io.Writer) (code int) {
	type exit int
	defer func() {
		switch p := recover().(type) {
		case nil:
		case exit: // --help or --version
			code = int(p)
		default:
			panic(p)
		}
	}()
	var c cli
	parser, err := kong.New(&c, kong.Name("matchwire"), kong.Description(description), kong.Writers(out, errw),
		kong.Exit(func(code int) { panic(exit(code)) }), kong.Vars{"version": app.Version(), "listen": app.DefaultListen, "config": defaultConfig},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}))
	if err != nil {
		panic(err) // a mistake in the struct above
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(errw, "matchwire: %v\nmatchwire: try --help\n", err)
		return misused
	}
	if c.Namespace == "" {
		if config, err := app.LoadConfig(defaultConfig, true); err == nil {
			c.Namespace = config.Namespace
		}
	}
	if err := app.CheckNamespace(c.Namespace); err != nil {
		fmt.Fprintln(errw, "matchwire:", err)
		return misused
	}
	err = command.Run(&console{ctx: ctx, getenv: getenv, in: in, out: out, err: errw, log: logger(errw, &c, command.Command()), namespace: c.Namespace})
	switch {
	case err == nil, ctx.Err() != nil && errors.Is(err, context.Canceled):
		return done
	case errors.Is(err, app.ErrMisuse):
		fmt.Fprintln(errw, "matchwire:", err)
		return misused
	default:
		fmt.Fprintln(errw, "matchwire:", err)
		return failed
	}
}

func logger(w io.Writer, c *cli, command string) *slog.Logger {
	level := slog.LevelInfo
	if strings.HasPrefix(command, "replay") || command == "demo" {
		level = slog.LevelWarn // a line a page would drown what they say themselves
	}
	if c.LogLevel != nil {
		level = *c.LogLevel
	}
	o := &slog.HandlerOptions{Level: level}
	if c.LogJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
