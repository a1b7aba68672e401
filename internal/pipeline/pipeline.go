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

// The roles. API takes calls, Scheduler says when a page is to be polled,
// Parser does so and emits events, Consumers reacts to them, FanoutTo streams
// them to clients.
const (
	APIRole   Role = "api"
	Scheduler Role = "scheduler"
	Parser    Role = "parser"
	Consumers Role = "consumers"
	FanoutTo  Role = "fanout"
)

// Roles lists all roles.
func Roles() []Role { return []Role{APIRole, Scheduler, Parser, Consumers, FanoutTo} }

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
	Feed func(ctx context.Context, lib profile.Library, r *poll.Ingester) error
}

// New prepares a pipeline with these consumers to choose from. log is where
// every part of it says what it does.
func New(c Config, s Servers, log *slog.Logger, plugins []consumers.Plugin) *Pipeline {
	return &Pipeline{config: c, servers: s, log: log, plugins: plugins}
}

// Run runs the roles, all if none is named, until ctx ends or one fails; then
// it stops them all and waits for them. A mistake in the config is found
// before anything runs.
func (l *Pipeline) Run(ctx context.Context, roles ...Role) error {
	if len(roles) == 0 {
		roles = Roles()
	}
	for _, r := range roles {
		if !slices.Contains(Roles(), r) {
			return Misuse(fmt.Errorf("role %q: want some of %s", r, joined(Roles())))
		}
	}
	lacks := func(r Role) bool { return !slices.Contains(roles, r) }
	if l.servers.Embedded() && slices.ContainsFunc(Roles(), lacks) {
		return Misuse(errors.New("the embedded broker and store live in one process: set AMQP_URL and REDIS_URL, or run all roles"))
	}
	broker, err := l.servers.Broker(l.config.Namespace, l.log)
	if err != nil {
		return err
	}
	defer broker.Close()
	store, stop, err := l.servers.Store(l.log)
	if err != nil {
		return err
	}
	defer stop()
	p, err := l.prepare(broker, store, roles)
	if err != nil {
		return err
	}
	if l.servers.Embedded() {
		l.log.Info("broker and store run inside this process and forget everything when it ends")
	}

	defer l.startTrace(p)()
	group, ctx := errgroup.WithContext(ctx)
	if err := l.start(ctx, group, p, roles); err != nil {
		group.Go(func() error { return err }) // stops those already running
	}
	return group.Wait()
}

// start starts the roles, those who listen first, and what tells of the process.
func (l *Pipeline) start(ctx context.Context, group *errgroup.Group, p *parts, roles []Role) error {
	p.web.Handle("GET /healthz", p.health)
	p.web.Handle("GET /readyz", p.health)
	p.web.Handle("GET /metrics", promhttp.HandlerFor(p.metrics, promhttp.HandlerOpts{}))
	for _, s := range []struct {
		role  Role
		start func(context.Context, *errgroup.Group, *parts) error
	}{{FanoutTo, l.startFanout}, {APIRole, l.startAPI}, {Consumers, l.startConsumers}, {Parser, l.startParser}, {Scheduler, l.startScheduler}} {
		if !slices.Contains(roles, s.role) {
			continue
		}
		if err := s.start(ctx, group, p); err != nil {
			return err
		}
	}
	if p.emits {
		l.startOutbox(ctx, group, p)
	}
	if err := l.startWeb(ctx, group, p); err != nil {
		return err
	}
	l.announce(ctx, group, p, roles)
	return nil
}

