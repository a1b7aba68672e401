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

// Version is that of this program, as Go's build has it.
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

// announce has the process listed among the instances, unless nobody could see
// that.
func (p *Pipeline) announce(ctx context.Context, group *errgroup.Group, parts *roleParts, roles []Role) {
	if p.servers.Embedded() {
		return
	}
	self := instances.Instance{Name: parts.instance, Version: Version(), Started: time.Now().UTC()}
	for _, r := range roles {
		self.Roles = append(self.Roles, string(r))
	}
	if parts.listen != "" {
		self.Address = cmp.Or(p.Advertise, reachable(parts.listen))
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

// Instances lists the processes of an installation that run, or lately did. It fails if Redis does
// not answer within 3 seconds.
func Instances(ctx context.Context, s Servers, namespace string, log *slog.Logger) ([]instances.Instance, error) {
	store, stop, err := s.openRedis(log)
	if err != nil {
		return nil, err
	}
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	return instances.New(store, prefix(namespace)).List(ctx)
}

func defaultName() string { return fmt.Sprintf("%s-%d", hostname(), os.Getpid()) }

// reachable is where others reach what listens on an address: every address
// of this machine is reached by its name.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = hostname()
	}
	return net.JoinHostPort(host, port)
}
