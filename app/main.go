// Package app implements the command line of matchwire: commands, flags, signals and exit codes. To
// build matchwire with your own consumer, call [Main] with [WithConsumer].
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
	_ "time/tzdata" // for the time zones in profiles

	"github.com/alecthomas/kong"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/shipped"
	"github.com/matchwire/matchwire/internal/isolate"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/profile"
)

// Main runs matchwire with the shipped consumers and the consumers that options add. It reads the
// arguments from [os.Args], and exits the process with the exit code of the command.
func Main(options ...Option) {
	ctx := signalContext()
	plugins := shipped.Plugins()
	for _, o := range options {
		plugins = slices.DeleteFunc(plugins, func(p consumers.Plugin) bool { return p.Name == o.Name })
		plugins = append(plugins, consumers.Plugin(o))
	}
	p := program{plugins: plugins, getenv: os.Getenv, unsetenv: os.Unsetenv, in: os.Stdin, out: os.Stdout,
		err: os.Stderr}
	if err := isolate.Process(); err != nil {
		fmt.Fprintln(os.Stderr, "matchwire: warning:", err)
	}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// signalContext returns a context that ends on SIGINT or SIGTERM. After SIGINT, its cause is
// [pipeline.ErrInterrupted]. A second SIGINT or SIGTERM kills the process. If standard input is a
// terminal, SIGHUP is like SIGTERM, because it means that the terminal is gone. Otherwise SIGHUP has
// no effect.
func signalContext() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if terminal(os.Stdin) == nil {
		signal.Ignore(syscall.SIGHUP)
	} else {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		s := <-signals
		signal.Reset(os.Interrupt, syscall.SIGTERM)
		if s == os.Interrupt {
			cancel(pipeline.ErrInterrupted)
			return
		}
		cancel(nil)
	}()
	return ctx
}

// An Option adds or replaces a consumer of matchwire.
type Option consumers.Plugin

// WithConsumer adds a consumer, or replaces the consumer with the same name. If the
// config has a consumers section, the consumer runs only if that section names it.
func WithConsumer(name string, m consumers.Maker) Option { return Option{Name: name, New: m} }

// WithPlugin is like [WithConsumer] for a consumer that also has a command.
func WithPlugin(p consumers.Plugin) Option { return Option(p) }

// A program holds the plugins, the environment and the standard streams of matchwire.
// Tests replace them.
type program struct {
	plugins  []consumers.Plugin
	getenv   func(string) string
	unsetenv func(string) error // can be nil
	in       io.Reader
	out, err io.Writer
}

// forget removes variables from the environment. Code and programs that this process runs later then cannot read
// them.
func (p program) forget(variables []string) {
	if p.unsetenv == nil {
		return
	}
	for _, name := range variables {
		_ = p.unsetenv(name) // fails only for names that no variable can have
	}
}

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2 // invalid arguments, environment or config
)

// cli declares the flags and commands.
type cli struct {
	Config    string           `help:"Config file. The default file is optional." default:"${config}"`
	LogLevel  *slog.Level      `help:"${help_log_level}" placeholder:"LEVEL"`
	LogJSON   bool             `name:"log-json" help:"Log in JSON."`
	Namespace string           `help:"${help_namespace}" env:"MATCHWIRE_NAMESPACE" placeholder:"NAME"`
	Version   kong.VersionFlag `help:"Print the version and exit."`

	Demo    demoCmd    `cmd:"" help:"Play recorded matches through the whole pipeline in one process."`
	Run     runCmd     `cmd:"" help:"Run roles of the pipeline."`
	Replay  replayCmd  `cmd:"" help:"Replay recorded pages and publish their events."`
	Parse   parseCmd   `cmd:"" help:"Parse a page with a profile and show the result."`
	Record  recordCmd  `cmd:"" help:"Record the changes to a page as a fixture for replay."`
	Check   checkCmd   `cmd:"" help:"Check the config, and test profiles with their sample pages."`
	Emit    emitCmd    `cmd:"" help:"Publish events from the command line or standard input."`
	Tail    tailCmd    `cmd:"" help:"Print new events."`
	Gateway gatewayCmd `cmd:"" help:"Serve the API, streams and live page of all instances at one address."`
	PS      psCmd      `cmd:"" name:"ps" help:"List the running instances and their health."`
	Trace   traceCmd   `cmd:"" help:"Show the steps of a job, such as an API call, with times and outcomes."`
	Dead    deadCmd    `cmd:"" help:"List, show, replay or delete dead letters."`
	Token   tokenCmd   `cmd:"" help:"Create an API token."`
	Users   usersCmd   `cmd:"" help:"Create RabbitMQ and Redis users for the roles, with random passwords."`
	Setup   setupCmd   `cmd:"" help:"Declare all exchanges and queues on RabbitMQ."`
	Health  healthCmd  `cmd:"" help:"Check the health of one process."`

	Rebuild rebuildCmd `cmd:"" help:"Rebuild a consumer's store from the event log."`

	Licences licencesCmd `cmd:"" help:"Print the licences of all modules in this program."`
}

// A console provides a command with its streams, log, config and servers.
type console struct {
	program
	log        *slog.Logger
	configFile string
	// namespaceFlag is the namespace from --namespace or MATCHWIRE_NAMESPACE, or "".
	namespaceFlag string
	closers       []func() // called by close
}

