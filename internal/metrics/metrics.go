// Package metrics defines the metrics of the parser, the outboxes and the health checks. Other packages
// define their own metrics.
package metrics

import (
	"context"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/poll"
)

// seconds are the buckets of durations, in seconds.
var seconds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// lateness are the buckets of the lateness of polls, in seconds. They are narrow enough for a quantile that is compared
// with a tenth of a usual interval.
var lateness = []float64{
	.005, .01, .02, .03, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 30, 60,
}

// RegisterBuild registers the metric that has the version of the program as a label.
func RegisterBuild(r prometheus.Registerer, version string) {
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "matchwire_build_info", Help: "1, with the version of matchwire and of Go.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()},
	}, func() float64 { return 1 }))
}

// RegisterOutbox registers the metric of the outboxes. failing returns how long an outbox has been failing.
func RegisterOutbox(r prometheus.Registerer, failing func() time.Duration) {
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "matchwire_outbox_failing_seconds",
		Help: "Time since an outbox could not be published. 0 if all outboxes can be published.",
	}, func() float64 { return failing().Seconds() }))
}

// RegisterHealth registers the metric of the health checks. statuses returns the status of each check:
// "pass", "warn" or "fail".
func RegisterHealth(r prometheus.Registerer, statuses func() map[string]string) {
	r.MustRegister(&checks{statuses, prometheus.NewDesc("matchwire_health_status",
		"Status of each health check: 0 if it passes, 1 if it warns, 2 if it fails.", []string{"check"}, nil)})
}

// checks collects the statuses of the health checks.
type checks struct {
	statuses func() map[string]string
	desc     *prometheus.Desc
}

func (c *checks) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

func (c *checks) Collect(ch chan<- prometheus.Metric) {
	values := map[string]float64{"pass": 0, "warn": 1, "fail": 2}
	for name, status := range c.statuses() {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, values[status], name)
	}
}

// Polls holds the metrics of polls.
type Polls struct {
	polls                           *prometheus.CounterVec
	late, fetch, parsing, reconcile prometheus.Histogram
	bytes                           prometheus.Counter
	events                          *prometheus.CounterVec
}

// NewPolls returns Polls that are registered with r.
func NewPolls(r prometheus.Registerer) *Polls {
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	}
	p := &Polls{
		polls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "matchwire_polls_total",
			Help: "Polls by outcome: changed, unchanged, busy, failed or stopped.",
		}, []string{"outcome"}),
		late: histogram("matchwire_poll_late_seconds", "Time from when a poll was due until it began.", lateness),
		fetch: histogram("matchwire_page_fetch_seconds",
			"Time from a request until the first byte of the response.", seconds),
		parsing: histogram("matchwire_page_parse_seconds", "Time to parse the pages of a poll.", seconds),
		reconcile: histogram("matchwire_page_reconcile_seconds",
			"Time to reconcile the matches of a poll and to save them.", seconds),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "matchwire_page_bytes_total", Help: "Bytes of the pages that sites have sent.",
		}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "matchwire_events_total", Help: "Events of pages, by sport, kind and action: new, corrected, retracted.",
		}, []string{"sport", "kind", "action"}),
	}
	r.MustRegister(p.polls, p.late, p.fetch, p.parsing, p.reconcile, p.bytes, p.events)
	for _, outcome := range []string{"changed", "unchanged", "busy", "failed", "stopped"} {
		p.polls.WithLabelValues(outcome) // so that the rate of each outcome is known from the start
	}
	return p
}

// Report returns a report that records each poll and calls next.
func (p *Polls) Report(next poll.Report) poll.Report {
	return func(ctx context.Context, source string, r poll.Result) error {
		p.record(r)
		return next(ctx, source, r)
	}
}

func (p *Polls) record(r poll.Result) {
	m := r.Measured
	outcome := "unchanged"
	switch {
	case r.Stop != "":
		outcome = "stopped"
	case r.Busy:
		outcome = "busy"
	case r.Problem != "":
		outcome = "failed"
	case len(m.Events) > 0:
		outcome = "changed"
	}
	p.polls.WithLabelValues(outcome).Inc()
	p.late.Observe(max(0, m.Began.Sub(r.Due).Seconds()))
	if r.Took > 0 {
		p.fetch.Observe(r.Took.Seconds())
	}
	if m.Bytes > 0 {
		p.bytes.Add(float64(m.Bytes))
		p.parsing.Observe(m.Parse.Seconds())
	}
	if m.Reconcile > 0 {
		p.reconcile.Observe(m.Reconcile.Seconds())
	}
	for i := range m.Events {
		d := &m.Events[i].Data
		action := d.Action
		if action == "" {
			action = event.New
		}
		p.events.WithLabelValues(string(d.Sport), string(d.Kind), string(action)).Inc()
	}
}
