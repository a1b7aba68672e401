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
	"github.com/matchwire/matchwire/internal/monitor"
)

// version is the version of this program if it was built without version control, as in the Dockerfile.
// The build sets it with -ldflags "-X github.com/matchwire/matchwire/internal/pipeline.version=VERSION".
var version string

// Version returns the version that was set at build time, or the module version of this program, or
// "unknown".
func Version() string {
	info, ok := debug.ReadBuildInfo()
	switch {
	case version != "":
		return version
	case !ok:
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

// announce registers the process as an instance with its roles until serving ends; see announceAs.
func (p *Pipeline) announce(working, serving context.Context, group *errgroup.Group, parts *roleParts, roles []Role) {
	self := instances.Instance{Name: parts.instance, Version: Version(), Started: time.Now().UTC()}
	for _, r := range roles {
		self.Roles = append(self.Roles, string(r))
	}
	if parts.listen != "" {
		self.Address = cmp.Or(p.Advertise, advertised(parts.listen))
		self.TLS = p.config.TLS.Certificate != ""
	}
	registry := instances.New(parts.redis, parts.prefix, p.InstanceKey)
	group.Go(func() error {
		p.announceAs(working, serving, registry, parts.health, self)
		return nil
	})
}

// announceAs announces the process as self, with its current health, until serving ends. When working ends, it
// announces at once that the process is stopping.
func (p *Pipeline) announceAs(
	working, serving context.Context, registry *instances.Registry, health *monitor.Monitor, self instances.Instance,
) {
	registry.Announce(serving, working.Done(), p.log, func(ctx context.Context) instances.Instance {
		if working.Err() != nil {
			health.Stop()
		}
		self.Status, self.Issues = monitor.Status(health.Health(ctx))
		return self
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
	all, err := instances.New(store, prefix(namespace), "").List(ctx)
	return all, cmp.Or(withLoginAdvice(err), err)
}

// defaultName returns the default name of this process in the registry.
func defaultName() string { return fmt.Sprintf("%s-%d", hostname(), os.Getpid()) }

// advertised returns the address at which other machines can reach a listener. It
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
