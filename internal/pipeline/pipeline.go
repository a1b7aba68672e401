// Package pipeline turns a config into running roles. It is the one place that
// knows all the others.
package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/internal/httpapi"
	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

// A Role is a part of the pipeline that can run in a process of its own.
type Role string

// The roles. RoleAPI answers calls, RoleScheduler says when a page is to be
// polled, RoleParser does so and emits events, RoleConsumers reacts to them,
// RoleFanout streams them to clients.
const (
	RoleAPI       Role = "api"
	RoleScheduler Role = "scheduler"
	RoleParser    Role = "parser"
	RoleConsumers Role = "consumers"
	RoleFanout    Role = "fanout"
)

// Roles lists all roles.
func Roles() []Role { return []Role{RoleAPI, RoleScheduler, RoleParser, RoleConsumers, RoleFanout} }

// A Pipeline is a pipeline, or a part of one, ready to run.
type Pipeline struct {
	config  Config
	servers Servers
	log     *slog.Logger
	plugins []consumers.Plugin

	// Listening, if not nil, is told where the process serves.
	Listening func(net.Addr)
	// Listen, if not "", is where it does, host:port, in place of what the config
	// says, and whatever its roles: each serves /healthz at least.
	Listen string
	// Anybody lets clients connect to the streams without a token, as the config's
	// fanout.anybody does.
	Anybody bool
	// APIToken is what calls that change something must bring; "" refuses them.
	APIToken string
	// Name tells this process from others in the registry of instances; "" is
	// the machine's name and the process ID.
	Name string
	// Advertise is the host:port at which others reach what it serves; "" is where
	// it listens, by the machine's name where that is every address.
	Advertise string
	// Feed, if not nil, takes the place of polling in the roles parser and
	// scheduler. Run ends when it returns an error.
	Feed func(ctx context.Context, lib profile.Library, in *poll.Ingester) error
}

// New prepares a pipeline with these consumers to choose from. log is where
// every part of it says what it does.
func New(c Config, s Servers, log *slog.Logger, plugins []consumers.Plugin) *Pipeline {
	return &Pipeline{config: c, servers: s, log: log, plugins: plugins}
}

// Run runs the roles, all if none is named, until ctx ends or one fails; then
// it stops them all and waits for them. A mistake in the config is found
// before anything runs.
func (p *Pipeline) Run(ctx context.Context, roles ...Role) error {
	if len(roles) == 0 {
		roles = Roles()
	}
	for _, r := range roles {
		if !slices.Contains(Roles(), r) {
			return Misuse(fmt.Errorf("role %q: want some of %s", r, joined(Roles())))
		}
	}
	lacks := func(r Role) bool { return !slices.Contains(roles, r) }
	if p.servers.Embedded() && slices.ContainsFunc(Roles(), lacks) {
		return Misuse(errors.New("the embedded broker and store live in one process: set AMQP_URL and REDIS_URL, or run all roles"))
	}
	broker, err := p.servers.Broker(p.config.Namespace, p.log)
	if err != nil {
		return err
	}
	defer broker.Close()
	store, stop, err := p.servers.Store(p.log)
	if err != nil {
		return err
	}
	defer stop()
	parts, err := p.prepare(broker, store, roles)
	if err != nil {
		return err
	}
	if p.servers.Embedded() {
		p.log.Info("broker and store run inside this process and forget everything when it ends")
	}

	defer p.startTrace(parts)()
	group, ctx := errgroup.WithContext(ctx)
	if err := p.start(ctx, group, parts, roles); err != nil {
		group.Go(func() error { return err }) // stops those already running
	}
	return group.Wait()
}

// start starts the roles, those that listen first, and what reports on the process.
func (p *Pipeline) start(ctx context.Context, group *errgroup.Group, parts *roleParts, roles []Role) error {
	parts.web.Handle("GET /healthz", parts.health)
	parts.web.Handle("GET /readyz", parts.health)
	parts.web.Handle("GET /metrics", promhttp.HandlerFor(parts.metrics, promhttp.HandlerOpts{}))
	for _, s := range []struct {
		role  Role
		start func(context.Context, *errgroup.Group, *roleParts) error
	}{{RoleFanout, p.startFanout}, {RoleAPI, p.startAPI}, {RoleConsumers, p.startConsumers}, {RoleParser, p.startParser}, {RoleScheduler, p.startScheduler}} {
		if !slices.Contains(roles, s.role) {
			continue
		}
		if err := s.start(ctx, group, parts); err != nil {
			return err
		}
	}
	if parts.emits {
		p.startOutbox(ctx, group, parts)
	}
	if err := p.startWeb(ctx, group, parts); err != nil {
		return err
	}
	p.announce(ctx, group, parts, roles)
	return nil
}

// roleParts are what the roles are made of.
type roleParts struct {
	broker    broker.Broker
	redis     redis.UniversalClient
	prefix    string          // of every Redis key
	instance  string          // of the registry
	trace     *trace.Recorder // nil if it is off
	outbox    *outbox.Relay
	schedule  *scheduler.Schedule
	consumers map[string]consumers.Consumer
	serve     map[string]http.Handler // of those that take calls, by name
	library   profile.Library
	scheduler *scheduler.Scheduler
	health    *healthChecks
	metrics   *prometheus.Registry
	meters    *consumers.Metrics

	web    *http.ServeMux
	serves bool   // whether a role has something for others to see
	emits  bool   // whether a role writes to outboxes
	listen string // where the process serves; "" if it does not
}

