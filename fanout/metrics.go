package fanout

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// An endReason is why a connection ended.
type endReason int

const (
	endLeft     endReason = iota // the client closed it
	endBroken                    // it failed
	endSlow                      // the client read too slowly
	endSilent                    // the client sent nothing for too long
	endProtocol                  // the client broke the protocol
	endToken                     // the token expired
	endNode                      // the node stopped, or could not keep up
	endFull                      // too many timelines or playbacks
	endReasons
)

var endNames = [endReasons]string{"left", "broken", "slow", "silent", "protocol", "token", "node", "full"}

// metrics holds the counters of a node.
type metrics struct {
	frames    atomic.Int64 // events, counted once for each client
	bytes     atomic.Int64 // bytes written
	conflated atomic.Int64 // snapshots sent to clients that were too slow
	ended     [endReasons]atomic.Int64
	refused   *prometheus.CounterVec
	lag       prometheus.Histogram
}

func newMetrics() metrics {
	return metrics{
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "matchwire_fanout_refused_total",
			Help: "Refused requests, by reason.",
		}, []string{"why"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "matchwire_fanout_lag_seconds",
			Help:    "Time from reading a page until its event was written to all sockets that want it.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}),
	}
}

// Collectors returns the metrics of the node.
func (h *Hub) Collectors() []prometheus.Collector {
	counter := func(name, help string, n *atomic.Int64, labels prometheus.Labels) prometheus.Collector {
		opts := prometheus.CounterOpts{Name: "matchwire_fanout_" + name, Help: help, ConstLabels: labels}
		return prometheus.NewCounterFunc(opts, func() float64 { return float64(n.Load()) })
	}
	gauge := func(name, help string, value func() int) prometheus.Collector {
		opts := prometheus.GaugeOpts{Name: "matchwire_fanout_" + name, Help: help}
		return prometheus.NewGaugeFunc(opts, func() float64 { return float64(value()) })
	}
	all := []prometheus.Collector{
		h.metrics.refused, h.metrics.lag,
		gauge("connections", "Current connections.", h.connected),
		// Timelines used to be called lines. The name of the metric is public, so it stays.
		gauge("lines", "Current timelines: the live one, delays and playbacks.",
			func() int { return len(h.allTimelines()) }),
		counter("frames_total", "Events sent, counted once for each socket.", &h.metrics.frames, nil),
		counter("bytes_total", "Bytes written to sockets.", &h.metrics.bytes, nil),
		counter("conflated_total", "Snapshots sent instead of events to clients that were too slow.",
			&h.metrics.conflated, nil),
	}
	for i := range h.metrics.ended {
		labels := prometheus.Labels{"why": endNames[i]}
		all = append(all, counter("ended_total", "Connections that ended, by reason.", &h.metrics.ended[i], labels))
	}
	return all
}
