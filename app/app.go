// Package app turns a config into running roles. It is the one place that
// knows all the others; matchwire's command line calls it, and so can another
// program that adds a consumer of its own.
package app

import (
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

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/parser"
)

// A Role is a part of the pipeline that can run in a process of its own.
type Role string

// The roles. Parser polls pages and emits events, Consumers reacts to them,
// Fanout streams them to clients.
const (
	Parser    Role = "parser"
	Consumers Role = "consumers"
	FanoutTo  Role = "fanout"
)

// Roles lists all roles.
func Roles() []Role { return []Role{Parser, Consumers, FanoutTo} }

// An App is a pipeline, or a part of one, ready to run.
type App struct {
	config  Config
	servers Servers
	log     *slog.Logger
	makers  map[string]consumers.Maker

	// Listening, if not nil, is told where fanout serves, before it does.
	Listening func(net.Addr)
	// HealthAddress, if not "", is a host:port where /healthz is served, for
	// processes that do not run fanout, which serves it too.
	HealthAddress string
	// Name tells this process from others in the registry of instances; "" is
	// the machine's name and the process ID.
	Name string
	// Advertise is the host:port at which others reach fanout; "" is where it
	// listens, by the machine's name where that is every address.
	Advertise string
	// Feed, if not nil, takes the place of polling in the parser role. The app
	// ends when it returns an error.
	Feed func(ctx context.Context, lib parser.Library, r *parser.Reader) error
}

// An Option changes what New assumes.
type Option func(*App)

// WithConsumer adds a consumer to those that matchwire ships, or replaces one.
func WithConsumer(name string, m consumers.Maker) Option {
	return func(a *App) { a.makers[name] = m }
}

// New prepares an app. log is where every part of it says what it does.
func New(c Config, s Servers, log *slog.Logger, options ...Option) *App {
	a := &App{config: c, servers: s, log: log, makers: maps.Clone(shipped)}
	for _, o := range options {
		o(a)
	}
	return a
}

// Run runs the roles, all if none is named, until ctx ends or one fails; then
// it stops them all and waits for them. A mistake in the config is found
// before anything runs.
func (a *App) Run(ctx context.Context, roles ...Role) error {
	if len(roles) == 0 {
		roles = Roles()
	}
	for _, r := range roles {
		if !slices.Contains(Roles(), r) {
			return Misuse(fmt.Errorf("role %q: want some of %s", r, joined(Roles())))
		}
	}
	has := func(r Role) bool { return slices.Contains(roles, r) }
	if a.servers.Embedded() && !(has(Parser) && has(Consumers) && has(FanoutTo)) {
		return Misuse(errors.New("the embedded broker and store live in one process: set AMQP_URL and REDIS_URL, or run all roles"))
	}
	broker, err := a.servers.Broker(a.config.Namespace, a.log)
	if err != nil {
		return err
	}
	defer broker.Close()
	store, stop, err := a.servers.Store(a.log)
	if err != nil {
		return err
	}
	defer stop()
	p, err := a.prepare(broker, store)
	if err != nil {
		return err
	}
	if a.servers.Embedded() {
		a.log.Info("broker and store run inside this process and forget everything when it ends")
	}

	group, ctx := errgroup.WithContext(ctx)
	if err := a.start(ctx, group, p, roles); err != nil {
		group.Go(func() error { return err }) // stops those already running
	}
	return group.Wait()
}

