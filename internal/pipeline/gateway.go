package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/internal/gateway"
	"github.com/matchwire/matchwire/internal/guard"
	"github.com/matchwire/matchwire/internal/instances"
)

// A Gateway serves the API and the streams of all instances at one address.
type Gateway struct {
	Servers   Servers
	Namespace string
	Listen    string   // host:port
	Hosts     []string // see Config.Hosts
	Log       *slog.Logger
	// OnListen, if not nil, is called with the address once the gateway listens.
	OnListen func(net.Addr)
}

// Run serves until ctx ends.
func (g Gateway) Run(ctx context.Context) error {
	store, stop, err := g.Servers.OpenRedis(ctx, g.Log)
	if err != nil {
		return err
	}
	defer stop()
	registry := instances.New(store, prefix(g.Namespace))
	proxy := &gateway.Gateway{List: registry.List, Log: g.Log}
	h := &healthChecks{}
	h.add(pingRedis(store))
	h.add(func(context.Context) (all []health.Issue) {
		issues := proxy.Health()
		for _, text := range issues {
			all = append(all, health.Issue{Text: text, Down: len(issues) == 2}) // down if both roles lack a healthy instance
		}
		return all
	})
	listen := cmp.Or(g.Listen, DefaultListen)
	guarding := &guard.Guard{Local: loopback(listen), Hosts: g.Hosts}
	mux := http.NewServeMux()
	h.handle(mux, guarding)
	mux.Handle("/metrics", http.NotFoundHandler()) // the gateway has no metrics: scrape the instances
	mux.Handle("/", proxy)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return proxy.Run(ctx) })
	at, err := serve(ctx, group, listen, nil, guarding.CheckHost(mux))
	if err != nil {
		err = fmt.Errorf("gateway: %w (choose another address with --listen HOST:PORT)", err)
		group.Go(func() error { return err })
		return group.Wait()
	}
	g.Log.Info("serving", "address", at.String())
	if g.OnListen != nil {
		g.OnListen(at)
	}
	return group.Wait()
}