// parts are what the roles are made of.
type parts struct {
	broker    broker.Broker
	redis     redis.UniversalClient
	prefix    string          // of every Redis key
	instance  string          // of the registry
	trace     *trace.Recorder // nil if it is off
	otlp      *trace.OTLP     // nil without a collector
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
func (l *Pipeline) prepare(b broker.Broker, r redis.UniversalClient, roles []Role) (p *parts, err error) {
	p = &parts{broker: b, redis: r, prefix: prefix(l.config.Namespace), instance: cmp.Or(l.Name, defaultName()), health: &healthChecks{}, web: http.NewServeMux(), metrics: prometheus.NewRegistry()}
	p.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p.meters = consumers.NewMetrics(p.metrics)
	if err := l.prepareTrace(p); err != nil {
		return nil, err
	}
	p.outbox = outbox.NewRelay(outbox.NewStore(r, p.prefix), b, p.trace, l.log)
	p.schedule = scheduler.NewSchedule(r, p.prefix, p.outbox.Nudge)
	p.health.add(b.Health)
	p.health.add(redisHealth(r))
	if p.consumers, p.serve, err = makeConsumers(l.config, l.plugins, !slices.Contains(roles, Consumers), r, l.log); err != nil {
		return p, err
	}
	if p.library, err = l.config.Library(); err != nil {
		return p, Misuse(err)
	}
	sources, err := l.config.sources(p.library)
	p.scheduler = &scheduler.Scheduler{Schedule: p.schedule, Publisher: b, Config: sources, Instance: p.instance, Trace: p.trace, Log: l.log}
	return p, err
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

func (l *Pipeline) runner(p *parts) consumers.Runner {
	return consumers.Runner{Broker: p.broker, Redis: p.redis, Prefix: p.prefix, Trace: p.trace, Metrics: p.meters, Log: l.log}
}

// startConsumers does not wait for the consumers' bindings to stand: the outbox
// makes them too, before the first event leaves.
func (l *Pipeline) startConsumers(ctx context.Context, group *errgroup.Group, p *parts) error {
	for _, name := range slices.Sorted(maps.Keys(p.consumers)) {
		l.startConsumer(ctx, group, p, name, p.consumers[name])
	}
	return nil
}

func (l *Pipeline) startConsumer(ctx context.Context, group *errgroup.Group, p *parts, name string, c consumers.Consumer) {
	ready := make(chan struct{})
	group.Go(func() error { return l.runner(p).Run(ctx, name, c, ready) })
	l.onceReady(ctx, group, ready, "consumer listens", "consumer", name, "keys", c.Keys)
}

// onceReady says something when a subscription stands.
func (l *Pipeline) onceReady(ctx context.Context, group *errgroup.Group, ready <-chan struct{}, what string, about ...any) {
	group.Go(func() error {
		select {
		case <-ready:
			l.log.Info(what, about...)
		case <-ctx.Done():
		}
		return nil
	})
}

func (l *Pipeline) startAPI(_ context.Context, _ *errgroup.Group, p *parts) error {
	calls := &httpapi.API{
		Schedule: p.schedule, Profiles: p.library, Boards: scoreboard.NewBoards(p.redis, p.prefix), Traces: traceStore(l.config, p.redis),
		Instances: instances.New(p.redis, p.prefix), Token: l.APIToken, PrivateAddresses: l.config.Fetch.PrivateAddresses, Trace: p.trace, Log: l.log,
	}
	p.web.Handle("/api/", calls.Handler())
	for name, h := range p.serve {
		p.web.Handle("/api/"+name+"/", http.StripPrefix("/api/"+name, http.TimeoutHandler(h, serveTimeout, "")))
	}
	p.serves, p.emits = true, true
	return nil
}

func (l *Pipeline) startScheduler(ctx context.Context, group *errgroup.Group, p *parts) error {
	if l.Feed != nil {
		return nil
	}
	if len(p.scheduler.Config) == 0 {
		l.log.Info("no sources in the config: matches are activated by POST /api/matches alone")
	}
	p.emits = true
	l.startConsumer(ctx, group, p, schedulerName, p.scheduler.Consumer())
	group.Go(func() error { return p.scheduler.Run(ctx) })
	return nil
}

func (l *Pipeline) startParser(ctx context.Context, group *errgroup.Group, p *parts) error {
	p.emits = true
	reader, err := l.config.reader(poll.NewStore(p.redis, p.prefix), p.outbox.Nudge, l.log)
	if err != nil {
		return err
	}
	if l.Feed != nil {
		group.Go(func() error { return l.Feed(ctx, p.library, reader) })
		return nil
	}
	client := l.config.client(poll.NewRedisLimiter(p.redis, p.prefix))
	worker := poll.NewWorker(p.library, client, reader, p.redis, p.prefix, p.trace, p.schedule.Polled)
	s, ready := worker.Subscription(), make(chan struct{})
	s.Ready = ready
	group.Go(func() error { return p.broker.Subscribe(ctx, s, worker.Handle) })
	l.onceReady(ctx, group, ready, "parser takes tasks", "queue", s.Queue)
	return nil
}

// startOutbox publishes what waits in outboxes. The consumers' queues stand
// before the first event leaves, whoever of them and us reached the broker
// first.
func (l *Pipeline) startOutbox(ctx context.Context, group *errgroup.Group, p *parts) {
	p.health.add(func(context.Context) []health.Issue { return p.outbox.Health() })
	all := maps.Clone(p.consumers)
	all[schedulerName] = p.scheduler.Consumer()
	group.Go(func() error {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if err := p.broker.Declare(ctx, all[name].Subscription(name)); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
		}
		return p.outbox.Run(ctx)
	})
}
