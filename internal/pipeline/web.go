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
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/internal/guard"
	"github.com/matchwire/matchwire/internal/httpserver"
	"github.com/matchwire/matchwire/internal/monitor"
	"github.com/matchwire/matchwire/internal/reload"
	"github.com/matchwire/matchwire/internal/strictyaml"
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
	parts.web.set(p.handler(parts, parts.current.Load()))
	at, err := serve(ctx, group, p.address(), encrypted, &parts.web, p.log)
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

// A swap is a handler that can be replaced while it serves.
type swap struct{ current atomic.Pointer[http.Handler] }

func (s *swap) set(h http.Handler) { s.current.Store(&h) }

// ServeHTTP implements [http.Handler]. Call set before.
func (s *swap) ServeHTTP(w http.ResponseWriter, r *http.Request) { (*s.current.Load()).ServeHTTP(w, r) }

// handler returns a handler for everything that the process serves with a config.
func (p *Pipeline) handler(parts *roleParts, g *generation) http.Handler {
	mux := http.NewServeMux()
	parts.handleMetrics(mux, g.guard)
	if parts.hub != nil {
		mux.Handle("/", parts.hub.Handler())
		for pattern, h := range p.Handlers {
			mux.Handle(pattern, h)
		}
	}
	if parts.api {
		p.handleAPI(mux, parts, g)
	}
	return g.guard.CheckHost(mux)
}

// newGuard returns the guard for a listener. The guard accepts apiToken, the tokens in the file that
// api_tokens names in the config and, for scoreboards, stream tokens.
func (p *Pipeline) newGuard(c Config, apiToken string) (*guard.Guard, error) {
	keys, err := c.streamKeys()
	if err != nil {
		return nil, err
	}
	tokens, err := c.tokens(apiToken)
	return &guard.Guard{
		Local: loopback(p.address()), Hosts: c.Hosts, Streams: keys, Tokens: tokens, Sessions: p.sessions,
	}, err
}

// tokens returns apiToken and the tokens in the file that api_tokens names in the config.
func (c Config) tokens(apiToken string) (*guard.Tokens, error) {
	file := c.APITokens
	if file != "" {
		file = c.input(file)
	}
	tokens, err := guard.LoadTokens(file, apiToken)
	if err != nil {
		return nil, UsageError(fmt.Errorf("config %s: api_tokens: %w", c.file, err))
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

// metricsHandler returns the handler of the listener for metrics and health checks.
func (parts *roleParts) metricsHandler(c Config) http.Handler {
	g := &guard.Guard{Local: loopback(c.Metrics.Listen), Hosts: c.Hosts, Open: true}
	mux := http.NewServeMux()
	parts.handleMetrics(mux, g)
	return g.CheckHost(mux)
}

// startMetrics starts the listener for metrics and health checks, if the config has one.
func (p *Pipeline) startMetrics(ctx context.Context, group *errgroup.Group, parts *roleParts) error {
	address := p.config.Metrics.Listen
	if address == "" {
		return nil
	}
	parts.metricsWeb.set(parts.metricsHandler(p.config))
	at, err := serve(ctx, group, address, nil, &parts.metricsWeb, p.log)
	if err != nil {
		return fmt.Errorf("metrics.listen: %w", err)
	}
	p.log.Info("serving metrics", "address", at.String())
	if p.onMetrics != nil {
		p.onMetrics(at)
	}
	return nil
}

// TLSConfig holds the PEM files for serving over TLS. The process reads both files again
// when the certificate file changes.
type TLSConfig struct {
	Certificate string `yaml:"certificate"` // with its chain
	Key         string `yaml:"key"`
}

func (t TLSConfig) check(data []byte) error {
	if (t.Certificate == "") != (t.Key == "") {
		return strictyaml.PosAt(data, "tls").Missingf("want both certificate and key")
	}
	return nil
}

const certificateInterval = time.Minute // time between two checks of the certificate file

// tlsConfig returns the TLS settings of the HTTP server, or nil for plain HTTP. The server offers
// only HTTP/1.1, because a WebSocket needs its own connection.
func (c Config) tlsConfig(log *slog.Logger) (*tls.Config, error) {
	if c.TLS.Certificate == "" {
		return nil, nil
	}
	file, key := c.resolve(c.TLS.Certificate), c.resolve(c.TLS.Key)
	load := func() (tls.Certificate, error) { return tls.LoadX509KeyPair(file, key) }
	pair, err := reload.Open(file, certificateInterval, log, load)
	if err != nil {
		return nil, UsageError(fmt.Errorf("config %s: tls: %w", c.file, err))
	}
	get := func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		current := pair.Value()
		return &current, nil
	}
	return &tls.Config{GetCertificate: get, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}, nil
}
