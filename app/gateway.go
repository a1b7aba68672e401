package app

import (
	"context"

	"github.com/matchwire/matchwire/internal/pipeline"
)

type gatewayCmd struct {
	Listen string `help:"Address to serve on." default:"${listen}" env:"MATCHWIRE_LISTEN"`
}

func (g *gatewayCmd) Help() string {
	return "Finds the instances in Redis, like ps. Forwards requests for /api to instances of role api, " +
		"and all others to role fanout. Each request goes to the healthy instance with the fewest requests in progress. " +
		"Serves plain HTTP: for TLS, put a proxy in front."
}

func (g *gatewayCmd) Run(ctx context.Context, c *console) error {
	servers, err := c.requireServers("the gateway finds instances on a Redis server")
	if err != nil {
		return err
	}
	namespace, err := c.namespace()
	if err != nil {
		return err
	}
	return pipeline.Gateway{Servers: servers, Namespace: namespace, Listen: g.Listen, Log: c.log}.Run(ctx)
}
