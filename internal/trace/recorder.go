package trace

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	queueSpans   = 4096
	batchSpans   = 500
	flushEvery   = 100 * time.Millisecond
	writeTimeout = 5 * time.Second
	tellEvery    = time.Minute

	// A process records so many steps a second on the whole, and so many at once:
	// enough for every match of a big day, and next to nothing beside a backlog of
	// a hundred thousand events. It bounds what two days of traces take in Redis.
	budgetRate  = 20
	budgetBurst = 5000
)

// A Recorder takes spans from the work and writes them in the background. A nil
// one does nothing.
type Recorder struct {
	instance string
	sinks    []Sink
	log      *slog.Logger
	budget   *rate.Limiter
	queue    chan Span
	dropped  atomic.Int64
}

// A Sink is where spans go. Write gives up when ctx ends; what it could not
// write is lost.
type Sink interface {
	Write(ctx context.Context, spans []Span) error
}

// NewRecorder returns a recorder that holds its spans until Run. instance is
// the process's name in the registry.
func NewRecorder(instance string, log *slog.Logger, sinks ...Sink) *Recorder {
	return &Recorder{instance: instance, sinks: sinks, log: log, budget: rate.NewLimiter(budgetRate, budgetBurst), queue: make(chan Span, queueSpans)}
}

// Record takes a span. It never waits: what is beyond the budget, or finds the
// queue full, is dropped.
func (r *Recorder) Record(s Span) {
	if r == nil {
		return
	}
	if !r.budget.Allow() {
		r.dropped.Add(1)
		return
	}
	if s.Instance == "" {
		s.Instance = r.instance
	}
	select {
	case r.queue <- s:
	default:
		r.dropped.Add(1)
	}
}

// Run writes until ctx ends, and then what is left.
func (r *Recorder) Run(ctx context.Context) error {
	flush, tell := time.NewTicker(flushEvery), time.NewTicker(tellEvery)
	defer flush.Stop()
	defer tell.Stop()
	var batch []Span
	for {
		select {
		case s := <-r.queue:
			if batch = append(batch, s); len(batch) < batchSpans {
				continue
			}
		case <-flush.C:
		case <-tell.C:
			if n := r.dropped.Swap(0); n > 0 {
				r.log.Warn("traces lack steps: there were more than are recorded", "steps", n, "rate", budgetRate)
			}
			continue
		case <-ctx.Done():
			r.write(ctx, r.rest(batch))
			return nil
		}
		r.write(ctx, batch)
		batch = batch[:0]
	}
}

// rest is a batch and all that is queued.
func (r *Recorder) rest(batch []Span) []Span {
	for {
		select {
		case s := <-r.queue:
			batch = append(batch, s)
		default:
			return batch
		}
	}
}

func (r *Recorder) write(ctx context.Context, batch []Span) {
	if len(batch) == 0 {
		return
	}
	for _, sink := range r.sinks {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
		if err := sink.Write(bounded, batch); err != nil {
			r.dropped.Add(int64(len(batch)))
			r.log.Debug("steps not recorded", "steps", len(batch), "error", err)
		}
		cancel()
	}
}
