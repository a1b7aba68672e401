// Package app is the program matchwire: its commands, flags, signals and exit
// codes. A program of one's own that adds a consumer is a call of Main.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata" // profiles name time zones

	"github.com/alecthomas/kong"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/shipped"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// Main is the program, with the consumers that matchwire ships and those of
// options. It does not return.
func Main(options ...Option) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	plugins := shipped.Plugins()
	for _, o := range options {
		plugins = slices.DeleteFunc(plugins, func(p consumers.Plugin) bool { return p.Name == o.Name })
		plugins = append(plugins, consumers.Plugin(o))
	}
	p := program{plugins: plugins, getenv: os.Getenv, in: os.Stdin, out: os.Stdout, err: os.Stderr}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// An Option is a consumer that a program adds to matchwire's own.
type Option consumers.Plugin

// WithConsumer adds a consumer of that name, or replaces one that matchwire
// ships. Where the config has a part for consumers, it runs if it is named there.
func WithConsumer(name string, m consumers.Maker) Option { return Option{Name: name, New: m} }

// WithPlugin adds a consumer that brings a command along.
func WithPlugin(p consumers.Plugin) Option { return Option(p) }

// A program is matchwire in the world it runs in.
type program struct {
	plugins  []consumers.Plugin
	getenv   func(string) string
	in       io.Reader
	out, err io.Writer
}

// Exit codes.
const (
	done    = 0
	failed  = 1
	misused = 2
)

// cli is the command line.
type cli struct {
	Config    string           `help:"The config file (${default}, which may be missing)." default:"${config}" placeholder:"FILE"`
	LogLevel  *slog.Level      `help:"What to log: debug, info, warn or error. (info; warn for demo and replay)" placeholder:"LEVEL"`
	LogJSON   bool             `name:"log-json" help:"Log as JSON lines."`
	Namespace string           `help:"Keep to this namespace on shared servers; without it, to the config's." env:"MATCHWIRE_NAMESPACE" placeholder:"NAME"`
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

	Licences licencesCmd `cmd:"" help:"Print the licences of all modules in this program."`
}

// A console is what a command has to work with.
type console struct {
	program
	log     *slog.Logger
	wanted  string // the namespace that the command line or the environment names
	file    string // the config's
	closers []func()
}

// servers are RabbitMQ and Redis as the environment has them.
func (c *console) servers() (pipeline.Servers, error) { return pipeline.ServersFrom(c.getenv) }

// realServers are the servers for a command that has nothing to do without
// them; what says why.
func (c *console) realServers(what string) (pipeline.Servers, error) {
	s, err := c.servers()
	if err == nil && s.Embedded() {
		err = pipeline.Misuse(fmt.Errorf("%s: set AMQP_URL and REDIS_URL", what))
	}
	return s, err
}

// config reads the config file. The namespace of the command line takes
// precedence over the file's.
func (c *console) config() (pipeline.Config, error) {
	config, err := pipeline.LoadConfig(c.file, c.file == defaultConfig)
	if err != nil {
		return config, pipeline.Misuse(err)
	}
	config.Namespace = cmp.Or(c.wanted, config.Namespace)
	return config, nil
}

// namespace is the one to use on shared servers. It reads the config file only
// if the command line names none. A file that cannot be read is an error: the
// namespace it would have named is unknown, and the default one is not a safe guess.
func (c *console) namespace() (string, error) {
	if c.wanted != "" {
		return c.wanted, nil
	}
	config, err := c.config()
	return config.Namespace, err
}

const description = `Live match pages in, events out, everyone told.

AMQP_URL and REDIS_URL name the servers; without both, demo and run use embedded ones. ` +
	`Exit code 0 means done, 1 failed, 2 misused.`

// run reads arguments, runs the command and returns the exit code.
func (p program) run(ctx context.Context, args []string) (code int) {
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
	options := []kong.Option{kong.Name("matchwire"), kong.Description(description), kong.Writers(p.out, p.err),
		kong.Exit(func(code int) { panic(exit(code)) }), kong.Vars{"version": pipeline.Version(), "listen": pipeline.DefaultListen, "config": defaultConfig},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100})}
	for _, plugin := range p.plugins {
		if err := pipeline.CheckConsumerName(plugin.Name); err != nil {
			fmt.Fprintln(p.err, "matchwire:", err)
			return misused
		}
		if plugin.Command != nil {
			options = append(options, kong.DynamicCommand(plugin.Name, plugin.Help, "", plugin.Command))
		}
	}
	parser, err := kong.New(&c, options...)
	if err != nil {
		panic(err) // a mistake in the struct above, or a plugin's command
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(p.err, "matchwire: %v\nmatchwire: try --help\n", err)
		return misused
	}
	if err := pipeline.CheckNamespace(c.Namespace); err != nil {
		fmt.Fprintln(p.err, "matchwire:", err)
		return misused
	}
	console := &console{program: p, log: logger(p.err, &c, command.Command()), wanted: c.Namespace, file: c.Config}
	defer console.close()
	command.BindTo(ctx, (*context.Context)(nil))
	command.BindTo(p.out, (*io.Writer)(nil))
	plugin, _, _ := strings.Cut(command.Command(), " ")
	if err := command.BindToProvider(func() (consumers.Host, error) { return console.host(ctx, plugin) }); err != nil {
		panic(err)
	}
	err = command.Run(console)
	var placed *strictyaml.Error
	if errors.As(err, &placed) && placed.File == "" { // of a plugin's settings
		err = pipeline.Misuse(fmt.Errorf("config %w", strictyaml.InFile(c.Config, err)))
	}
	switch {
	case err == nil, ctx.Err() != nil && errors.Is(err, context.Canceled):
		return done
	case errors.Is(err, pipeline.ErrMisuse):
		fmt.Fprintln(p.err, "matchwire:", err)
		return misused
	default:
		fmt.Fprintln(p.err, "matchwire:", err)
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
