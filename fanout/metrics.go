package fanout

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// An endReason is the reason why a connection ended.
type endReason int

const (
	endLeft       endReason = iota // the client closed the connection
	endBroken                      // the connection failed
	endSlow                        // the client read too slowly
	endSilent                      // the client sent nothing for too long
	endProtocol                    // the client violated the protocol
	endToken                       // the token expired
	endNode                        // the node stopped or fell behind, or the log was unreadable or created again
	endFull                        // the client could not be admitted; see Hub.admit
	numEndReasons                  // number of reasons
)

// endNames holds the value of the label reason for each endReason.
var endNames = [numEndReasons]string{"left", "broken", "slow", "silent", "protocol", "token", "node", "full"}

// metrics holds the counters and the histogram of a node.
type metrics struct {
	frames    atomic.Int64                // events sent, counted once for each client
	bytes     atomic.Int64                // bytes written to clients
	conflated atomic.Int64                // snapshots sent to clients that were too slow
	ended     [numEndReasons]atomic.Int64 // connections that ended, by reason
	refused   *prometheus.CounterVec      // refused requests, by HTTP status text
	lag       prometheus.Histogram        // time from the read of a page to the end of the round, in seconds
}

func newMetrics() metrics {
	return metrics{
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "matchwire_fanout_refused_total",
			Help: "Refused requests, by reason.",
		}, []string{"reason"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "matchwire_fanout_lag_seconds",
			Help:    "Time from reading a page until its event was written to all clients that receive the event.",
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
		gauge("timelines", "Current timelines: the live one, delays and playbacks.",
			func() int { return len(h.allTimelines()) }),
		counter("frames_total", "Events sent, counted once for each client.", &h.metrics.frames, nil),
		counter("bytes_total", "Bytes written to clients.", &h.metrics.bytes, nil),
		counter("conflated_total", "Snapshots sent instead of events to clients that were too slow.",
			&h.metrics.conflated, nil),
	}
	for i := range h.metrics.ended {
		labels := prometheus.Labels{"reason": endNames[i]}
		all = append(all, counter("ended_total", "Connections that ended, by reason.", &h.metrics.ended[i], labels))
	}
	return all
}
