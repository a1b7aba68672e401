package app

import (
	"context"
	"net"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/internal/cli"
	"github.com/matchwire/matchwire/internal/pipeline"
)

const defaultConfig = "matchwire.yaml"

// parserMemory is the memory limit, in bytes, that a process with the role parser sets for the Go
// runtime. Close to the limit, the garbage collector runs more often. Two pages of the maximum size
// need 160 MiB together. The memory of fanout depends on the number of its clients, so a process with
// that role sets no limit. If GOMEMLIMIT is set, the process keeps that limit.
const parserMemory = 176 << 20

// fanoutGC is the percentage by which the heap of a process with the role fanout may grow between two
// garbage collections. With Go's default of 100, garbage can need as much memory as the live data. If
// GOGC is set, the process keeps that value.
const fanoutGC = 50

func runCommand(c *console) *cobra.Command {
	var r run
	var roles []string
	for _, role := range pipeline.Roles() {
		roles = append(roles, string(role))
	}
	cmd := &cobra.Command{
		Use:   "run [ROLE…]",
		Short: "Run roles of the pipeline.",
		Long: `Arguments:
  ROLE…  Roles to run (default: all)

Each role can run in its own process, or in several processes that share the work:

  api        serves the HTTP API, such as POST /api/matches
  scheduler  sends a task to the parsers when a page is due
  parser     polls pages and publishes events
  consumers  runs the consumers of events
  fanout     streams events to clients and serves the live page

Without RabbitMQ and Redis servers, all roles run in one process. The process stores its data in the data folder, so
the data survives a restart. Only one process can use a data folder.

API calls that change something require an API token. Set one token in MATCHWIRE_API_TOKEN, or in the file that
MATCHWIRE_API_TOKEN_FILE names. In the config, api_tokens names a file with more tokens. If other machines can
connect, all calls about sources, traces, instances and dead letters require a token too. To create tokens, run
matchwire token.

A running process loads its config again when one of its files changes, or after SIGHUP. A config with a mistake is
refused: the previous one stays in force.`,
		ValidArgs: roles,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, role := range args {
				r.roles = append(r.roles, pipeline.Role(role))
			}
			return r.run(cmd.Context(), c)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&r.listen, "listen", "",
		"Serve at `HOST:PORT`; overrides the config. With this flag, every role serves /healthz.")
	flags.StringVar(&r.data, "data", "", "`FOLDER` for the data of the embedded servers, or none to keep no data "+
		"(default: the folder matchwire-data beside the config).")
	flags.BoolVar(&r.anybody, "anybody", false, "Let clients on other machines connect to the streams without a token.")
	flags.StringVar(&r.name, "name", "", "`NAME` of this instance in ps (default: host name and process ID).")
	flags.StringVar(&r.advertise, "advertise", "",
		"`HOST:PORT` at which other instances reach this one (default: derived from the listen address).")
	cli.FromEnv(cmd, "listen", "MATCHWIRE_LISTEN")
	cli.FromEnv(cmd, "data", "MATCHWIRE_DATA")
	cli.FromEnv(cmd, "anybody", "MATCHWIRE_ANYBODY")
	cli.FromEnv(cmd, "name", "MATCHWIRE_NAME")
	cli.FromEnv(cmd, "advertise", "MATCHWIRE_ADVERTISE")
	return cmd
}

// A run holds the arguments and flags of the command run.
type run struct {
	roles                   []pipeline.Role
	listen, name, advertise string
	data                    string
	anybody                 bool
}

