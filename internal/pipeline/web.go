package pipeline

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/internal/guard"
	"github.com/matchwire/matchwire/internal/httpserver"
	"github.com/matchwire/matchwire/internal/monitor"
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
	at, err := serve(ctx, group, p.address(), encrypted, parts.guard.CheckHost(parts.web), p.log)
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

// serve serves h on address, over TLS if encrypted is not nil. It returns the address of the listener
// without waiting for requests. The server runs in group until ctx ends.
func serve(
	ctx context.Context, group *errgroup.Group, address string, encrypted *tls.Config, h http.Handler, log *slog.Logger,
) (net.Addr, error) {
	s := &httpserver.Server{Address: address, TLS: encrypted, Handler: h, Exempt: isHealthCheck, Log: log}
	return s.Listen(ctx, group)
}

// isHealthCheck reports whether a request is for a health endpoint.
func isHealthCheck(r *http.Request) bool {
	return slices.Contains([]string{"/livez", "/readyz", "/healthz"}, r.URL.Path)
}

// newGuard returns the guard for a listener. The guard accepts p.APIToken, the tokens in the file that
// api_tokens names in the config and, for scoreboards, stream tokens.
func (p *Pipeline) newGuard(listen string) (*guard.Guard, error) {
	keys, err := p.streamKeys()
	if err != nil {
		return nil, err
	}
	tokens, err := p.tokens()
	return &guard.Guard{
		Local: loopback(listen), Hosts: p.config.Hosts, Streams: keys, Tokens: tokens,
		Sessions: guard.NewSessions(p.InstanceKey, p.config.Namespace),
	}, err
}

// tokens returns p.APIToken and the tokens in the file that api_tokens names in the config.
func (p *Pipeline) tokens() (*guard.Tokens, error) {
	file := p.config.APITokens
	if file != "" {
		file = p.config.resolve(file)
	}
	tokens, err := guard.LoadTokens(file, p.APIToken, p.log)
	if err != nil {
		return nil, UsageError(fmt.Errorf("config %s: api_tokens: %w", p.config.file, err))
	}
	return tokens, nil
}

// handleMetrics adds the handlers of the metrics and the health checks to mux.
func (parts *roleParts) handleMetrics(mux *http.ServeMux, g *guard.Guard) {
	handleHealth(parts.health, mux, g)
	metrics := promhttp.HandlerFor(parts.metrics, promhttp.HandlerOpts{})
	mux.Handle("GET /metrics", g.Require(guard.Metrics, metrics))
}

// handleHealth adds the handlers of the health endpoints to mux. Only clients that may use the scope
// [guard.Metrics] see the issues, which can name servers and sources.
func handleHealth(m *monitor.Monitor, mux *http.ServeMux, g *guard.Guard) {
	m.Handle(mux, func(r *http.Request) bool { return g.Allow(r, guard.Metrics) == nil })
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
	at, err := serve(ctx, group, address, nil, g.CheckHost(mux), p.log)
	if err != nil {
		return fmt.Errorf("metrics.listen: %w", err)
	}
	p.log.Info("serving metrics", "address", at.String())
	if p.onMetrics != nil {
		p.onMetrics(at)
	}
	return nil
}