// prepare makes everything that the config can get wrong.
func (p *Pipeline) prepare(b broker.Broker, r redis.UniversalClient, roles []Role) (parts *roleParts, err error) {
	parts = &roleParts{broker: b, redis: r, prefix: prefix(p.config.Namespace), instance: cmp.Or(p.Name, defaultName()), health: &healthChecks{}, web: http.NewServeMux(), metrics: prometheus.NewRegistry()}
	parts.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	parts.meters = consumers.NewMetrics(parts.metrics)
	if err := p.prepareTrace(parts); err != nil {
		return nil, err
	}
	parts.outbox = outbox.NewRelay(outbox.NewStore(r, parts.prefix), b, parts.trace, p.log)
	parts.schedule = scheduler.NewSchedule(r, parts.prefix, parts.outbox.Nudge)
	parts.health.add(b.Health)
	parts.health.add(redisHealth(r))
	if parts.consumers, parts.serve, err = makeConsumers(p.config, p.plugins, !slices.Contains(roles, RoleConsumers), r, p.log); err != nil {
		return parts, err
	}
	if parts.library, err = p.config.Library(); err != nil {
		return parts, Misuse(err)
	}
	sources, err := p.config.addSources(parts.library)
	parts.scheduler = &scheduler.Scheduler{Schedule: parts.schedule, Publisher: b, Config: sources, Instance: parts.instance, Trace: parts.trace, Log: p.log}
	return parts, err
}

// serveTimeout bounds a call that a consumer answers.
const serveTimeout = 10 * time.Second

func joined(roles []Role) string {
	var s []string
	for _, r := range roles {
		s = append(s, string(r))
	}
	return strings.Join(s, ", ")
}

func (p *Pipeline) runner(parts *roleParts) consumers.Runner {
	return consumers.Runner{Broker: parts.broker, Redis: parts.redis, Prefix: parts.prefix, Trace: parts.trace, Metrics: parts.meters, Log: p.log}
}

// startConsumers does not wait for the consumers' bindings to stand: the outbox
// makes them too, before the first event leaves.
func (p *Pipeline) startConsumers(ctx context.Context, group *errgroup.Group, parts *roleParts) error {
	for _, name := range slices.Sorted(maps.Keys(parts.consumers)) {
		p.startConsumer(ctx, group, parts, name, parts.consumers[name])
	}
	return nil
}

func (p *Pipeline) startConsumer(ctx context.Context, group *errgroup.Group, parts *roleParts, name string, c consumers.Consumer) {
	ready := make(chan struct{})
	group.Go(func() error { return p.runner(parts).Run(ctx, name, c, ready) })
	p.onceReady(ctx, group, ready, "consumer listens", "consumer", name, "keys", c.Keys)
}

// onceReady says something when a subscription stands.
func (p *Pipeline) onceReady(ctx context.Context, group *errgroup.Group, ready <-chan struct{}, what string, about ...any) {
	group.Go(func() error {
		select {
		case <-ready:
			p.log.Info(what, about...)
		case <-ctx.Done():
		}
		return nil
	})
}

func (p *Pipeline) startAPI(_ context.Context, _ *errgroup.Group, parts *roleParts) error {
	calls := &httpapi.API{
		Schedule: parts.schedule, Profiles: parts.library, Boards: scoreboard.NewBoards(parts.redis, parts.prefix), Traces: traceStore(p.config, parts.redis),
		Instances: instances.New(parts.redis, parts.prefix), Token: p.APIToken, PrivateAddresses: p.config.Fetch.PrivateAddresses, Trace: parts.trace, Log: p.log,
	}
	parts.web.Handle("/api/", calls.Handler())
	for name, h := range parts.serve {
		parts.web.Handle("/api/"+name+"/", http.StripPrefix("/api/"+name, http.TimeoutHandler(h, serveTimeout, "")))
	}
	parts.serves, parts.emits = true, true
	return nil
}

func (p *Pipeline) startScheduler(ctx context.Context, group *errgroup.Group, parts *roleParts) error {
	if p.Feed != nil {
		return nil
	}
	if len(parts.scheduler.Config) == 0 {
		p.log.Info("no sources in the config: matches are activated by POST /api/matches alone")
	}
	parts.emits = true
	p.startConsumer(ctx, group, parts, schedulerName, parts.scheduler.Consumer())
	group.Go(func() error { return parts.scheduler.Run(ctx) })
	return nil
}

func (p *Pipeline) startParser(ctx context.Context, group *errgroup.Group, parts *roleParts) error {
	parts.emits = true
	ingester, err := p.config.ingester(poll.NewStore(parts.redis, parts.prefix), parts.outbox.Nudge, p.log)
	if err != nil {
		return err
	}
	if p.Feed != nil {
		group.Go(func() error { return p.Feed(ctx, parts.library, ingester) })
		return nil
	}
	client := p.config.client(poll.NewRedisLimiter(parts.redis, parts.prefix))
	worker := poll.NewWorker(parts.library, client, ingester, parts.redis, parts.prefix, parts.trace, parts.schedule.Polled)
	s, ready := worker.Subscription(), make(chan struct{})
	s.Ready = ready
	group.Go(func() error { return parts.broker.Subscribe(ctx, s, worker.Handle) })
	p.onceReady(ctx, group, ready, "parser takes tasks", "queue", s.Queue)
	return nil
}

// startOutbox publishes what waits in outboxes. It declares the consumers' queues
// before the first event leaves: the consumers may not have reached the broker yet.
func (p *Pipeline) startOutbox(ctx context.Context, group *errgroup.Group, parts *roleParts) {
	parts.health.add(func(context.Context) []health.Issue { return parts.outbox.Health() })
	all := maps.Clone(parts.consumers)
	all[schedulerName] = parts.scheduler.Consumer()
	group.Go(func() error {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if err := parts.broker.Declare(ctx, all[name].Subscription(name)); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
		}
		return parts.outbox.Run(ctx)
	})
}
