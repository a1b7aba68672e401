// Package pipeline runs the roles of matchwire with the settings of a config. It is the
// only package that imports all parts of the pipeline.
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
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/internal/deadletters"
	"github.com/matchwire/matchwire/internal/embedded"
	"github.com/matchwire/matchwire/internal/guard"
	"github.com/matchwire/matchwire/internal/httpapi"
	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/metrics"
	"github.com/matchwire/matchwire/internal/monitor"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/internal/overview"
	"github.com/matchwire/matchwire/internal/quota"
	"github.com/matchwire/matchwire/internal/redisclient"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

// A Role is a part of the pipeline that can run in its own process.
type Role string

// The roles.
const (
	RoleAPI       Role = "api"       // serves the HTTP API
	RoleScheduler Role = "scheduler" // sends a task to the parsers when a page is due
	RoleParser    Role = "parser"    // polls pages and emits events
	RoleConsumers Role = "consumers" // runs the consumers of events
	RoleFanout    Role = "fanout"    // streams events to clients
)

// Roles returns all roles.
func Roles() []Role { return []Role{RoleAPI, RoleScheduler, RoleParser, RoleConsumers, RoleFanout} }

// A Pipeline runs roles in this process. Set its fields before calling a method.
type Pipeline struct {
	config  Config
	servers Servers
	log     *slog.Logger
	plugins []consumers.Plugin

	// OnStart, if not nil, is called once all roles have been started. By then, all secrets have been read from the
	// environment. status returns the status of the process, within two seconds.
	OnStart func(status func(context.Context) Status)
	// OnListen, if not nil, is called with the address once the process listens.
	OnListen  func(net.Addr)
	onMetrics func(net.Addr) // like OnListen, for the listener of the metrics
	// onStopDelay, if not nil, is called in place of the delay before the process stops.
	onStopDelay func()
	// Listen is the host:port to serve on. It overrides the config. If it is set, the
	// process serves /healthz even if no role serves HTTP.
	Listen string
	// Anybody allows clients to connect to the streams without a token, as
	// fanout.anybody in the config does.
	Anybody bool
	// Data is the folder in which the embedded servers keep their data. If it is "", their data is lost
	// when the process ends. With other servers, it is not used.
	Data string
	// APIToken is an API token with all scopes; see [guard.Tokens]. If it is "", only the tokens in
	// the config are valid.
	APIToken string
	// InstanceKey signs the announcement of this process for gateways. If it is "", the announcement is
	// not signed.
	InstanceKey string
	// Name is the name of this process in the registry of instances. The default is
	// the host name and the process ID.
	Name string
	// Advertise is the host:port at which other processes reach this process. The
	// default is the address that this process listens on.
	Advertise string
	// Load, if not nil, loads the settings again. Run then follows changes of the config while it runs.
	Load func() (Settings, error)
	// Files are the files that the settings come from, besides those that the config names. Run uses them if Load is set.
	Files []string
	// Reload, if not nil, makes Run call Load for each value that it receives. Run also looks for changed files.
	Reload <-chan struct{}
	// OnReload, if not nil, is called with each config that Run has loaded and applied.
	OnReload    func(Config)
	sessions    *guard.Sessions // of operators; they outlive the guard of each config
	reloadEvery time.Duration   // interval between checks of the files; 0 means reloadInterval
	// Feed, if not nil, replaces polling in the roles parser and scheduler. t records what Feed does. It can be nil.
	// If Feed returns an error, Run stops.
	Feed func(ctx context.Context, lib profile.Library, in *poll.Ingester, t *trace.Recorder) error
	// Handlers are additional HTTP handlers of the role fanout, by pattern.
	Handlers map[string]http.Handler
	// Observe, if not nil, wraps each consumer and each part of a consumer. Its result replaces c.
	Observe func(name string, c consumers.Consumer) consumers.Consumer
}

// New returns a pipeline that can run the consumers of plugins. All its parts write
// to log.
func New(c Config, s Servers, log *slog.Logger, plugins []consumers.Plugin) *Pipeline {
	return &Pipeline{config: c, servers: s, log: log, plugins: plugins}
}

