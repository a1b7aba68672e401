package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/internal/gateway"
	"github.com/matchwire/matchwire/internal/guard"
	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/monitor"
	"github.com/matchwire/matchwire/internal/reload"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// GatewayConfig holds the settings of the gateway.
type GatewayConfig struct {
	// Connections is the maximum number of WebSockets and event streams together. If it is 0, only
	// the limit on open files applies.
	Connections int `yaml:"connections"`
	// Drain is the time limit for disconnecting the clients when the gateway stops. The default is
	// 5s.
	Drain strictyaml.Duration `yaml:"drain"`
}

func (g GatewayConfig) check(data []byte) error {
	if g.Connections < 0 {
		return strictyaml.PosAt(data, "gateway.connections").Errorf("%d: want 0 or more", g.Connections)
	}
	return nil
}

// A Gateway serves the API and the streams of all instances at one address. It uses these settings from
// the config: namespace, listen, tls, hosts, api_tokens, metrics, stop_delay and gateway.
type Gateway struct {
	Config   Config
	Servers  Servers // only Redis is used
	Listen   string  // host:port; overrides the config
	APIToken string  // an API token with all scopes, for the metrics; see [guard.Tokens]
	// InstanceKey verifies the announcements of instances. If it is "", the gateway forwards requests only to
	// loopback addresses.
	InstanceKey string
	Log         *slog.Logger
	// Load, Files, Reload and OnReload are like those of [Pipeline]. Only hosts, api_tokens and log_level can change.
	Load     func() (Settings, error)
	Files    []string
	Reload   <-chan struct{}
	OnReload func(Config)
	// OnListen, if not nil, is called with the address once the gateway listens.
	OnListen func(net.Addr)

	onStopDelay func() // see Pipeline.onStopDelay
}

// drainGrace is the maximum time that the gateway waits for clients to disconnect after the drain time.
const drainGrace = 5 * time.Second

// Run serves until ctx ends.
func (g Gateway) Run(ctx context.Context) error {
	store, closeStore, err := g.Servers.OpenRedis(ctx, g.Log)
	if err != nil {
		return err
	}
	defer closeStore()
	p := New(g.Config, g.Servers, g.Log, nil)
	p.Listen, p.APIToken, p.InstanceKey, p.onStopDelay = g.Listen, g.APIToken, g.InstanceKey, g.onStopDelay
	p.Load, p.Files, p.Reload, p.OnReload = g.Load, g.Files, g.Reload, g.OnReload
	drain := cmp.Or(time.Duration(g.Config.Gateway.Drain), defaultDrain)
	registry := instances.New(store, prefix(g.Config.Namespace), g.InstanceKey)
	proxy := gateway.New(gateway.Options{
		List: registry.List, Log: g.Log,
		Connections: g.Config.Gateway.Connections, Drain: drain,
	})
	parts, err := p.gatewayParts(proxy, store)
	if err != nil {
		return err
	}
	encrypted, err := g.Config.tlsConfig(g.Log)
	if err != nil {
		return err
	}
	defer g.Log.Info("stopped")
	group, working := errgroup.WithContext(ctx)
	serving, stop := context.WithCancel(context.WithoutCancel(working))
	defer stop()
	group.Go(func() error {
		<-working.Done()
		g.Log.Info("stopping")
		parts.health.Stop()
		if ctx.Err() != nil {
			p.waitToStop(ctx, parts.current.Load().config)
		}
		stop()
		return nil
	})
	group.Go(func() error { return proxy.Run(serving) })
	p.followGateway(working, group, parts, proxy)
	group.Go(func() error {
		parts.health.Run(serving)
		return nil
	})
	group.Go(func() error {
		<-serving.Done()
		limit, cancel := context.WithTimeout(context.WithoutCancel(serving), drain+drainGrace)
		defer cancel()
		if err := proxy.Shutdown(limit); err != nil {
			g.Log.Warn("some clients did not disconnect in time")
		}
		return nil
	})
	at, err := serve(serving, group, p.address(), encrypted, &parts.web, g.Log)
	if err != nil {
		err = fmt.Errorf("gateway: %w (choose another address with --listen HOST:PORT)", err)
	} else {
		err = p.startMetrics(serving, group, parts)
	}
	if err != nil {
		group.Go(func() error { return err })
		return group.Wait()
	}
	g.Log.Info("serving", "address", at.String())
	group.Go(func() error {
		self := instances.Instance{Name: defaultName(), Roles: []string{"gateway"}, Address: advertised(at.String()),
			TLS: encrypted != nil, Version: Version(), Started: time.Now().UTC()}
		p.announceAs(working, serving, registry, parts.health, func() instances.Instance { return self })
		return nil
	})
	if g.OnListen != nil {
		g.OnListen(at)
	}
	return group.Wait()
}

// gatewayParts returns the health checks, the metrics and the handlers of a gateway.
func (p *Pipeline) gatewayParts(proxy *gateway.Gateway, store redis.UniversalClient) (*roleParts, error) {
	current, err := p.gatewayGeneration(p.config, p.APIToken)
	if err != nil {
		return nil, err
	}
	parts := &roleParts{health: &monitor.Monitor{}, metrics: prometheus.NewRegistry()}
	parts.current.Store(current)
	// Without Redis, the gateway uses the previous list of instances, so it stays ready.
	parts.health.Add(monitor.Check{Name: "redis", Run: pingRedis(store)})
	parts.health.Add(monitor.Check{Name: "instances", Ready: true, Run: func(context.Context) (all []health.Issue) {
		issues, down := proxy.Health()
		for _, text := range issues {
			all = append(all, health.Issue{Text: text, Down: down})
		}
		return all
	}})
	parts.metrics.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	parts.metrics.MustRegister(proxy.Collectors()...)
	parts.web.set(parts.gatewayHandler(proxy))
	return parts, nil
}

// gatewayHandler returns a handler for everything that a gateway serves with the current config.
func (parts *roleParts) gatewayHandler(proxy http.Handler) http.Handler {
	mux, g := http.NewServeMux(), parts.current.Load().guard
	parts.handleMetrics(mux, g)
	mux.Handle("/", proxy)
	return g.CheckHost(mux)
}

// gatewayGeneration returns a generation with only the parts of a config that a gateway uses.
func (p *Pipeline) gatewayGeneration(c Config, apiToken string) (*generation, error) {
	tokens, err := c.tokens(apiToken)
	if err != nil {
		return nil, err
	}
	g := &guard.Guard{Local: loopback(p.address()), Hosts: c.Hosts, Tokens: tokens}
	return &generation{config: c, guard: g, content: reload.Read(c.inputs.all())}, nil
}

// followGateway follows the changes of the config, if p.Load is set.
func (p *Pipeline) followGateway(
	ctx context.Context, group *errgroup.Group, parts *roleParts, proxy http.Handler,
) {
	if p.Load == nil {
		return
	}
	p.watch(ctx, group, parts, func() (reload.Loaded, error) {
		return p.loadAgain(parts, p.gatewayGeneration, func(g *generation) {
			parts.current.Store(g)
			parts.web.set(parts.gatewayHandler(proxy))
			parts.metricsWeb.set(parts.metricsHandler(g.config))
		})
	})
}
