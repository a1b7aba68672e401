package app

import (
	"context"

	"github.com/matchwire/matchwire/internal/pipeline"
)

type gatewayCmd struct {
	Listen string `help:"Address to serve on; overrides the config (default: ${listen})." env:"MATCHWIRE_LISTEN" placeholder:"HOST:PORT"`
}

func (g *gatewayCmd) Help() string {
	return `Reads the list of instances from the Redis server at REDIS_URL, as ps does. Needs no RabbitMQ.

Forwards requests for /api to instances with the api role, and all other requests to instances with the fanout role.
Prefers healthy instances, then the instance with the fewest requests in progress.

Uses these keys of the config: namespace, listen, tls, hosts, api_tokens, metrics and gateway. Serves TLS if the
config has a certificate. Connects over TLS to the instances that serve TLS.`
}

func (g *gatewayCmd) Run(ctx context.Context, c *console) error {
	servers, err := pipeline.RedisFrom(c.getenv, "the gateway reads the list of instances from a Redis server")
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
