package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A sample contains the metrics of all processes at one time.
type sample struct {
	at     time.Time
	series map[string]float64 // sums over all processes, by the name and the labels of the series
	cpu    map[string]float64 // CPU time in seconds, by role, and of the Redis servers
	memory map[string]float64 // resident bytes, by role
	// commands is the number of commands that the Redis servers have executed, in scripts too; -1 if it is unknown.
	commands float64
}

// add adds the metrics of a process with the given role, in the text format of Prometheus.
func (s *sample) add(role string, text io.Reader) error {
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		name, value, ok := cutLast(lines.Text(), " ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return fmt.Errorf("metric %s: %w", name, err)
		}
		switch name {
		case "process_cpu_seconds_total":
			s.cpu[role] += n
		case "process_resident_memory_bytes":
			s.memory[role] += n
		}
		s.series[name] += n
	}
	return lines.Err()
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// scrape adds the metrics of the process at an address.
func (s *sample) scrape(ctx context.Context, role, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: HTTP status %s", request.URL, response.Status)
	}
	return s.add(role, response.Body)
}

// sum returns the sum of all series of a metric whose labels contain each of labels, such as outcome="done".
func (s *sample) sum(metric string, labels ...string) float64 {
	total := 0.0
	for series, n := range s.series {
		if matches(series, metric, labels) {
			total += n
		}
	}
	return total
}

func matches(series, metric string, labels []string) bool {
	rest, ok := strings.CutPrefix(series, metric)
	if !ok || rest != "" && rest[0] != '{' {
		return false
	}
	return !slices.ContainsFunc(labels, func(label string) bool { return !strings.Contains(rest, label) })
}

// increase returns how much the sum of a metric has grown from one sample to another.
func increase(from, to *sample, metric string, labels ...string) float64 {
	return to.sum(metric, labels...) - from.sum(metric, labels...)
}

// quantile returns a quantile of the values that a histogram has observed between two samples, as
// histogram_quantile of Prometheus computes it. It returns NaN if there are none.
func quantile(q float64, from, to *sample, histogram string, labels ...string) float64 {
	counts := map[float64]float64{} // by upper bound, each with those of the lower buckets
	for series, n := range to.series {
		if !matches(series, histogram+"_bucket", labels) {
			continue
		}
		_, rest, _ := strings.Cut(series, `le="`)
		text, _, _ := strings.Cut(rest, `"`)
		bound, err := strconv.ParseFloat(text, 64)
		if err != nil {
			continue
		}
		counts[bound] += n - from.series[series]
	}
	total, below, lower := counts[math.Inf(1)], 0.0, 0.0
	if total <= 0 {
		return math.NaN()
	}
	var bounds []float64
	for bound := range counts {
		bounds = append(bounds, bound)
	}
	slices.Sort(bounds)
	for _, bound := range bounds {
		n := counts[bound]
		if n >= q*total {
			if math.IsInf(bound, 1) {
				return lower
			}
			return lower + (bound-lower)*(q*total-below)/(n-below)
		}
		below, lower = n, bound
	}
	return lower
}
