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
	endSilent                    // the client sent nothing
	endProtocol                  // the client broke the protocol
	endToken                     // the token expired
	endNode                      // the node stopped or could not keep up
	endFull                      // no room for what the client asked
	endReasons
)

var endNames = [endReasons]string{"left", "broken", "slow", "silent", "protocol", "token", "node", "full"}

// metrics count what a node has done since its start.
type metrics struct {
	frames    atomic.Int64 // times the clients that wanted each
	bytes     atomic.Int64 // written
	conflated atomic.Int64 // snapshots in place of frames, for clients that were too slow
	ended     [endReasons]atomic.Int64
	refused   *prometheus.CounterVec
	lag       prometheus.Histogram
}

func newMetrics() metrics {
	return metrics{
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "matchwire_fanout_refused_total", Help: "Requests that were refused."}, []string{"why"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "matchwire_fanout_lag_seconds", Help: "From reading a page until its event was written to all sockets that want it.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}}),
	}
}

// Collectors returns the metrics of the node.
func (h *Hub) Collectors() []prometheus.Collector {
	counter := func(name, help string, n *atomic.Int64, labels prometheus.Labels) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "matchwire_fanout_" + name, Help: help, ConstLabels: labels}, func() float64 { return float64(n.Load()) })
	}
	all := []prometheus.Collector{
		h.metrics.refused, h.metrics.lag,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "matchwire_fanout_connections", Help: "Connections now."}, func() float64 { return float64(h.connected()) }),
		// Timelines were called lines once. The name of the metric is public, so it stays.
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "matchwire_fanout_lines", Help: "Timelines now: the live one, delays and playbacks."}, func() float64 { return float64(len(h.allTimelines())) }),
		counter("frames_total", "Events, times the sockets that wanted each.", &h.metrics.frames, nil),
		counter("bytes_total", "Bytes written to sockets.", &h.metrics.bytes, nil),
		counter("conflated_total", "Snapshots sent in place of events to clients that were too slow.", &h.metrics.conflated, nil),
	}
	for i := range h.metrics.ended {
		all = append(all, counter("ended_total", "Connections that ended, by reason.", &h.metrics.ended[i], prometheus.Labels{"why": endNames[i]}))
	}
	return all
}
