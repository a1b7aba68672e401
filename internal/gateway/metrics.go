package gateway

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// An endReason is the reason why a tunnel ended.
type endReason int

const (
	endLeft       endReason = iota + 1 // the client closed the connection, or the connection failed
	endInstance                        // the instance closed the connection, or the connection failed
	endSlow                            // the client accepted bytes too slowly
	endIdle                            // no bytes arrived for too long
	endStopped                         // the gateway stopped
	numEndReasons                      // number of reasons, plus 1
)

// endNames holds the value of the label reason for each endReason.
var endNames = [numEndReasons]string{"", "left", "instance", "slow", "idle", "stopped"}

// metrics holds the metrics of a gateway.
type metrics struct {
	requests     *prometheus.CounterVec   // by role and class of the status
	firstByte    *prometheus.HistogramVec // seconds, by role
	dialFailures prometheus.Counter
	ended        *prometheus.CounterVec // by kind and reason
	gauges       []prometheus.Collector
}

func newMetrics(g *Gateway) metrics {
	m := metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "matchwire_gateway_requests_total",
			Help: "Requests, by role and class of the status. A request whose client left early has the class canceled.",
		}, []string{"role", "class"}),
		firstByte: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "matchwire_gateway_first_byte_seconds",
			Help:    "Time from receiving a request until an instance responded, by role.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15},
		}, []string{"role"}),
		dialFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "matchwire_gateway_dial_failures_total",
			Help: "Failed attempts to connect to an instance.",
		}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "matchwire_gateway_ended_total",
			Help: "Connections that ended, by kind and reason.",
		}, []string{"kind", "reason"}),
	}
	gauge := func(name, help string, labels prometheus.Labels, value func() int) {
		opts := prometheus.GaugeOpts{Name: "matchwire_gateway_" + name, Help: help, ConstLabels: labels}
		m.gauges = append(m.gauges, prometheus.NewGaugeFunc(opts, func() float64 { return float64(value()) }))
	}
	for _, kind := range kinds {
		gauge(
			"connections",
			"Open WebSockets, event streams and other upgraded connections.",
			prometheus.Labels{"kind": kind},
			func() int { return g.streams.count(kind) },
		)
	}
	for _, role := range []string{"api", "fanout"} {
		for _, healthy := range []bool{true, false} {
			gauge("instances", "Known instances, by role and health.",
				prometheus.Labels{"role": role, "healthy": strconv.FormatBool(healthy)},
				func() int { return g.countInstances(role, healthy) })
		}
	}
	return m
}

// Collectors returns the metrics of the gateway.
func (g *Gateway) Collectors() []prometheus.Collector {
	m := &g.metrics
	return append([]prometheus.Collector{m.requests, m.firstByte, m.dialFailures, m.ended}, m.gauges...)
}

// responded counts the response of an instance to a request, and records the time since began, when the
// request was received.
func (m *metrics) responded(role string, status int, began time.Time) {
	m.requests.WithLabelValues(role, classOf(status)).Inc()
	m.firstByte.WithLabelValues(role).Observe(time.Since(began).Seconds())
}

// classOf returns the class of a status, such as 2xx.
func classOf(status int) string { return strconv.Itoa(status/100) + "xx" }

// countInstances returns the number of instances that run a role and have the given health.
func (g *Gateway) countInstances(role string, healthy bool) (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, b := range g.backends {
		if runs, ok := b.serves(role); runs && ok == healthy {
			n++
		}
	}
	return n
}
