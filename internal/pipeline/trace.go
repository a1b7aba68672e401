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
func (l *Pipeline) prepareTrace(p *parts) error {
	if l.config.Trace.Off {
		return nil
	}
	sinks := []trace.Sink{traceStore(l.config, p.redis)}
	wanted, err := trace.OTLPWanted(os.Getenv)
	if err != nil {
		return Misuse(err)
	}
	if wanted {
		if p.otlp, err = trace.NewOTLP(context.Background(), p.instance, Version(), l.log); err != nil {
			return Misuse(err)
		}
		sinks = append(sinks, p.otlp)
	}
	p.trace = trace.NewRecorder(p.instance, l.log, sinks...)
	return nil
}

func traceStore(c Config, r redis.UniversalClient) *trace.Store {
	return trace.NewStore(r, prefix(c.Namespace), cmp.Or(time.Duration(c.Trace.Keep), defaultTraceKeep))
}

const lastSpans = 5 * time.Second // to send them in

// startTrace records until the returned function is called: after all else has
// ended.
func (l *Pipeline) startTrace(p *parts) (stop func()) {
	if p.trace == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = p.trace.Run(ctx) })
	return func() {
		cancel()
		running.Wait()
		if p.otlp == nil {
			return
		}
		bounded, cancel := context.WithTimeout(context.Background(), lastSpans)
		defer cancel()
		if err := p.otlp.Close(bounded); err != nil {
			l.log.Warn("the last traces were not sent to the collector", "error", err)
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
