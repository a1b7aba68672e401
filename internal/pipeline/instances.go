package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net"
	"os"
	"runtime/debug"
	"slices"
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
	registry, load := instances.New(parts.redis, parts.prefix, p.InstanceKey), &loads{}
	group.Go(func() error {
		p.announceAs(working, serving, registry, parts.health, func() instances.Instance {
			self.Consumers, self.Clients = load.of(parts, roles, p.Feed != nil)
			return self
		})
		return nil
	})
}

// announceAs announces the process as the result of self, with its current health, until serving ends. When working
// ends, it announces at once that the process is stopping.
func (p *Pipeline) announceAs(
	working, serving context.Context, registry *instances.Registry, health *monitor.Monitor,
	self func() instances.Instance,
) {
	registry.Announce(serving, working.Done(), p.log, func(ctx context.Context) instances.Instance {
		if working.Err() != nil {
			health.Stop()
		}
		i := self()
		i.Status, i.Issues = monitor.Status(health.Health(ctx))
		return i
	})
}

// loads computes the rates of the consumers in this process.
type loads struct {
	at      time.Time
	handled map[string]int // at this time, by name of the consumer
}

// of returns the consumers that the roles of this process run, and the number of clients of the streams. The number is
// nil without the role fanout. If a recording replaces the polls, no scheduler runs.
func (l *loads) of(parts *roleParts, roles []Role, replay bool) (all []instances.Consumer, clients *int) {
	families, err := parts.metrics.Gather()
	if err != nil {
		return nil, nil
	}
	handled := map[string]int{}
	if slices.Contains(roles, RoleConsumers) {
		for name := range parts.current.Load().consumers.all {
			handled[name] = 0
		}
	}
	for _, r := range []Role{RoleParser, RoleScheduler} {
		if slices.Contains(roles, r) && !(replay && r == RoleScheduler) {
			handled[string(r)] = 0
		}
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			switch f.GetName() {
			case "matchwire_consumer_events_total":
				if labels["outcome"] == "done" {
					handled[labels["consumer"]] = int(m.GetCounter().GetValue())
				}
			case "matchwire_polls_total":
				handled[string(RoleParser)] += int(m.GetCounter().GetValue())
			case "matchwire_fanout_connections":
				clients = new(int(m.GetGauge().GetValue()))
			}
		}
	}
	now := time.Now()
	for _, name := range slices.Sorted(maps.Keys(handled)) {
		c := instances.Consumer{Name: name, Handled: handled[name]}
		if !l.at.IsZero() {
			before := l.handled[name]
			if before > c.Handled { // the consumer was removed, and added again
				before = 0
			}
			c.Rate = math.Round(10*float64(c.Handled-before)/now.Sub(l.at).Seconds()) / 10
		}
		all = append(all, c)
	}
	l.at, l.handled = now, handled
	return all, clients
}

// readTimeout is the time limit for reading from Redis for a command that a person waits for.
const readTimeout = 3 * time.Second

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
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	all, err := instances.New(store, prefix(namespace), "").List(ctx)
	return all, cmp.Or(withAdvice(err), err)
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
