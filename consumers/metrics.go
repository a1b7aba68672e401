package consumers

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/matchwire/matchwire/broker"
)

// Metrics are the metrics of a process's consumers, by consumer. A nil Metrics counts nothing.
type Metrics struct {
	events   *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	underWay *prometheus.GaugeVec
	lag      *prometheus.HistogramVec
}

// NewMetrics returns metrics that are registered with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	consumer := []string{"consumer"}
	m := &Metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "matchwire_consumer_events_total",
			Help: "Events that were handled, by outcome: done, retry (to be tried again), dead (to the dead letters), " +
				"outage (waits for a server), postponed.",
		}, []string{"consumer", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "matchwire_consumer_seconds",
			Help:    "How long the handler took for an event.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, consumer),
		underWay: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "matchwire_consumer_under_way",
			Help: "Events that are being handled.",
		}, consumer),
		lag: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "matchwire_consumer_lag_seconds",
			Help:    "From the time that a page was read until its event was handled.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800},
		}, consumer),
	}
	r.MustRegister(m.events, m.seconds, m.underWay, m.lag)
	return m
}

// begin counts an event as being handled. The function that it returns counts the handler's error.
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
		m.events.WithLabelValues(consumer, outcomes[broker.Classify(err, msg.Last)]).Inc()
		if err == nil && !msg.Time.IsZero() {
			m.lag.WithLabelValues(consumer).Observe(time.Since(msg.Time).Seconds())
		}
	}
}

// outcomes are the values of the label outcome.
var outcomes = map[broker.Disposition]string{
	broker.Ack:       "done",
	broker.Retry:     "retry",
	broker.Postponed: "postponed",
	broker.Outage:    "outage",
	broker.Dead:      "dead",
}
