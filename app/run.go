package app

import (
	"context"
	"runtime/debug"
	"slices"

	"github.com/matchwire/matchwire/internal/pipeline"
)

const defaultConfig = "matchwire.yaml"

// parserMemory is the memory limit, in bytes, that a process with the role parser sets for the Go
// runtime. Close to the limit, the garbage collector runs more often. Two pages of the maximum size
// need 160 MiB together. The memory of fanout depends on the number of its clients, so a process with
// that role sets no limit. If GOMEMLIMIT is set, the process keeps that limit.
const parserMemory = 176 << 20

type runCmd struct {
	Roles     []pipeline.Role `arg:"" optional:"" name:"role" help:"${run_roles}"`
	Listen    string          `help:"${run_listen}" env:"MATCHWIRE_LISTEN" placeholder:"HOST:PORT"`
	Anybody   bool            `help:"${run_anybody}" env:"MATCHWIRE_ANYBODY"`
	Name      string          `help:"${run_name}" env:"MATCHWIRE_NAME" placeholder:"NAME"`
	Advertise string          `help:"${run_advertise}" env:"MATCHWIRE_ADVERTISE" placeholder:"HOST:PORT"`
}

func (r *runCmd) Help() string {
	return `Each role can run in its own process, or in several processes that share the work:

  api        serves the HTTP API, such as POST /api/matches
  scheduler  sends a task to the parsers when a page is due
  parser     polls pages and publishes events
  consumers  runs the consumers of events
  fanout     streams events to clients and serves the live page

API calls that change something require an API token. Set one token in MATCHWIRE_API_TOKEN, or in the file that
MATCHWIRE_API_TOKEN_FILE names. In the config, api_tokens names a file with more tokens. If other machines can
connect, all calls about sources, traces and instances require a token too. To create tokens, run matchwire token.`
}

func (r *runCmd) Run(ctx context.Context, c *console) error {
	servers, err := c.servers()
	if err != nil {
		return err
	}
	config, err := c.config()
	if err != nil {
		return err
	}
	token, err := pipeline.APITokenFrom(c.getenv)
	if err != nil {
		return err
	}
	if c.getenv("GOMEMLIMIT") == "" && slices.Contains(r.Roles, pipeline.RoleParser) &&
		!slices.Contains(r.Roles, pipeline.RoleFanout) {
		debug.SetMemoryLimit(parserMemory)
	}
	p := pipeline.New(config, servers, c.log, c.plugins)
	p.Listen, p.Name, p.Advertise, p.APIToken, p.Anybody = r.Listen, r.Name, r.Advertise, token, r.Anybody
	p.OnStart = func() { c.forget(config.SecretVariables()) }
	return p.Run(ctx, r.Roles...)
}

type gatewayCmd struct {
	Listen string `help:"${gateway_listen}" env:"MATCHWIRE_LISTEN" placeholder:"HOST:PORT"`
}

func (g *gatewayCmd) Help() string {
	return `Reads the list of instances from the Redis server at REDIS_URL, as ps does. The gateway needs no RabbitMQ.

The gateway forwards requests for /api to instances with the api role, and all other requests to instances with the
fanout role. It prefers healthy instances, then the instance with the fewest requests in progress.

The gateway uses these keys of the config: namespace, listen, tls, hosts, api_tokens, metrics, stop_delay and gateway.
It serves TLS if the config has a certificate. It connects over TLS to the instances that serve TLS.`
}

func (g *gatewayCmd) Run(ctx context.Context, c *console) error {
	servers, err := c.requireRedis("the gateway reads the list of instances from a Redis server")
	if err != nil {
		return err
	}
	config, err := c.config()
	if err != nil {
		return err
	}
	token, err := pipeline.APITokenFrom(c.getenv)
	if err != nil {
		return err
	}
	return pipeline.Gateway{Config: config, Servers: servers, Listen: g.Listen, APIToken: token, Log: c.log}.Run(ctx)
}
