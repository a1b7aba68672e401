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

// prepareTrace makes what records the steps of jobs: in Redis, and at the
// collector that the environment names.
func (p *Pipeline) prepareTrace(parts *roleParts) error {
	if p.config.Trace.Off {
		return nil
	}
	sinks := []trace.Sink{traceStore(p.config, parts.redis)}
	wanted, err := trace.OTLPEnabled(os.Getenv)
	if err != nil {
		return Misuse(err)
	}
	if wanted {
		if parts.otlp, err = trace.NewOTLP(context.Background(), parts.instance, Version(), p.log); err != nil {
			return Misuse(err)
		}
		sinks = append(sinks, parts.otlp)
	}
	parts.trace = trace.NewRecorder(parts.instance, p.log, sinks...)
	return nil
}

func traceStore(c Config, r redis.UniversalClient) *trace.Store {
	return trace.NewStore(r, prefix(c.Namespace), cmp.Or(time.Duration(c.Trace.Keep), defaultTraceKeep))
}

const lastSpans = 5 * time.Second // to send them in

// startTrace records until the returned function is called: after all else has
// ended.
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
		if parts.otlp == nil {
			return
		}
		bounded, cancel := context.WithTimeout(context.Background(), lastSpans)
		defer cancel()
		if err := parts.otlp.Close(bounded); err != nil {
			p.log.Warn("the last traces were not sent to the collector", "error", err)
		}
	}
}

// Trace reads what is recorded of a job, see [trace.Store.Tree].
func Trace(ctx context.Context, s Servers, namespace, id string, jobs int, log *slog.Logger) (*trace.Tree, error) {
	store, stop, err := s.openRedis(log)
	if err != nil {
		return nil, err
	}
	defer stop()
	return traceStore(Config{Namespace: namespace}, store).Tree(ctx, id, jobs)
}
