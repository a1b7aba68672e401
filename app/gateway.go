package app

import (
	"context"

	"github.com/matchwire/matchwire/internal/pipeline"
)

type gatewayCmd struct {
	Listen string `help:"Where to serve." default:"${listen}" env:"MATCHWIRE_LISTEN" placeholder:"HOST:PORT"`
}

func (g *gatewayCmd) Help() string {
	return "Whoever calls the API or listens to events need not know where a process runs: the gateway finds those that are well, as ps lists them, and forwards /api to them and all else to fanout, to the one with the fewest calls under way. It speaks plain HTTP; TLS is for what stands before it."
}

func (g *gatewayCmd) Run(ctx context.Context, c *console) error {
	servers, err := c.realServers("instances are found on a Redis server")
	if err != nil {
		return err
	}
	namespace, err := c.namespace()
	if err != nil {
		return err
	}
	return pipeline.Gateway{Servers: servers, Namespace: namespace, Listen: g.Listen, Log: c.log}.Run(ctx)
}
