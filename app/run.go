package app

import (
	"context"

	"github.com/matchwire/matchwire/internal/pipeline"
)

const defaultConfig = "matchwire.yaml"

type runCmd struct {
	Roles     []pipeline.Role `arg:"" optional:"" name:"role" help:"api (takes calls: POST /api/matches), scheduler (says when a page is polled), parser (polls it, emits events), consumers (react to them), fanout (streams them to clients and serves the live page). All, if none is named."`
	Listen    string          `help:"Where this process serves, in place of what the config says. /healthz is there for every role." env:"MATCHWIRE_LISTEN" placeholder:"HOST:PORT"`
	Anybody   bool            `help:"Let clients connect to the streams without a token, even where others than this machine reach them." env:"MATCHWIRE_ANYBODY"`
	Name      string          `help:"What ps calls this process (the machine's name and the process ID)." env:"MATCHWIRE_NAME" placeholder:"NAME"`
	Advertise string          `help:"Where others reach what it serves; without it where it listens." env:"MATCHWIRE_ADVERTISE" placeholder:"HOST:PORT"`
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
