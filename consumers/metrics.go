package consumers

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/matchwire/matchwire/broker"
)

// Metrics tell what the consumers of a process do, by consumer. nil counts
// nothing.
type Metrics struct {
	events   *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	underWay *prometheus.GaugeVec
	lag      *prometheus.HistogramVec
}

// NewMetrics makes metrics and registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	consumer := []string{"consumer"}
	m := &Metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "matchwire_consumer_events_total",
			Help: "Events that were handled, by outcome: done, retry (to be tried again), dead (to the dead letters), outage (waits for a server), postponed."}, []string{"consumer", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "matchwire_consumer_seconds", Help: "How long an event was handled.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, consumer),
		underWay: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "matchwire_consumer_under_way", Help: "Events that are being handled."}, consumer),
		lag: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "matchwire_consumer_lag_seconds", Help: "From the reading of a page to the moment its event was done.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800}}, consumer),
	}
	r.MustRegister(m.events, m.seconds, m.underWay, m.lag)
	return m
}

// begin counts an event that begins to be handled; the function that it returns
// is called with what came of it.
func (m *Metrics) begin(consumer string, msg broker.Message) func(error) {
	if m == nil {
		return func(error) {}
	}
	began := time.Now()
	underWay := m.underWay.WithLabelValues(consumer)
	underWay.Inc()
	return func(err error) {
		underWay.Dec()
		m.seconds.WithLabelValues(consumer).Observe(time.Since(began).Seconds())
		m.events.WithLabelValues(consumer, outcome(msg, err)).Inc()
		if err == nil && !msg.Time.IsZero() {
			m.lag.WithLabelValues(consumer).Observe(time.Since(msg.Time).Seconds())
		}
	}
}

// What becomes of an event that was handled.
const (
	isDone      = "done"
	isPostponed = "postponed"
	isDead      = "dead"
	isOutage    = "outage"
	isRetry     = "retry"
)

func outcome(m broker.Message, err error) string {
	switch {
	case err == nil:
		return isDone
	case errors.As(err, new(*broker.PostponedError)):
		return isPostponed
	case errors.Is(err, broker.ErrPermanent):
		return isDead
	case errors.Is(err, broker.ErrUnavailable):
		return isOutage
	case m.Last:
		return isDead
	}
	return isRetry
}
