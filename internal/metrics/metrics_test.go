package metrics

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/poll"
)

// Each poll is counted by its outcome, with its lateness, its bytes and its events.
func TestPolls(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	var reported []string
	report := NewPolls(r).Report(func(_ context.Context, source string, _ poll.Result) error {
		reported = append(reported, source)
		return errors.New("from the schedule")
	})
	due := time.Now()
	late := poll.Measured{Began: due.Add(7 * time.Second)}
	goal := event.Event{Data: event.Data{Sport: "soccer", Kind: event.Goal}}
	taken := event.Event{Data: event.Data{Sport: "soccer", Kind: event.Goal, Action: event.Retracted}}
	changed := poll.Measured{Began: due, Bytes: 1000, Parse: time.Millisecond, Reconcile: time.Millisecond,
		Events: []event.Event{goal, taken}}
	for _, result := range []poll.Result{
		{Due: due, Measured: late}, {Due: due, Measured: changed, Took: time.Second},
		{Due: due, Busy: true, Problem: "busy"}, {Due: due, Problem: "404"}, {Due: due, Stop: "403", Problem: "403"},
	} {
		if err := report(t.Context(), "s", result); err == nil {
			t.Error("the report drops the error of the schedule")
		}
	}
	if len(reported) != 5 {
		t.Errorf("the schedule received %d results, want 5", len(reported))
	}
	const want = `
# HELP matchwire_events_total Events of pages, by sport, kind and action: new, corrected, retracted.
# TYPE matchwire_events_total counter
matchwire_events_total{action="new",kind="goal",sport="soccer"} 1
matchwire_events_total{action="retracted",kind="goal",sport="soccer"} 1
# HELP matchwire_page_bytes_total Bytes of the pages that sites have sent.
# TYPE matchwire_page_bytes_total counter
matchwire_page_bytes_total 1000
# HELP matchwire_polls_total Polls by outcome: changed, unchanged, busy, failed or stopped.
# TYPE matchwire_polls_total counter
matchwire_polls_total{outcome="busy"} 1
matchwire_polls_total{outcome="changed"} 1
matchwire_polls_total{outcome="failed"} 1
matchwire_polls_total{outcome="stopped"} 1
matchwire_polls_total{outcome="unchanged"} 1
`
	err := testutil.GatherAndCompare(r, strings.NewReader(want),
		"matchwire_events_total", "matchwire_page_bytes_total", "matchwire_polls_total")
	if err != nil {
		t.Error(err)
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "matchwire_poll_late_seconds" {
			if sum := f.GetMetric()[0].GetHistogram().GetSampleSum(); sum != 7 {
				t.Errorf("the polls were %v s late together, want 7", sum)
			}
		}
	}
}

// The status of each check and the age of the oldest failure are numbers.
func TestHealthAndOutbox(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	RegisterHealth(r, func() map[string]string {
		return map[string]string{"broker": "pass", "queues": "warn", "redis": "fail"}
	})
	RegisterOutbox(r, func() time.Duration { return 90 * time.Second })
	const want = `
# HELP matchwire_health_status Status of each health check: 0 if it passes, 1 if it warns, 2 if it fails.
# TYPE matchwire_health_status gauge
matchwire_health_status{check="broker"} 0
matchwire_health_status{check="queues"} 1
matchwire_health_status{check="redis"} 2
# HELP matchwire_outbox_failing_seconds Time since an outbox could not be published. 0 if all outboxes can be published.
# TYPE matchwire_outbox_failing_seconds gauge
matchwire_outbox_failing_seconds 90
`
	if err := testutil.GatherAndCompare(r, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

// Prometheus accepts the alerts, and each alert fires for its cause and not without it.
func TestAlerts(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("promtool"); err != nil {
		testenv.Missing(t, "promtool is not installed")
	}
	for _, args := range [][]string{{"check", "rules", "alerts.yaml"}, {"test", "rules", "alerts_test.yaml"}} {
		cmd := exec.CommandContext(t.Context(), "promtool", args...)
		cmd.Dir = "../../deploy/prometheus"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
