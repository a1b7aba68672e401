package app

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Each metric that the alerts and the dashboard use exists in a running process, and so does each label
// that they compare.
func TestMetricsOfAlertsAndDashboard(t *testing.T) {
	t.Parallel()
	w := newEveningWorld(t, 2)
	w.start()
	w.site.score(3)
	w.check(0)
	address := "http://" + w.process.address()
	get := func(path string) string {
		resp, err := http.Get(address + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	get("/ws?unknown=1") // a refused client
	follow(t, w.process.address())
	var metrics string
	w.process.eventually("the metrics of the stream", func() bool {
		metrics = get("/metrics")
		return strings.Contains(metrics, "matchwire_fanout_refused_total{") &&
			strings.Contains(metrics, "matchwire_fanout_connections 1")
	})
	name := regexp.MustCompile(`\b(matchwire|process)_[a-z_]+`)
	label := regexp.MustCompile(`(matchwire_[a-z_]+)\{([a-z]+)!?=~?\\?"`)
	for _, file := range []string{"../deploy/prometheus/alerts.yaml", "../deploy/grafana/matchwire.json"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		names := slices.Compact(slices.Sorted(slices.Values(name.FindAllString(string(text), -1))))
		if len(names) < 7 {
			t.Errorf("%s names the metrics %q, want at least 7", file, names)
		}
		for _, n := range names {
			if !strings.Contains(metrics, "\n"+n+"{") && !strings.Contains(metrics, "\n"+n+" ") {
				t.Errorf("%s uses the metric %s, which the process does not have", file, n)
			}
		}
		for _, m := range label.FindAllStringSubmatch(string(text), -1) {
			if !regexp.MustCompile(m[1] + `\{[^}]*\b` + m[2] + `="`).MatchString(metrics) {
				t.Errorf("%s compares the label %s of %s, which the metric does not have", file, m[2], m[1])
			}
		}
	}
}
