package app

import (
	"context"

	"github.com/matchwire/matchwire/consumers"
)

// host is what a plugin's command is given: what the consumer itself would be,
// but for Redis where no server is named.
func (c *console) host(ctx context.Context, plugin string) (consumers.Host, error) {
	config, err := c.config()
	if err != nil {
		return consumers.Host{}, err
	}
	servers, err := c.servers()
	if err != nil || servers.Embedded() {
		return config.Host(plugin, nil, c.log), err
	}
	store, stop, err := servers.Store(ctx, c.log)
	if err != nil {
		return consumers.Host{}, err
	}
	c.closers = append(c.closers, stop)
	return config.Host(plugin, store, c.log), nil
}

// close closes what host opened.
func (c *console) close() {
	for _, stop := range c.closers {
		stop()
	}
}
