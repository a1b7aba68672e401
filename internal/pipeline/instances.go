package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/internal/instances"
)

// Version returns the module version of this program, or "unknown".
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// announce registers the process as an instance until ctx ends. With an embedded Redis it
// does nothing, because no other process can read the registry.
func (p *Pipeline) announce(ctx context.Context, group *errgroup.Group, parts *roleParts, roles []Role) {
	if p.servers.Embedded() {
		return
	}
	self := instances.Instance{Name: parts.instance, Version: Version(), Started: time.Now().UTC()}
	for _, r := range roles {
		self.Roles = append(self.Roles, string(r))
	}
	if parts.listen != "" {
		self.Address = cmp.Or(p.Advertise, advertised(parts.listen))
	}
	group.Go(func() error {
		instances.New(parts.redis, parts.prefix).Announce(ctx, p.log, func(ctx context.Context) instances.Instance {
			self.Status, self.Issues = parts.health.status(ctx)
			return self
		})
		return nil
	})
}

const listTimeout = 3 * time.Second

// ListInstances returns the registered processes of an installation. It fails if Redis
// does not respond within 3 seconds.
func ListInstances(
	ctx context.Context, s Servers, namespace string, log *slog.Logger,
) ([]instances.Instance, error) {
	store, stop, err := s.redisClient(log)
	if err != nil {
		return nil, err
	}
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	return instances.New(store, prefix(namespace)).List(ctx)
}

// defaultName returns the default name of this process in the registry.
func defaultName() string { return fmt.Sprintf("%s-%d", hostname(), os.Getpid()) }

// advertised returns the address at which other machines reach a listener. It
// replaces an unspecified host, like 0.0.0.0, with the host name of this machine.
func advertised(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = hostname()
	}
	return net.JoinHostPort(host, port)
}