// servers returns the servers that the environment names. See [pipeline.ServersFrom].
func (c *console) servers() (pipeline.Servers, error) { return pipeline.ServersFrom(c.getenv) }

// requireServers is like servers for a command that cannot use embedded servers. If the
// environment names no servers, it returns an error that begins with reason.
func (c *console) requireServers(reason string) (pipeline.Servers, error) {
	s, err := c.servers()
	if err == nil && s.Embedded() {
		err = pipeline.UsageError(fmt.Errorf("%s: set AMQP_URL and REDIS_URL", reason))
	}
	return s, err
}

// requireRabbit is like requireServers for a command that does not use Redis.
func (c *console) requireRabbit(reason string) (pipeline.Servers, error) {
	s, err := pipeline.AnyServersFrom(c.getenv)
	if err == nil && s.AMQP == "" {
		err = pipeline.UsageError(fmt.Errorf("%s: set AMQP_URL", reason))
	}
	return s, err
}

// requireRedis is like requireServers for a command that does not use RabbitMQ.
func (c *console) requireRedis(reason string) (pipeline.Servers, error) {
	s, err := pipeline.AnyServersFrom(c.getenv)
	if err == nil && s.Redis == "" {
		err = pipeline.UsageError(fmt.Errorf("%s: set REDIS_URL", reason))
	}
	return s, err
}

// config loads the config file. If namespaceFlag is set, it overrides the namespace in
// the file.
func (c *console) config() (pipeline.Config, error) {
	config, err := pipeline.LoadConfig(c.configFile, c.configFile == defaultConfig)
	if err != nil {
		return config, pipeline.UsageError(err)
	}
	config.Namespace = cmp.Or(c.namespaceFlag, config.Namespace)
	return config, nil
}

// library returns the shipped profiles and the profiles in the folder that the config names.
func (c *console) library() (profile.Library, error) {
	config, err := c.config()
	if err != nil {
		return nil, err
	}
	lib, err := config.Library()
	if err != nil {
		return nil, pipeline.UsageError(err)
	}
	return lib, nil
}

// namespace returns the namespace to use on shared servers: namespaceFlag, or else the
// namespace in the config file. If it cannot load the file, it returns an error,
// because the default namespace may belong to another installation.
func (c *console) namespace() (string, error) {
	if c.namespaceFlag != "" {
		return c.namespaceFlag, nil
	}
	config, err := c.config()
	return config.Namespace, err
}

const description = `Reads live match pages, publishes events such as goals, and runs consumers of
these events.

AMQP_URL and REDIS_URL are the URLs of the RabbitMQ and Redis servers. AMQP_URL_FILE and REDIS_URL_FILE name files that
contain these URLs. Without these variables, the run command uses embedded servers. The demo command always uses
embedded servers.

Exit codes: 0 success, 1 failure, 2 usage or configuration error.`

// run parses args, runs the command and returns the exit code.
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
	options := []kong.Option{
		kong.Name("matchwire"), kong.Description(description), kong.Writers(p.out, p.err),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.Vars{"version": pipeline.Version(), "listen": pipeline.DefaultListen, "config": defaultConfig},
		helpTexts,
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
	}
	for _, plugin := range p.plugins {
		if err := pipeline.CheckConsumerName(plugin.Name); err != nil {
			fmt.Fprintln(p.err, "matchwire:", err)
			return exitUsage
		}
		if plugin.Command != nil {
			options = append(options, kong.DynamicCommand(plugin.Name, plugin.Help, "", plugin.Command))
		}
	}
	parser, err := kong.New(&c, options...)
	if err != nil {
		panic(err) // a bad struct tag in cli or in a plugin's command
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(p.err, "matchwire: %v\nmatchwire: try --help\n", err)
		return exitUsage
	}
	if err := pipeline.CheckNamespace(c.Namespace); err != nil {
		fmt.Fprintln(p.err, "matchwire:", err)
		return exitUsage
	}
	console := &console{
		program: p, log: newLogger(p.err, &c, command.Command()), configFile: c.Config, namespaceFlag: c.Namespace,
	}
	defer console.close()
	command.BindTo(ctx, (*context.Context)(nil))
	command.BindTo(p.out, (*io.Writer)(nil))
	plugin, _, _ := strings.Cut(command.Command(), " ")
	host := func() (consumers.Host, error) { return console.host(ctx, plugin) }
	if err := command.BindToProvider(host); err != nil {
		panic(err)
	}
	err = command.Run(console)
	var yamlErr *strictyaml.Error
	if errors.As(err, &yamlErr) && yamlErr.File == "" { // an error in the settings of a plugin
		err = pipeline.UsageError(fmt.Errorf("config %w", strictyaml.InFile(c.Config, err)))
	}
	switch {
	case err == nil, ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitOK
	case errors.Is(err, pipeline.ErrUsage):
		fmt.Fprintln(textWriter{p.err}, "matchwire:", err)
		return exitUsage
	default:
		fmt.Fprintln(textWriter{p.err}, "matchwire:", err)
		return exitFailure
	}
}

func newLogger(w io.Writer, c *cli, command string) *slog.Logger {
	level := slog.LevelInfo
	if strings.HasPrefix(command, "replay") || strings.HasPrefix(command, "demo") {
		level = slog.LevelWarn // a log line for each page would hide the command's own output
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
