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
	// budgetRate is the maximum average number of spans that a process records per second. budgetBurst
	// is the maximum number in a burst. These limits are high enough for all matches of a
	// busy day, and for the first read of some lists: 500 matches have about 1,500 events, each with five
	// or six spans. They also limit the number of spans that a backlog of 100,000 events causes.
	budgetRate  = 20
	budgetBurst = 20_000

	warnEvery = time.Minute // interval of the warnings about dropped spans
)

// A Recorder passes spans to its sinks. Its methods may be called concurrently and never wait for a
// sink. A nil Recorder records nothing.
type Recorder struct {
	instance   string
	log        *slog.Logger
	budget     *rate.Limiter
	overBudget atomic.Int64 // number of spans dropped because of the budget since the start
	queues     []*queue     // one for each sink
}

// NewRecorder returns a Recorder. It queues spans until Run writes them. instance is the process's
// name in the registry.
func NewRecorder(instance string, log *slog.Logger, sinks ...Sink) *Recorder {
	r := &Recorder{instance: instance, log: log, budget: rate.NewLimiter(budgetRate, budgetBurst)}
	for _, sink := range sinks {
		r.queues = append(r.queues, newQueue(sink))
	}
	return r
}

// Record queues a span for each sink without blocking. It drops the span if the budget is
// exhausted. If the queue of a sink is full, it drops the span for that sink.
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

// Run writes the queued spans until ctx ends. It then writes the remaining spans, for at most 5
// seconds. Every minute and before it returns, it logs a warning if spans were dropped since the
// previous warning.
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

// warn logs a warning if more spans than logged were dropped since the start. It returns the number
// of spans dropped since the start.
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
	counter := func(reason string, n *atomic.Int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "matchwire_trace_dropped_total",
			Help:        "Steps missing from traces: over the budget of the process, or not written to redis or otlp.",
			ConstLabels: prometheus.Labels{"reason": reason},
		}, func() float64 { return float64(n.Load()) })
	}
	all := []prometheus.Collector{counter("budget", &r.overBudget)}
	for _, q := range r.queues {
		all = append(all, counter(q.sink.Name(), &q.dropped))
	}
	return all
}
