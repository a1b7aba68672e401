package redisclient

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// Measure registers a metric of the calls of a client: how many there were, and how long they took.
func Measure(c redis.UniversalClient, r prometheus.Registerer) error {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "matchwire_redis_seconds",
		Help:    "Duration of a call to Redis, which is a command, a script or a pipeline, with all its attempts.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	})
	if err := r.Register(h); err != nil {
		return err
	}
	c.AddHook(measureHook{h})
	return nil
}

type measureHook struct{ seconds prometheus.Histogram }

func (h measureHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h measureHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		began := time.Now()
		defer func() { h.seconds.Observe(time.Since(began).Seconds()) }()
		return next(ctx, cmd)
	}
}

func (h measureHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		began := time.Now()
		defer func() { h.seconds.Observe(time.Since(began).Seconds()) }()
		return next(ctx, cmds)
	}
}
