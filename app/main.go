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

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/shipped"
	"github.com/matchwire/matchwire/docs"
	"github.com/matchwire/matchwire/internal/cli"
	"github.com/matchwire/matchwire/internal/environ"
	"github.com/matchwire/matchwire/internal/isolate"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/internal/terminal"
	"github.com/matchwire/matchwire/parser/profile"
)

// Main runs matchwire with the shipped consumers and the consumers that options add. It reads the
// arguments from [os.Args], and exits the process with the exit code of the command.
func Main(options ...Option) {
	ctx, hangups := signalContext()
	plugins := shipped.Plugins()
	for _, o := range options {
		plugins = slices.DeleteFunc(plugins, func(p consumers.Plugin) bool { return p.Name == o.Name })
		plugins = append(plugins, consumers.Plugin(o))
	}
	p := program{plugins: plugins, getenv: environ.Get, unsetenv: environ.Hide, hangups: hangups, in: os.Stdin,
		out: os.Stdout, err: os.Stderr}
	if err := isolate.Process(); err != nil {
		fmt.Fprintln(os.Stderr, "matchwire: warning:", err)
	}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// signalContext returns a context that ends on SIGINT or SIGTERM. After SIGINT, its cause is
// [pipeline.ErrInterrupted]. A second SIGINT or SIGTERM kills the process. If standard input is a
// terminal, SIGHUP is like SIGTERM, because it means that the terminal is gone. Otherwise hangups
// receives a value after SIGHUP.
func signalContext() (ctx context.Context, hangups <-chan struct{}) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	received := make(chan struct{}, 1)
	if terminal.File(os.Stdin) == nil {
		hups := make(chan os.Signal, 1)
		signal.Notify(hups, syscall.SIGHUP)
		go func() {
			for range hups {
				select {
				case received <- struct{}{}:
				default: // the command has not handled the previous signal
				}
			}
		}()
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
	return ctx, received
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
	unsetenv func(string) error // hides a variable from programs, but not from getenv; can be nil
	hangups  <-chan struct{}    // receives a value after SIGHUP; can be nil
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

// A console provides a command with its streams, log, config and servers.
type console struct {
	program
	log        *slog.Logger
	level      slog.LevelVar        // of log
	levelFlag  string               // from --log-level, or ""
	status     *terminal.StatusLine // of the commands run and bench on a terminal, otherwise nil
	logOut     io.Writer            // where the log for people goes, or nil if the log is for programs
	configFile string
	hadConfig  bool // the config file existed when config last read it
	// namespaceFlag is the namespace from --namespace or MATCHWIRE_NAMESPACE, or "".
	namespaceFlag string
	server        string   // URL of a running process, from --server or MATCHWIRE_SERVER, or ""
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
	config, err := pipeline.LoadConfig(c.configFile, c.configFile == defaultConfig && !c.hadConfig)
	if err != nil {
		return config, pipeline.UsageError(err)
	}
	c.hadConfig = config.File() != ""
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

// host returns the [consumers.Host] for the command of a plugin. It is the same Host as for the
// consumer of the plugin, but without a Redis client if the environment names no Redis server.
func (c *console) host(ctx context.Context, plugin string) (consumers.Host, error) {
	config, err := c.config()
	if err != nil {
		return consumers.Host{}, err
	}
	servers, err := pipeline.AnyServersFrom(c.getenv)
	if err != nil || servers.Redis == "" {
		return config.Host(plugin, nil, c.log), err
	}
	store, stop, err := servers.ConnectRedis(ctx, c.log)
	if err != nil {
		return consumers.Host{}, err
	}
	c.closers = append(c.closers, stop)
	return config.Host(plugin, store, c.log), nil
}

// close closes the Redis clients that host opened.
func (c *console) close() {
	for _, stop := range c.closers {
		stop()
	}
}

const description = `AMQP_URL and REDIS_URL are the URLs of the RabbitMQ and Redis servers. AMQP_URL_FILE and
REDIS_URL_FILE name files that contain these URLs. Without these variables, the run command uses embedded
servers. The demo command always uses embedded servers.

On a terminal, events and logs have colours. NO_COLOR=1 removes them.

Exit codes: 0 success, 1 failure, 2 usage or configuration error.`

// run parses args, runs the command and returns the exit code.
func (p program) run(ctx context.Context, args []string) (code int) {
	c := &console{program: p}
	defer c.close()
	root, err := rootCommand(c)
	if err != nil {
		fmt.Fprintln(p.err, "matchwire:", err)
		return exitUsage
	}
	root.SetArgs(append([]string{}, args...)) // cobra replaces nil by os.Args
	err = withAdvice(root.ExecuteContext(ctx))
	var yamlErr *strictyaml.Error
	if errors.As(err, &yamlErr) && yamlErr.File == "" { // an error in the settings of a plugin
		err = pipeline.UsageError(fmt.Errorf("config %w", strictyaml.InFile(c.configFile, err)))
	}
	errOut := terminal.NewWriter(p.err)
	var usage *cli.UsageError
	switch {
	case err == nil, ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitOK
	case errors.As(err, &usage) && usage.Err == nil:
		fmt.Fprint(p.err, cli.Help(usage.Command))
		return exitUsage
	case errors.As(err, &usage):
		fmt.Fprintf(errOut, "matchwire: %v\nmatchwire: try %s --help\n", err, usage.Command.CommandPath())
		return exitUsage
	case errors.Is(err, pipeline.ErrUsage):
		fmt.Fprintln(errOut, "matchwire:", err)
		return exitUsage
	default:
		fmt.Fprintln(errOut, "matchwire:", err)
		return exitFailure
	}
}

// rootCommand returns the command matchwire, with all commands below it. When one of them runs, c has
// its log, its config file and its namespace.
//
//nolint:contextcheck // a command gets its context from cobra
func rootCommand(c *console) (*cobra.Command, error) {
	var level string
	var logJSON, version bool
	root := &cobra.Command{
		Use:   "matchwire",
		Short: "Reads live match pages, publishes events such as goals, and runs consumers of these events.",
		Long:  description,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			c.openLog(level, logJSON, strings.TrimPrefix(cmd.CommandPath(), "matchwire "))
			if err := pipeline.CheckNamespace(c.namespaceFlag); err != nil {
				return pipeline.UsageError(err)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if version {
				_, err := fmt.Fprintln(c.out, pipeline.Version())
				return err
			}
			return cli.Group(cmd, args)
		},
	}
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.Flags().BoolVar(&version, "version", false, "Print the version.")
	common := root.PersistentFlags()
	common.StringVar(&c.configFile, "config", defaultConfig,
		"Read the config from `FILE` (default: "+defaultConfig+", if it exists).")
	common.BoolVar(&logJSON, "log-json", false, "Log in JSON.")
	common.StringVar(&c.namespaceFlag, "namespace", "", "Namespace `NAME` on shared servers; overrides the config.")
	cli.FromEnv(root, "namespace", "MATCHWIRE_NAMESPACE")
	cli.Enum(root, common, &level, "log-level",
		"Lowest `LEVEL` to log: debug, info, warn or error "+
			"(default: info, or warn for bench, demo, replay and notify preview).",
		"debug", "info", "warn", "error")
	root.AddCommand(
		initCommand(c), demoCommand(c), runCommand(c), gatewayCommand(c), parseCommand(c), checkCommand(c),
		recordCommand(c), replayCommand(c), emitCommand(c), tailCommand(c), traceCommand(c), psCommand(c), healthCommand(c),
		graphCommand(c), benchCommand(c), sourcesCommand(c), testCommand(c), usersCommand(c), setupCommand(c),
		deadCommand(c), tokenCommand(c), migrateCommand(c),
		backupCommand(c), restoredCommand(c), rebuildCommand(c), profilesCommand(c), licencesCommand(c), cli.Completion(),
	)
	for _, plugin := range c.plugins {
		if err := pipeline.CheckConsumerName(plugin.Name); err != nil {
			return nil, err
		}
		if plugin.Command == nil {
			continue
		}
		command := plugin.Command(func() (consumers.Host, error) { return c.host(root.Context(), plugin.Name) })
		if command.Name() != plugin.Name {
			return nil, fmt.Errorf("consumer %s: its command has the name %q: want the name of the consumer",
				plugin.Name, command.Name())
		}
		root.AddCommand(command)
	}
	cli.Prepare(root, c.getenv, docs.FS)
	return root, nil
}

// text returns a writer for text to standard output.
func (p *program) text() terminal.Writer { return terminal.NewWriter(p.out) }

// errText returns a writer for text to standard error.
func (p *program) errText() terminal.Writer { return terminal.NewWriter(p.err) }
