package pipeline

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/trace"
)

// prepareTrace creates the recorder, which writes to Redis and to the collector that the
// environment names.
func (p *Pipeline) prepareTrace(parts *roleParts) error {
	if p.config.Trace.Off {
		return nil
	}
	sinks := []trace.Sink{traceStore(p.config, parts.redis)}
	enabled, err := trace.OTLPEnabled(os.Getenv)
	if err != nil {
		return Misuse(err)
	}
	if enabled {
		otlp, err := trace.NewOTLP(parts.instance, Version())
		if err != nil {
			return Misuse(err)
		}
		sinks = append(sinks, otlp)
	}
	parts.trace = trace.NewRecorder(parts.instance, p.log, sinks...)
	parts.metrics.MustRegister(parts.trace.Collectors()...)
	return nil
}

func traceStore(c Config, r redis.UniversalClient) *trace.Store {
	return trace.NewStore(r, prefix(c.Namespace), cmp.Or(time.Duration(c.Trace.Keep), defaultTraceKeep))
}

// startTrace runs the recorder until stop is called. Call stop after everything that records steps
// has ended.
func (p *Pipeline) startTrace(parts *roleParts) (stop func()) {
	if parts.trace == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = parts.trace.Run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

// Trace returns the recorded trace of a job, see [trace.Store.Tree].
func Trace(
	ctx context.Context, s Servers, namespace, id string, jobs int, log *slog.Logger,
) (*trace.Tree, error) {
	store, stop, err := s.openRedis(log)
	if err != nil {
		return nil, err
	}
	defer stop()
	return traceStore(Config{Namespace: namespace}, store).Tree(ctx, id, jobs)
}
