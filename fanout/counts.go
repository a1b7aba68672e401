package fanout

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// An end is why a connection ended.
type end int

const (
	endLeft     end = iota // the client went
	endBroken              // the connection failed
	endSlow                // it took too little
	endSilent              // nothing was heard of it
	endProtocol            // it broke the protocol
	endToken               // its token's time was over
	endNode                // the node stopped or could not keep up
	endFull                // there was no room for what it asked
	ends
)

var endNames = [ends]string{"left", "broken", "slow", "silent", "protocol", "token", "node", "full"}

// counts are what a node has done so far.
type counts struct {
	frames    atomic.Int64 // times the sockets that wanted each
	bytes     atomic.Int64 // given to the kernel
	conflated atomic.Int64 // snapshots in place of frames that a client was too slow for
	ended     [ends]atomic.Int64
	refused   *prometheus.CounterVec
	lag       prometheus.Histogram
}

func newCounts() counts {
	return counts{
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "matchwire_fanout_refused_total", Help: "Requests that were refused."}, []string{"why"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "matchwire_fanout_lag_seconds", Help: "From the reading of a page to the moment its event was given to all sockets that want it.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}}),
	}
}

// Collectors are the node's metrics.
func (h *Hub) Collectors() []prometheus.Collector {
	counter := func(name, help string, n *atomic.Int64, labels prometheus.Labels) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "matchwire_fanout_" + name, Help: help, ConstLabels: labels}, func() float64 { return float64(n.Load()) })
	}
	all := []prometheus.Collector{
		h.counts.refused, h.counts.lag,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "matchwire_fanout_connections", Help: "Connections now."}, func() float64 { return float64(h.connected()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "matchwire_fanout_lines", Help: "Delays and playbacks that go on now, and the live line."}, func() float64 { return float64(len(h.allLines())) }),
		counter("frames_total", "Events, times the sockets that wanted each.", &h.counts.frames, nil),
		counter("bytes_total", "Bytes written to sockets.", &h.counts.bytes, nil),
		counter("conflated_total", "Snapshots sent in place of events to clients that were too slow for them.", &h.counts.conflated, nil),
	}
	for i := range h.counts.ended {
		all = append(all, counter("ended_total", "Connections that ended, by reason.", &h.counts.ended[i], prometheus.Labels{"why": endNames[i]}))
	}
	return all
}