// Run runs the given roles, or all roles if none is given. It checks the config before it
// starts a role. When ctx ends or a role fails, Run stops all roles and waits until they
// have ended.
func (p *Pipeline) Run(ctx context.Context, roles ...Role) error {
	if len(roles) == 0 {
		roles = Roles()
	}
	for _, r := range roles {
		if !slices.Contains(Roles(), r) {
			return UsageError(fmt.Errorf("role %q: want one of %s", r, joinRoles(Roles())))
		}
	}
	missing := func(r Role) bool { return !slices.Contains(roles, r) }
	if p.servers.Embedded() && slices.ContainsFunc(Roles(), missing) {
		return UsageError(errors.New("other processes cannot use the embedded broker and store: " +
			"set AMQP_URL and REDIS_URL, or run all roles"))
	}
	broker, store, closeServers, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer closeServers()
	parts, err := p.prepare(ctx, broker, store, roles)
	if err != nil {
		return err
	}
	defer p.log.Info("stopped")

	stopTrace := p.startTrace(ctx, parts)
	defer stopTrace()
	group, working := errgroup.WithContext(ctx)
	serving, stop := context.WithCancel(context.WithoutCancel(working))
	defer stop()
	group.Go(func() error {
		<-working.Done()
		p.log.Info("stopping")
		parts.health.Stop()
		if ctx.Err() != nil && parts.serves { // not if a role has failed, or if there are no clients
			p.waitToStop(ctx, parts.current.Load().config)
		}
		stop()
		return nil
	})
	if err := p.start(working, serving, group, parts, roles); err != nil {
		group.Go(func() error { return err }) // stops the roles that are already running
	} else if p.OnStart != nil {
		p.OnStart(func(ctx context.Context) Status { return parts.status(ctx, roles) })
	}
	return group.Wait()
}

// open returns clients for the servers, or for embedded servers. done closes them.
func (p *Pipeline) open(ctx context.Context) (b broker.Broker, r redis.UniversalClient, done func(), err error) {
	if p.servers.Embedded() {
		s, err := embedded.Open(p.Data, p.log)
		if err != nil {
			return nil, nil, nil, err
		}
		if p.Data == "" {
			p.log.Info("using an embedded broker and store: all data is lost when this process ends")
		} else {
			p.log.Info("using an embedded broker and store", "data", p.Data)
		}
		return s.Broker, s.Redis, func() {
			if err := s.Close(); err != nil {
				p.log.Error("the data folder was not closed", "error", err)
			}
		}, nil
	}
	if b, err = p.servers.OpenBroker(p.config.Namespace, p.log); err != nil {
		return nil, nil, nil, err
	}
	r, stop, err := p.servers.OpenRedis(ctx, p.log)
	if err != nil {
		b.Close()
		return nil, nil, nil, err
	}
	return b, r, func() { stop(); b.Close() }, nil
}

// start starts the roles, receivers before senders, then the outbox, the health checks, the HTTP
// listeners and the announcement of this instance. The roles that serve no clients and the reloading of
// the config run until working ends. Everything else runs until serving ends, which is later.
func (p *Pipeline) start(
	working, serving context.Context, group *errgroup.Group, parts *roleParts, roles []Role,
) error {
	for _, s := range []struct {
		role    Role
		clients bool // whether the role serves clients
		start   func(context.Context, *errgroup.Group, *roleParts) error
	}{
		{RoleFanout, true, p.startFanout},
		{RoleAPI, true, p.startAPI},
		{RoleConsumers, false, p.startConsumers},
		{RoleParser, false, p.startParser},
		{RoleScheduler, false, p.startScheduler},
	} {
		if !slices.Contains(roles, s.role) {
			continue
		}
		ctx := working
		if s.clients {
			ctx = serving
		}
		if err := s.start(ctx, group, parts); err != nil {
			return err
		}
	}
	if parts.emits {
		p.startOutbox(serving, group, parts)
	}
	if err := p.startWatch(serving, group, parts, roles); err != nil {
		return err
	}
	p.startReload(working, group, parts, roles)
	group.Go(func() error {
		parts.health.Run(serving)
		return nil
	})
	if err := p.startWeb(serving, group, parts); err != nil {
		return err
	}
	if err := p.startMetrics(serving, group, parts); err != nil {
		return err
	}
	p.announce(working, serving, group, parts, roles)
	return nil
}