func (r *run) run(ctx context.Context, c *console) error {
	load := func() (pipeline.Settings, error) {
		set, err := c.settings(c.servers)
		return set, pipeline.AllMistakes(set.Config, c.plugins, err)
	}
	set, err := load()
	if err != nil {
		return err
	}
	data, err := c.dataFolder(r.data, set.Servers)
	if err != nil {
		return err
	}
	c.setLevel(set.Config)
	switch fansOut := slices.Contains(r.roles, pipeline.RoleFanout); {
	case fansOut && c.getenv("GOGC") == "":
		debug.SetGCPercent(fanoutGC)
	case !fansOut && slices.Contains(r.roles, pipeline.RoleParser) && c.getenv("GOMEMLIMIT") == "":
		debug.SetMemoryLimit(parserMemory)
	}
	p := pipeline.New(set.Config, set.Servers, c.log, c.plugins)
	p.Listen, p.Name, p.Advertise, p.APIToken, p.Anybody = r.listen, r.name, r.advertise, set.APIToken, r.anybody
	p.InstanceKey, p.Data = set.InstanceKey, data
	p.Load, p.Files, p.Reload, p.OnReload = load, set.Files, c.hangups, c.reloaded
	var showing sync.WaitGroup
	defer showing.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p.OnStart = func(status func(context.Context) pipeline.Status) {
		c.forget(set.Config.SecretVariables())
		if c.status != nil {
			showing.Go(func() { showStatus(ctx, c.status, status) })
		}
	}
	if len(r.roles) == 0 || slices.Contains(r.roles, pipeline.RoleFanout) {
		scheme := "http://"
		if set.Config.TLS.Certificate != "" {
			scheme = "https://"
		}
		p.OnListen = func(at net.Addr) { c.showLivePage(scheme + browserAddress(at)) }
	}
	err = p.Run(ctx, r.roles...)
	if len(r.roles) > 0 {
		return err // a process with some roles can lack files and variables of others, which is not a mistake
	}
	return pipeline.AllMistakes(set.Config, c.plugins, err)
}

// reloaded is called with each config that a running process has put into force.
func (c *console) reloaded(config pipeline.Config) {
	c.setLevel(config)
	c.forget(config.SecretVariables())
}

// settings loads the config, and reads the environment. If it returns an error, the result still has the files that it
// has read.
func (c *console) settings(servers func() (pipeline.Servers, error)) (s pipeline.Settings, err error) {
	s.Files = []string{c.configFile}
	for _, name := range []string{"AMQP_URL", "REDIS_URL", "MATCHWIRE_API_TOKEN", "MATCHWIRE_INSTANCE_KEY"} {
		if file := c.getenv(name + "_FILE"); file != "" {
			s.Files = append(s.Files, file)
		}
	}
	if s.Servers, err = servers(); err != nil {
		return s, err
	}
	if s.Config, err = c.config(); err != nil {
		return s, err
	}
	if s.APIToken, err = pipeline.APITokenFrom(c.getenv); err != nil {
		return s, err
	}
	s.InstanceKey, err = pipeline.InstanceKeyFrom(c.getenv)
	return s, err
}

func gatewayCommand(c *console) *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "gateway",
		Short: "Serve the API, streams and live page of all instances at one address.",
		Long: `Reads the list of instances from the Redis server at REDIS_URL, as ps does, and appears in this list. The
gateway needs no RabbitMQ.

The gateway forwards requests for /api to instances with the api role, and all other requests to instances with
the fanout role. It prefers healthy instances, then the instance with the fewest requests in progress.

Set MATCHWIRE_INSTANCE_KEY, or MATCHWIRE_INSTANCE_KEY_FILE, to the same key for the gateway and these instances.
The gateway ignores instances without this key. If the gateway has no key, it ignores instances on other
machines.

The gateway uses these keys of the config: namespace, listen, tls, hosts, api_tokens, metrics, log_level,
stop_delay and gateway. It serves TLS if the config has a certificate. It connects over TLS to the instances that
serve TLS.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runGateway(cmd.Context(), c, listen) },
	}
	cmd.Flags().StringVar(&listen, "listen", "",
		"Serve at `HOST:PORT`; overrides the config (default: "+pipeline.DefaultListen+").")
	cli.FromEnv(cmd, "listen", "MATCHWIRE_LISTEN")
	return cmd
}

func runGateway(ctx context.Context, c *console, listen string) error {
	load := func() (pipeline.Settings, error) {
		return c.settings(func() (pipeline.Servers, error) {
			return c.requireRedis("the gateway reads the list of instances from a Redis server")
		})
	}
	set, err := load()
	if err != nil {
		return err
	}
	c.setLevel(set.Config)
	return pipeline.Gateway{
		Config: set.Config, Servers: set.Servers, Listen: listen, APIToken: set.APIToken, InstanceKey: set.InstanceKey,
		Log: c.log, Load: load, Files: set.Files, Reload: c.hangups, OnReload: c.setLevel,
	}.Run(ctx)
}
