package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

const shutdownTimeout = 10 * time.Second

// startWeb serves what the roles have to show, all at one address.
func (a *App) startWeb(ctx context.Context, group *errgroup.Group, p *parts) error {
	address := cmp.Or(a.Listen, a.config.Listen, DefaultListen)
	if !p.serves && a.Listen == "" {
		return nil
	}
	at, err := serve(ctx, group, address, p.web)
	if err != nil {
		return fmt.Errorf("serving: %w (another address: --listen HOST:PORT)", err)
	}
	p.listen = at.String()
	a.log.Info("serving", "address", p.listen)
	if a.Listening != nil {
		a.Listening(at)
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
