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
	"github.com/matchwire/matchwire/internal/instances"
)

// A Gateway is one address for all that the instances of an installation serve.
type Gateway struct {
	Servers   Servers
	Namespace string
	Listen    string // host:port
	Log       *slog.Logger
	// Listening, if not nil, is told where it serves.
	Listening func(net.Addr)
}

// Run serves until ctx ends.
func (g Gateway) Run(ctx context.Context) error {
	store, stop, err := g.Servers.Store(ctx, g.Log)
	if err != nil {
		return err
	}
	defer stop()
	registry := instances.New(store, prefix(g.Namespace))
	way := &gateway.Gateway{List: registry.List, Log: g.Log}
	h := &healthChecks{}
	h.add(redisHealth(store))
	h.add(func(context.Context) (all []health.Issue) {
		missing := way.Health()
		for _, m := range missing {
			all = append(all, health.Issue{Text: m, Down: len(missing) == 2})
		}
		return all
	})
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", h)
	mux.Handle("GET /readyz", h)
	mux.Handle("/metrics", http.NotFoundHandler()) // each instance has its own
	mux.Handle("/", way)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return way.Run(ctx) })
	at, err := serve(ctx, group, cmp.Or(g.Listen, DefaultListen), nil, mux)
	if err != nil {
		err = fmt.Errorf("gateway: %w (another address: --listen HOST:PORT)", err)
		group.Go(func() error { return err })
		return group.Wait()
	}
	g.Log.Info("serving", "address", at.String())
	if g.Listening != nil {
		g.Listening(at)
	}
	return group.Wait()
}