// startWatch starts the watch for sources that no process polls. Every process has a watch. Only a
// process with an outbox marks the matches of these sources as stale.
func (p *Pipeline) startWatch(ctx context.Context, group *errgroup.Group, parts *roleParts, roles []Role) error {
	if p.Feed != nil {
		return nil // the feed has no schedule
	}
	watch := &scheduler.Watch{Schedule: parts.schedule, Down: needs(roles, RoleParser, RoleScheduler), Log: p.log}
	if parts.emits {
		var err error
		store := poll.NewStore(parts.redis, parts.prefix)
		if watch.Ingester, err = p.config.ingester(store, parts.outbox.Nudge, p.log); err != nil {
			return err
		}
	}
	parts.health.Add(monitor.Check{Name: "sources", Run: watch.Health})
	group.Go(func() error { return watch.Run(ctx) })
	return nil
}

// stopDelay returns how long a stopping process accepts clients.
func (p *Pipeline) stopDelay(c Config) time.Duration {
	switch {
	case c.StopDelay != nil:
		return time.Duration(*c.StopDelay)
	case p.servers.Embedded(): // no other process can take the clients
		return 0
	}
	return defaultStopDelay
}

// defaultStopDelay is longer than the gateway and most load balancers need to notice that a process
// is not ready.
const defaultStopDelay = 3 * time.Second

// ErrInterrupted is the cause of a context that ends because a person has interrupted the program.
// Run then stops without the delay for load balancers.
var ErrInterrupted = errors.New("interrupted")

// waitToStop waits for the stop delay, unless the cause of ctx is ErrInterrupted.
func (p *Pipeline) waitToStop(ctx context.Context, c Config) {
	if errors.Is(context.Cause(ctx), ErrInterrupted) {
		return
	}
	if p.onStopDelay != nil {
		p.onStopDelay()
		return
	}
	time.Sleep(p.stopDelay(c))
}

// roleParts holds the components that the roles of a process share.
type roleParts struct {
	broker    broker.Broker
	redis     redis.UniversalClient
	prefix    string          // prefix of every Redis key
	instance  string          // name in the registry
	trace     *trace.Recorder // nil if tracing is off
	outbox    *outbox.Relay
	schedule  *scheduler.Schedule
	current   atomic.Pointer[generation] // the config in use, and what was created from it
	scheduler *scheduler.Scheduler
	worker    atomic.Pointer[poll.Worker] // nil without the role parser
	running   runningConsumers
	hub       *fanout.Hub // nil without the role fanout
	health    *monitor.Monitor
	metrics   *prometheus.Registry

	consumerMetrics *consumers.Metrics
	progress        consumers.Progress // of the consumers

	web        swap
	metricsWeb swap   // of the separate listener for metrics
	api        bool   // web serves the API
	serves     bool   // a role serves clients
	emits      bool   // a role writes to outboxes
	listen     string // address of the HTTP server; "" if there is none
}

// prepare creates the components that the roles share. It returns an error if the config is
// invalid.
func (p *Pipeline) prepare(
	ctx context.Context, b broker.Broker, r redis.UniversalClient, roles []Role,
) (parts *roleParts, err error) {
	parts = &roleParts{
		broker: b, redis: r, prefix: prefix(p.config.Namespace), instance: cmp.Or(p.Name, defaultName()),
		health: &monitor.Monitor{}, metrics: prometheus.NewRegistry(),
	}
	parts.metrics.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	parts.consumerMetrics = consumers.NewMetrics(parts.metrics)
	metrics.RegisterBuild(parts.metrics, Version())
	if err := redisclient.Measure(r, parts.metrics); err != nil {
		return nil, err
	}
	metrics.RegisterHealth(parts.metrics, parts.health.Statuses)
	if err := p.prepareTrace(parts); err != nil {
		return nil, err
	}
	parts.outbox = outbox.NewRelay(outbox.NewStore(r, parts.prefix), b, parts.trace, p.log)
	parts.schedule = scheduler.NewSchedule(r, parts.prefix, parts.outbox.Nudge)
	parts.health.Add(monitor.Check{Name: "broker", Run: b.Health,
		Ready: needs(roles, RoleParser, RoleScheduler, RoleConsumers)})
	queues := &queueHealth{broker: b, redis: r, prefix: parts.prefix}
	parts.health.Add(monitor.Check{Name: "queues", Run: queues.check})
	redisCheck := p.newRedisHealth(r, parts.prefix, parts.instance, roles)
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	redisCheck.check(starting) // logs wrong settings at startup
	cancel()
	parts.health.Add(monitor.Check{Name: "redis", Run: redisCheck.check,
		Ready: needs(roles, RoleParser, RoleScheduler, RoleConsumers, RoleAPI)})
	p.sessions = guard.NewSessions(p.InstanceKey, p.config.Namespace)
	g, err := p.newGeneration(p.config, p.APIToken, r, roles)
	if err != nil {
		return parts, err
	}
	parts.current.Store(g)
	parts.scheduler = &scheduler.Scheduler{
		Schedule: parts.schedule, Publisher: b, Config: g.sources,
		Instance: parts.instance, Trace: parts.trace, Log: p.log,
	}
	return parts, p.config.logReplaced(p.log)
}

