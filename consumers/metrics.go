package consumers

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/matchwire/matchwire/broker"
)

// Metrics holds the metrics of the consumers in a process. Each metric has the label consumer. A nil
// *Metrics records nothing.
type Metrics struct {
	events   *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	underWay *prometheus.GaugeVec
	lag      *prometheus.HistogramVec
}

// NewMetrics returns Metrics that are registered with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	consumer := []string{"consumer"}
	m := &Metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "matchwire_consumer_events_total",
			Help: "Attempts to handle an event, by outcome: done, retry (will be retried), dead (dead-lettered), " +
				"outage (waiting for a server), postponed.",
		}, []string{"consumer", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "matchwire_consumer_seconds",
			Help:    "Duration of an attempt to handle an event.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, consumer),
		underWay: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "matchwire_consumer_under_way",
			Help: "Events that are being handled.",
		}, consumer),
		lag: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "matchwire_consumer_lag_seconds",
			Help:    "Time from reading a page until an event from it was handled.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800},
		}, consumer),
	}
	r.MustRegister(m.events, m.seconds, m.underWay, m.lag)
	return m
}

// Forget removes the metrics of a consumer that has stopped.
func (m *Metrics) Forget(consumer string) {
	if m == nil {
		return
	}
	labels := prometheus.Labels{"consumer": consumer}
	m.events.DeletePartialMatch(labels)
	m.seconds.Delete(labels)
	m.underWay.Delete(labels)
	m.lag.Delete(labels)
}

// begin counts an event as being handled. Call the returned function with the handler's error. It
// records the outcome and the duration, and the lag if the error is nil.
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

// outcomes maps a disposition to a value of the label outcome.
var outcomes = map[broker.Disposition]string{
	broker.Ack:       "done",
	broker.Retry:     "retry",
	broker.Postponed: "postponed",
	broker.Outage:    "outage",
	broker.Dead:      "dead",
}
