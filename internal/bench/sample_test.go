package bench

import (
	"math"
	"strings"
	"testing"
)

// newSample returns a sample with the metrics of one process.
func newSample(t *testing.T, role, text string) *sample {
	t.Helper()
	s := &sample{series: map[string]float64{}, cpu: map[string]float64{}, memory: map[string]float64{}}
	if err := s.add(role, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return s
}

// A sample adds the metrics of several processes, and selects series by their labels.
func TestSample(t *testing.T) {
	s := newSample(t, "parser", "# HELP polls Polls.\npolls{outcome=\"done\"} 3\npolls{outcome=\"failed\"} 1\n"+
		"polls_late 9\nprocess_cpu_seconds_total 1.5\n")
	other := "polls{outcome=\"done\"} 2\nprocess_cpu_seconds_total 0.5\n"
	if err := s.add("parser", strings.NewReader(other)); err != nil {
		t.Fatal(err)
	}
	if all, done := s.sum("polls"), s.sum("polls", `outcome="done"`); all != 6 || done != 5 || s.cpu["parser"] != 2 {
		t.Errorf("polls %v, done %v, CPU time %v; want 6, 5 and 2", all, done, s.cpu["parser"])
	}
}

// quantile returns the values of histogram_quantile for the observations between two samples.
func TestQuantile(t *testing.T) {
	from := newSample(t, "parser", "late_bucket{le=\"1\"} 5\nlate_bucket{le=\"2\"} 5\nlate_bucket{le=\"+Inf\"} 5\n")
	to := newSample(t, "parser", "late_bucket{le=\"1\"} 55\nlate_bucket{le=\"2\"} 95\nlate_bucket{le=\"+Inf\"} 105\n")
	for q, want := range map[float64]float64{0.25: 0.5, 0.5: 1, 0.7: 1.5, 0.9: 2, 0.99: 2} {
		if got := quantile(q, from, to, "late"); math.Abs(got-want) > 1e-9 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if got := quantile(0.5, to, to, "late"); !math.IsNaN(got) {
		t.Errorf("without observations, the quantile is %v, want NaN", got)
	}
}