// handlerTimeout is the time limit for a request to the HTTP handler of a consumer.
const handlerTimeout = 10 * time.Second

// startTimeout is the time limit for the first check of Redis, when a process starts.
const startTimeout = 2 * time.Second

// needs reports whether roles contains at least one of the roles in some.
func needs(roles []Role, some ...Role) bool {
	return slices.ContainsFunc(some, func(r Role) bool { return slices.Contains(roles, r) })
}

func joinRoles(roles []Role) string {
	var s []string
	for _, r := range roles {
		s = append(s, string(r))
	}
	return strings.Join(s, ", ")
}

func (p *Pipeline) runner(parts *roleParts) consumers.Runner {
	return consumers.Runner{
		Broker: parts.broker, Redis: parts.redis, Prefix: parts.prefix,
		Trace: parts.trace, Metrics: parts.consumerMetrics, Progress: &parts.progress, Log: p.log,
	}
}

// startConsumers starts the consumers. It does not wait until their queues are bound: the
// outbox also declares the queues before it publishes an event.
func (p *Pipeline) startConsumers(ctx context.Context, group *errgroup.Group, parts *roleParts) error {
	parts.health.Add(monitor.Check{Name: "consumers",
		Run: func(context.Context) []health.Issue { return parts.progress.Health() }})
	parts.running.run = func(ctx context.Context, name string, c consumers.Consumer) error {
		return p.runConsumer(ctx, parts, name, c)
	}
	parts.running.stopped = func(name string) {
		parts.progress.Forget(name)
		parts.consumerMetrics.Forget(name)
		parts.broker.Forget(consumers.QueueName(name))
	}
	all := parts.current.Load().consumers.all
	for _, name := range slices.Sorted(maps.Keys(all)) {
		parts.running.start(ctx, group, name, all[name])
	}
	return nil
}

// runConsumer runs a consumer until ctx ends and the events that it handles are done.
func (p *Pipeline) runConsumer(ctx context.Context, parts *roleParts, name string, c consumers.Consumer) error {
	ready := make(chan struct{})
	var logging errgroup.Group
	defer func() { _ = logging.Wait() }()
	ctx, ended := context.WithCancel(ctx)
	defer ended()
	p.logWhenReady(ctx, &logging, ready, "consumer ready", "consumer", name, "keys", c.Keys)
	return p.runner(parts).Run(ctx, name, c, ready)
}

// logWhenReady logs a message when ready is closed, unless ctx ends first.
func (p *Pipeline) logWhenReady(
	ctx context.Context, group *errgroup.Group, ready <-chan struct{}, message string, attributes ...any,
) {
	group.Go(func() error {
		select {
		case <-ready:
			p.log.Info(message, attributes...)
		case <-ctx.Done():
		}
		return nil
	})
}

func (p *Pipeline) startAPI(_ context.Context, _ *errgroup.Group, parts *roleParts) error {
	parts.api, parts.serves, parts.emits = true, true, true
	return nil
}

