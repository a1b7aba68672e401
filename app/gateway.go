package app

import (
	"context"

	"github.com/matchwire/matchwire/internal/pipeline"
)

type gatewayCmd struct {
	Listen string `help:"Address to serve on." default:"${listen}" env:"MATCHWIRE_LISTEN"`
}

func (g *gatewayCmd) Help() string {
	return "Reads the list of instances from Redis, as ps does. " +
		"The gateway forwards requests for /api to instances with the api role, " +
		"and all other requests to instances with the fanout role. " +
		"It prefers healthy instances, then the instance with the fewest requests in progress. " +
		"The gateway serves plain HTTP: for TLS, put a proxy in front of it."
}

func (g *gatewayCmd) Run(ctx context.Context, c *console) error {
	servers, err := c.requireServers("the gateway reads the list of instances from a Redis server")
	if err != nil {
		return err
	}
	config, err := c.config()
	if err != nil {
		return err
	}
	return pipeline.Gateway{Servers: servers, Namespace: config.Namespace, Listen: g.Listen,
		Hosts: config.Hosts, Log: c.log}.Run(ctx)
}
