package pipeline

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/internal/guard"
)

const (
	shutdownTimeout = 10 * time.Second // maximum wait, after the context ends, before the server closes connections
	requestGrace    = 3 * time.Second  // wait, after the context ends, before the server cancels requests in progress
)

// startWeb starts the HTTP server with the handlers of all roles. It does nothing if no
// role has added handlers and p.Listen is "".
func (p *Pipeline) startWeb(ctx context.Context, group *errgroup.Group, parts *roleParts) error {
	if !parts.serves && p.Listen == "" {
		return nil
	}
	encrypted, err := p.config.tlsConfig(p.log)
	if err != nil {
		return err
	}
	at, err := serve(ctx, group, p.address(), encrypted, parts.guard.CheckHost(parts.web))
	if err != nil {
		return fmt.Errorf("serving: %w (choose another address with --listen HOST:PORT)", err)
	}
	parts.listen = at.String()
	p.log.Info("serving", "address", parts.listen)
	if p.OnListen != nil {
		p.OnListen(at)
	}
	return nil
}

// address returns the host:port to serve on.
func (p *Pipeline) address() string { return cmp.Or(p.Listen, p.config.Listen, DefaultListen) }

// serve listens on address, over TLS if encrypted is not nil. It returns the address of the
// listener without waiting for requests. The server runs in group until ctx ends.
func serve(
	ctx context.Context, group *errgroup.Group, address string, encrypted *tls.Config, h http.Handler,
) (net.Addr, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	if encrypted != nil {
		listener = tls.NewListener(listener, encrypted)
	}
	requests, cancelRequests := context.WithCancel(context.WithoutCancel(ctx))
	server := &http.Server{
		Handler: h, BaseContext: func(net.Listener) context.Context { return requests },
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving on %s: %w", address, err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		defer cancelRequests()
		grace := time.AfterFunc(requestGrace, cancelRequests) // streams end only when cancelled
		defer grace.Stop()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			return server.Close()
		}
		return nil
	})
	return listener.Addr(), nil
}

// newGuard returns the guard for a listener. The guard accepts p.APIToken, the tokens in the file that
// api_tokens names in the config, and stream tokens.
func (p *Pipeline) newGuard(listen string) (*guard.Guard, error) {
	keys, err := p.streamKeys()
	if err != nil {
		return nil, err
	}
	file := p.config.APITokens
	if file != "" {
		file = p.config.resolve(file)
	}
	tokens, err := guard.LoadTokens(file, p.APIToken, p.log)
	if err != nil {
		return nil, UsageError(fmt.Errorf("config %s: api_tokens: %w", p.config.file, err))
	}
	return &guard.Guard{Local: loopback(listen), Hosts: p.config.Hosts, Streams: keys, Tokens: tokens}, nil
}

// handleMetrics adds the handlers of the metrics and the health checks to mux.
func (parts *roleParts) handleMetrics(mux *http.ServeMux, g *guard.Guard) {
	parts.health.handle(mux, g)
	metrics := promhttp.HandlerFor(parts.metrics, promhttp.HandlerOpts{})
	mux.Handle("GET /metrics", g.Require(guard.Metrics, metrics))
}

// startMetrics starts the listener for metrics and health checks, if the config has one.
func (p *Pipeline) startMetrics(ctx context.Context, group *errgroup.Group, parts *roleParts) error {
	address := p.config.Metrics.Listen
	if address == "" {
		return nil
	}
	g := &guard.Guard{Local: loopback(address), Hosts: p.config.Hosts, Open: true}
	mux := http.NewServeMux()
	parts.handleMetrics(mux, g)
	at, err := serve(ctx, group, address, nil, g.CheckHost(mux))
	if err != nil {
		return fmt.Errorf("metrics.listen: %w", err)
	}
	p.log.Info("serving metrics", "address", at.String())
	if p.onMetrics != nil {
		p.onMetrics(at)
	}
	return nil
}
