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

	"golang.org/x/sync/errgroup"
)

const (
	shutdownTimeout = 10 * time.Second
	streamsFor      = 3 * time.Second // that calls under way may go on before they are ended
)

// startWeb serves what the roles have to show, all at one address.
func (p *Pipeline) startWeb(ctx context.Context, group *errgroup.Group, parts *roleParts) error {
	if !parts.serves && p.Listen == "" {
		return nil
	}
	encrypted, err := p.config.certificate(p.log)
	if err != nil {
		return err
	}
	at, err := serve(ctx, group, p.address(), encrypted, parts.web)
	if err != nil {
		return fmt.Errorf("serving: %w (another address: --listen HOST:PORT)", err)
	}
	parts.listen = at.String()
	p.log.Info("serving", "address", parts.listen)
	if p.Listening != nil {
		p.Listening(at)
	}
	return nil
}

// address is where the process serves, if it has something to serve.
func (p *Pipeline) address() string { return cmp.Or(p.Listen, p.config.Listen, DefaultListen) }

// serve serves until ctx ends, and returns once it listens.
// encrypted, if not nil, is how.
func serve(ctx context.Context, group *errgroup.Group, address string, encrypted *tls.Config, h http.Handler) (net.Addr, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	if encrypted != nil {
		listener = tls.NewListener(listener, encrypted)
	}
	going, end := context.WithCancel(context.WithoutCancel(ctx)) // of the requests under way
	server := &http.Server{Handler: h, BaseContext: func(net.Listener) context.Context { return going }, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving on %s: %w", address, err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		defer end()
		soon := time.AfterFunc(streamsFor, end) // streams have no end of their own
		defer soon.Stop()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if err := server.Shutdown(bounded); err != nil {
			return server.Close()
		}
		return nil
	})
	return listener.Addr(), nil
}
