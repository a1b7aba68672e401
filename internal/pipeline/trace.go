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

// prepareTrace creates the recorder for the steps of jobs, unless tracing is off. The
// recorder writes to Redis, and to an OpenTelemetry collector if the environment names one.
func (p *Pipeline) prepareTrace(parts *roleParts) error {
	if p.config.Trace.Off {
		return nil
	}
	sinks := []trace.Sink{traceStore(p.config, parts.redis)}
	hasCollector, err := trace.OTLPEnabled(os.Getenv)
	if err != nil {
		return UsageError(err)
	}
	if hasCollector {
		otlp, err := trace.NewOTLP(parts.instance, Version())
		if err != nil {
			return UsageError(err)
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

// startTrace starts the recorder. stop writes the last steps and stops the recorder. Call
// stop after everything that records steps has ended.
func (p *Pipeline) startTrace(ctx context.Context, parts *roleParts) (stop func()) {
	if parts.trace == nil {
		return func() {}
	}
	recording, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { _ = parts.trace.Run(recording) })
	return func() {
		cancel()
		running.Wait()
	}
}

// LoadTrace returns the recorded steps of a job; see [trace.Store.Tree]. It fails if Redis does not respond within 3
// seconds.
func LoadTrace(
	ctx context.Context, s Servers, namespace, id string, jobs int, log *slog.Logger,
) (*trace.Tree, error) {
	store, stop, err := s.redisClient(log)
	if err != nil {
		return nil, err
	}
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	tree, err := traceStore(Config{Namespace: namespace}, store).Tree(ctx, id, jobs)
	return tree, cmp.Or(withAdvice(err), err)
}