// handleAPI adds the handlers of the API and of consumers to mux.
func (p *Pipeline) handleAPI(mux *http.ServeMux, parts *roleParts, g *generation) {
	c, all := g.config, g.consumers.all
	registry := instances.New(parts.redis, parts.prefix, "")
	api := &httpapi.API{
		Schedule: parts.schedule, Profiles: g.library, Boards: scoreboard.NewBoards(parts.redis, parts.prefix),
		Traces: traceStore(c, parts.redis), Instances: registry,
		Pipeline: &overview.Reader{
			Plan: p.plan(g), Broker: parts.broker, Schedule: parts.schedule,
			Outboxes: outbox.NewStore(parts.redis, parts.prefix), Instances: registry, Log: p.log,
		},
		Dead:      deadletters.OnBroker{Broker: parts.broker, Consumers: slices.Sorted(maps.Keys(all))},
		Publisher: parts.broker, Rebuildable: rebuildable(all), Tests: g.consumers.tests(),
		Rebuild: func(ctx context.Context, consumer string, progress func()) (int, error) {
			return p.rebuildFrom(ctx, c, parts.broker, parts.redis, consumer, progress)
		},
		Guard: g.guard, Pages: c.Fetch.policy(), Recorder: parts.trace, Log: p.log, Requests: c.apiRequests(),
		Calls: quota.New(cmp.Or(c.API.CallsPerAddress, defaultCallsPerAddress), cmp.Or(c.API.Calls, defaultCalls)),
	}
	mux.Handle("/api/", api.Handler())
	for name, h := range g.consumers.handlers {
		path := "/api/" + name
		bounded := http.StripPrefix(path, http.TimeoutHandler(h, handlerTimeout, ""))
		mux.Handle(path+"/", api.Limit(bounded))
	}
}

// plan returns the overview of the pipeline for the config of g. It does not contain the state of the pipeline.
func (p *Pipeline) plan(g *generation) overview.Overview {
	o := plan(g.consumers.all, p.Feed != nil)
	o.Embedded = p.servers.Embedded()
	return o
}

func (p *Pipeline) startScheduler(ctx context.Context, group *errgroup.Group, parts *roleParts) error {
	if p.Feed != nil {
		return nil
	}
	if len(parts.scheduler.Config) == 0 {
		p.log.Info("the config has no sources: only POST /api/matches activates matches")
	}
	parts.emits = true
	group.Go(func() error { return p.runConsumer(ctx, parts, schedulerName, parts.scheduler.Consumer()) })
	group.Go(func() error { return parts.scheduler.Run(ctx) })
	return nil
}

func (p *Pipeline) startParser(ctx context.Context, group *errgroup.Group, parts *roleParts) error {
	parts.emits = true
	g := parts.current.Load()
	ingester, err := g.config.ingester(poll.NewStore(parts.redis, parts.prefix), parts.outbox.Nudge, p.log)
	if err != nil {
		return err
	}
	if p.Feed != nil {
		group.Go(func() error { return p.Feed(ctx, g.library, ingester, parts.trace) })
		return nil
	}
	client := g.config.client(poll.NewRedisLimiter(parts.redis, parts.prefix))
	worker := poll.NewWorker(
		g.library, client, ingester, parts.redis, parts.prefix, parts.trace,
		metrics.NewPolls(parts.metrics).Report(parts.schedule.Polled))
	worker.Requests = g.requests
	parts.worker.Store(worker)
	parts.health.Add(monitor.Check{Name: "quarantine",
		Run: func(ctx context.Context) []health.Issue { return parts.worker.Load().Health(ctx) }})
	s, ready := worker.Subscription(), make(chan struct{})
	s.Ready = ready
	group.Go(func() error {
		return parts.broker.Subscribe(ctx, s, func(ctx context.Context, m broker.Message) error {
			return parts.worker.Load().Handle(ctx, m)
		})
	})
	p.logWhenReady(ctx, group, ready, "parser ready", "queue", s.Queue)
	return nil
}

// startOutbox starts the relay that publishes the events in outboxes. It declares the
// consumers' queues before the first event, because the consumers may not have connected
// to the broker yet.
func (p *Pipeline) startOutbox(ctx context.Context, group *errgroup.Group, parts *roleParts) {
	parts.health.Add(monitor.Check{Name: "outbox",
		Run: func(context.Context) []health.Issue { return parts.outbox.Health() }})
	metrics.RegisterOutbox(parts.metrics, parts.outbox.Failing)
	all := subscriptions(parts.current.Load().consumers.all, parts.scheduler)
	group.Go(func() error {
		for _, s := range all {
			if err := parts.broker.Declare(ctx, s); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
		}
		return parts.outbox.Run(ctx)
	})
}
