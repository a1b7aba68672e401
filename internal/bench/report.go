package bench

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/matchwire/matchwire/internal/terminal"
)

// A Report contains the results of a bench.
type Report struct {
	Version string        `json:"version"`
	Servers bool          `json:"servers"` // false if the servers are embedded in the process
	Every   time.Duration `json:"-"`       // interval of the load schedule
	Results []Result      `json:"results"`
}

// A Result is what the processes did under one load. Times are in milliseconds. A number is null if it is unknown.
type Result struct {
	Load      string  `json:"load"`
	Processes int     `json:"processes"` // of each role
	Sources   int     `json:"sources"`
	Every     float64 `json:"every"` // interval of the sources
	Sockets   int     `json:"sockets"`
	Seconds   float64 `json:"seconds"` // duration of the measurement
	Unit      string  `json:"unit"`    // what PerSecond counts: poll, event or frame
	PerSecond float64 `json:"per_second"`
	// P50 and P99 are quantiles of a delay. For the unit poll, it is the time from when a poll is due until it begins.
	// For the other units, it is the time from reading a page until the consumer has handled its event, or until the
	// event was written to all sockets.
	P50 number `json:"p50"`
	P99 number `json:"p99"`
	// CPU is the CPU time for one unit, by role, and of Redis.
	CPU map[string]float64 `json:"cpu"`
	// RoundTrips and Commands are the number of calls to Redis for one unit, and the number of commands that Redis
	// executes for one unit, in scripts too.
	RoundTrips number `json:"round_trips"`
	Commands   number `json:"commands"`
	// Failed is the number of polls that failed or found no free slot at the host.
	Failed float64 `json:"failed"`
	// Memory is the number of resident bytes of all processes of a role.
	Memory map[string]float64 `json:"memory"`
}

// A number is a float64 that can be unknown.
type number float64

// unknown is a number that is not known.
var unknown = number(math.NaN())

// MarshalJSON implements [json.Marshaler].
func (n number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (n *number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = unknown
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// handledConsumer selects the consumer that the processes run.
const handledConsumer = `consumer="scoreboard"`

// result returns what happened between two samples.
func (b *Bench) result(l load, before, after *sample) Result {
	r := Result{
		Load: l.name, Processes: b.Processes, Sources: l.sources, Every: float64(l.every.Milliseconds()), Sockets: l.sockets,
		Seconds: after.at.Sub(before.at).Seconds(), Unit: l.unit, CPU: map[string]float64{}, Memory: after.memory,
		RoundTrips: unknown, Commands: unknown,
	}
	if b.Servers.Embedded() {
		r.Processes = 1
	}
	grown := func(metric string, labels ...string) float64 { return increase(before, after, metric, labels...) }
	r.Failed = grown("matchwire_polls_total", `outcome="failed"`) + grown("matchwire_polls_total", `outcome="busy"`)
	var units float64
	histogram, labels := "matchwire_poll_late_seconds", []string(nil)
	switch l.name {
	case Events:
		units = grown("matchwire_consumer_events_total", handledConsumer, `outcome="done"`)
		histogram, labels = "matchwire_consumer_lag_seconds", []string{handledConsumer}
	case Sockets:
		units = grown("matchwire_fanout_frames_total")
		histogram = "matchwire_fanout_lag_seconds"
	default:
		units = grown("matchwire_polls_total", `outcome="unchanged"`) + grown("matchwire_polls_total", `outcome="changed"`)
	}
	r.PerSecond = units / r.Seconds
	r.P50 = number(1000 * quantile(0.5, before, after, histogram, labels...))
	r.P99 = number(1000 * quantile(0.99, before, after, histogram, labels...))
	if units == 0 {
		return r
	}
	for role, seconds := range after.cpu {
		r.CPU[role] = 1000 * (seconds - before.cpu[role]) / units
	}
	r.RoundTrips = number(grown("matchwire_redis_seconds_count") / units)
	if after.commands >= 0 {
		r.Commands = number((after.commands - before.commands) / units)
	}
	return r
}

// columns returns the columns of a table of results.
func columns(servers bool) []column {
	cpu := func(name string) func(Result) string {
		return func(r Result) string {
			if ms, ok := r.CPU[name]; ok {
				return digits(number(ms))
			}
			return "–"
		}
	}
	all := []column{
		{"load", func(r Result) string { return r.Load }},
		{"processes", func(r Result) string { return strconv.Itoa(r.Processes) }},
		{"sources", func(r Result) string { return strconv.Itoa(r.Sources) }},
		{"sockets", func(r Result) string { return strconv.Itoa(r.Sockets) }},
		{"per second", func(r Result) string { return digits(number(r.PerSecond)) + " " + r.Unit + "s" }},
		{"delay p50, ms", func(r Result) string { return digits(r.P50) }},
		{"delay p99, ms", func(r Result) string { return digits(r.P99) }},
	}
	if !servers {
		return append(all, column{"CPU, ms", cpu(allRoles)}, column{"calls to Redis", func(r Result) string {
			return digits(r.RoundTrips)
		}})
	}
	for _, role := range measuredRoles {
		all = append(all, column{"CPU " + string(role) + ", ms", cpu(string(role))})
	}
	return append(all,
		column{"CPU Redis, ms", cpu(redisCPU)},
		column{"calls to Redis", func(r Result) string { return digits(r.RoundTrips) }},
		column{"commands in Redis", func(r Result) string { return digits(r.Commands) }})
}

// A column is a column of a table of results.
type column struct {
	heading string
	value   func(Result) string
}

// digits returns n with three digits.
func digits(n number) string {
	switch f := float64(n); {
	case math.IsNaN(f):
		return "–"
	case f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	case f >= 0.1 || f == 0:
		return fmt.Sprintf("%.2f", f)
	default:
		return fmt.Sprintf("%.4f", f)
	}
}

// Print writes the results as a table for people, with a column for each load.
func (r *Report) Print(w terminal.Writer) error {
	t := terminal.NewTable(w)
	for _, c := range columns(r.Servers) {
		cells := []string{c.heading}
		for _, result := range r.Results {
			cells = append(cells, c.value(result))
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, line := range r.conclusions() {
		fmt.Fprintln(w, line)
	}
	return nil
}

// conclusions returns what the results say about the installation, one sentence each.
func (r *Report) conclusions() (lines []string) {
	for _, result := range r.Results {
		if result.Load == Polls {
			lines = append(lines, fmt.Sprintf("%.0f polls per second are enough for %.0f sources with an interval of %v.",
				result.PerSecond, result.PerSecond*r.Every.Seconds(), r.Every))
		}
		if result.Failed > 0 {
			lines = append(lines, fmt.Sprintf("%s: %.0f polls failed.", result.Load, result.Failed))
		}
	}
	return lines
}

// Header returns the first two lines of the table that [Markdown] writes.
func Header(servers bool) string {
	headings, line := "|", "|"
	for i, c := range columns(servers) {
		headings += " " + c.heading + " |"
		if line += "---"; i > 0 {
			line += ":"
		}
		line += "|"
	}
	return headings + "\n" + line + "\n"
}

// Markdown returns the results as a table in Markdown, with a row for each result.
func (r *Report) Markdown() string {
	text := Header(r.Servers)
	for _, result := range r.Results {
		for _, c := range columns(r.Servers) {
			text += "| " + c.value(result) + " "
		}
		text += "|\n"
	}
	return text
}
