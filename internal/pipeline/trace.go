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

// prepareTrace makes the recorder for the steps of jobs. It writes to Redis, and to the
// OpenTelemetry collector that the environment names.
func (p *Pipeline) prepareTrace(ctx context.Context, parts *roleParts) error {
	if p.config.Trace.Off {
		return nil
	}
	sinks := []trace.Sink{traceStore(p.config, parts.redis)}
	hasCollector, err := trace.OTLPWanted(os.Getenv)
	if err != nil {
		return UsageError(err)
	}
	if hasCollector {
		if parts.otlp, err = trace.NewOTLP(context.WithoutCancel(ctx), parts.instance, Version(), p.log); err != nil {
			return UsageError(err)
		}
		sinks = append(sinks, parts.otlp)
	}
	parts.trace = trace.NewRecorder(parts.instance, p.log, sinks...)
	return nil
}

func traceStore(c Config, r redis.UniversalClient) *trace.Store {
	return trace.NewStore(r, prefix(c.Namespace), cmp.Or(time.Duration(c.Trace.Keep), defaultTraceKeep))
}

const flushTimeout = 5 * time.Second // for sending the last spans to the collector

// startTrace starts the recorder. Call stop after everything else has ended; it saves
// and sends the last steps.
func (p *Pipeline) startTrace(ctx context.Context, parts *roleParts) (stop func()) {
	if parts.trace == nil {
		return func() {}
	}
	ctx = context.WithoutCancel(ctx)
	recording, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { _ = parts.trace.Run(recording) })
	return func() {
		cancel()
		running.Wait()
		if parts.otlp == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		if err := parts.otlp.Close(ctx); err != nil {
			p.log.Warn("cannot send the last spans to the collector", "error", err)
		}
	}
}

// LoadTrace returns the recorded steps of a job; see [trace.Store.Tree].
func LoadTrace(
	ctx context.Context, s Servers, namespace, id string, jobs int, log *slog.Logger,
) (*trace.Tree, error) {
	store, stop, err := s.redisClient(log)
	if err != nil {
		return nil, err
	}
	defer stop()
	return traceStore(Config{Namespace: namespace}, store).Tree(ctx, id, jobs)
}
