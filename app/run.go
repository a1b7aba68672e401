package app

import (
	"context"

	"github.com/matchwire/matchwire/internal/pipeline"
)

const defaultConfig = "matchwire.yaml"

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
	p := pipeline.New(config, servers, c.log, c.plugins)
	p.Listen, p.Name, p.Advertise, p.APIToken, p.Anybody = r.Listen, r.Name, r.Advertise, token, r.Anybody
	return p.Run(ctx, r.Roles...)
}
