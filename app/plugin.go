package app

import (
	"context"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/internal/pipeline"
)

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
