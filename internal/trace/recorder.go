package trace

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

const (
	// budgetRate is how many spans a process records per second over time, and budgetBurst how many at
	// once. That is enough for every match of a busy day, and bounds what a backlog of a hundred
	// thousand events adds to Redis.
	budgetRate  = 20
	budgetBurst = 5000

	warnEvery = time.Minute
)

// A Recorder passes spans to its sinks. Its methods may be called concurrently and never wait for a
// sink. A nil Recorder records nothing.
type Recorder struct {
	instance   string
	log        *slog.Logger
	budget     *rate.Limiter
	overBudget atomic.Int64 // spans dropped since the start
	queues     []*queue     // one for each sink
}

// NewRecorder returns a Recorder that queues spans until Run. instance is the process's name in the
// registry.
func NewRecorder(instance string, log *slog.Logger, sinks ...Sink) *Recorder {
	r := &Recorder{instance: instance, log: log, budget: rate.NewLimiter(budgetRate, budgetBurst)}
	for _, sink := range sinks {
		r.queues = append(r.queues, newQueue(sink))
	}
	return r
}

// Record queues a span for each sink, without waiting. It drops the span if the budget is used up,
// and for each sink whose queue is full.
func (r *Recorder) Record(s Span) {
	if r == nil {
		return
	}
	if !r.budget.Allow() {
		r.overBudget.Add(1)
		return
	}
	if s.Instance == "" {
		s.Instance = r.instance
	}
	for _, q := range r.queues {
		q.add(s)
	}
}

// Run writes the queued spans until ctx ends, then what is left, for at most 5 seconds. Every
// minute it warns if spans were dropped.
func (r *Recorder) Run(ctx context.Context) error {
	var writing sync.WaitGroup
	for _, q := range r.queues {
		writing.Go(func() { q.run(ctx) })
	}
	warn := time.NewTicker(warnEvery)
	defer warn.Stop()
	warned := int64(0)
	for ctx.Err() == nil {
		select {
		case <-warn.C:
			warned = r.warn(warned)
		case <-ctx.Done():
		}
	}
	writing.Wait()
	r.warn(warned)
	return nil
}

// warn logs how many spans were dropped beyond those that an earlier call logged. It returns how
// many were dropped since the start.
func (r *Recorder) warn(logged int64) int64 {
	dropped := r.overBudget.Load()
	var errs []error
	for _, q := range r.queues {
		dropped += q.dropped.Load()
		errs = append(errs, q.takeError())
	}
	if dropped > logged {
		attrs := []any{"steps", dropped - logged, "over_budget", r.overBudget.Load()}
		if err := errors.Join(errs...); err != nil {
			attrs = append(attrs, "error", err)
		}
		r.log.Warn("steps are missing from traces", attrs...)
	}
	return dropped
}

// Collectors returns the metrics of the recorder.
func (r *Recorder) Collectors() []prometheus.Collector {
	counter := func(why string, n *atomic.Int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "matchwire_trace_dropped_total",
			Help:        "Steps that traces lack: over the budget of the process, or not written to redis or otlp.",
			ConstLabels: prometheus.Labels{"why": why},
		}, func() float64 { return float64(n.Load()) })
	}
	all := []prometheus.Collector{counter("budget", &r.overBudget)}
	for _, q := range r.queues {
		all = append(all, counter(q.sink.Name(), &q.dropped))
	}
	return all
}
