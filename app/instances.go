package app

import (
	"context"
	"log/slog"

	"github.com/matchwire/matchwire/instances"
)

// Instances lists the processes of an installation that run, or lately did.
func Instances(ctx context.Context, s Servers, namespace string, log *slog.Logger) ([]instances.Instance, error) {
	store, stop, err := s.Store(log)
	if err != nil {
		return nil, err
	}
	defer stop()
	return instances.New(store, prefix(namespace)).List(ctx)
}