// start starts the roles, those who listen first, and what tells of the process.
func (a *App) start(ctx context.Context, group *errgroup.Group, p parts, roles []Role) error {
	if err := a.startHealth(ctx, group, p); err != nil {
		return err
	}
	a.announce(ctx, group, p, roles)
	for _, s := range []struct {
		role  Role
		start func(context.Context, *errgroup.Group, parts) error
	}{{FanoutTo, a.startFanout}, {Consumers, a.startConsumers}, {Parser, a.startParser}} {
		if !slices.Contains(roles, s.role) {
			continue
		}
		if err := s.start(ctx, group, p); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) startHealth(ctx context.Context, group *errgroup.Group, p parts) error {
	if a.HealthAddress == "" {
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", p.health)
	if _, err := serve(ctx, group, a.HealthAddress, mux); err != nil {
		return fmt.Errorf("health: %w", err)
	}
	return nil
}

// parts are what the roles are made of.
type parts struct {
	broker    event.Broker
	redis     redis.UniversalClient
	consumers map[string]consumers.Consumer
	library   parser.Library
	sources   []parser.Source
	health    *health
}

// prepare makes everything that the config can get wrong.
func (a *App) prepare(b event.Broker, r redis.UniversalClient) (p parts, err error) {
	p = parts{broker: b, redis: r, health: &health{}}
	p.health.add(b.Health)
	p.health.add(redisHealth(r))
	if p.consumers, err = makeConsumers(a.config, a.makers, r, a.log); err != nil {
		return p, err
	}
	if p.library, err = a.config.Library(); err != nil {
		return p, Misuse(err)
	}
	p.sources, err = a.config.sources(p.library)
	return p, err
}

func joined(roles []Role) string {
	var s []string
	for _, r := range roles {
		s = append(s, string(r))
	}
	return strings.Join(s, ", ")
}

// startConsumers does not wait for the consumers' bindings to stand: the parser
// makes them too, before its first event leaves.
func (a *App) startConsumers(ctx context.Context, group *errgroup.Group, p parts) error {
	runner := consumers.Runner{Broker: p.broker, Redis: p.redis, Prefix: prefix(a.config.Namespace), Log: a.log}
	for _, name := range slices.Sorted(maps.Keys(p.consumers)) {
		c, ready := p.consumers[name], make(chan struct{})
		group.Go(func() error { return runner.Run(ctx, name, c, ready) })
		group.Go(func() error {
			select {
			case <-ready:
				a.log.Info("consumer listens", "consumer", name, "keys", c.Keys)
			case <-ctx.Done():
			}
			return nil
		})
	}
	return nil
}

const shutdownTimeout = 10 * time.Second

func (a *App) startFanout(ctx context.Context, group *errgroup.Group, p parts) error {
	hub := fanout.NewHub(fanout.NewCheckpoints(p.redis, prefix(a.config.Namespace)), a.log)
	mux := http.NewServeMux()
	mux.Handle("/", hub.Handler())
	mux.Handle("GET /healthz", p.health)
	address, err := serve(ctx, group, a.config.Fanout.Listen, mux)
	if err != nil {
		return fmt.Errorf("fanout: %w (another address: --listen HOST:PORT)", err)
	}
	p.health.add(func(context.Context) []event.Trouble { return hub.Health() })
	group.Go(func() error { return hub.Run(ctx, p.broker) })
	a.log.Info("fanout serves", "address", address)
	if a.Listening != nil {
		a.Listening(address)
	}
	return nil
}

// serve serves until ctx ends, and returns once it listens.
func serve(ctx context.Context, group *errgroup.Group, address string, h http.Handler) (net.Addr, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving on %s: %w", address, err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		return server.Shutdown(bounded)
	})
	return listener.Addr(), nil
}

func (a *App) startParser(ctx context.Context, group *errgroup.Group, p parts) error {
	store := parser.NewStore(p.redis, prefix(a.config.Namespace))
	outbox := parser.NewOutbox(store, p.broker, a.log)
	p.health.add(func(context.Context) []event.Trouble { return outbox.Health() })
	reader, err := a.config.reader(store, outbox.Nudge, a.log)
	if err != nil {
		return err
	}
	group.Go(func() error {
		// The consumers' queues stand before the first event leaves, whoever
		// of them and us reached the broker first. Until then events wait in
		// the outbox.
		for _, name := range slices.Sorted(maps.Keys(p.consumers)) {
			if err := p.broker.Declare(ctx, p.consumers[name].Subscription(name)); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
		}
		return outbox.Run(ctx)
	})
	if a.Feed != nil {
		group.Go(func() error { return a.Feed(ctx, p.library, reader) })
		return nil
	}
	if len(p.sources) == 0 {
		a.log.Warn("no sources in the config: there is nothing to poll")
	}
	group.Go(func() error { return parser.Poll(ctx, p.sources, a.config.client(), reader) })
	return nil
}
