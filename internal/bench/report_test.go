package bench

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/internal/terminal"
)

// example returns a report with a result for each load.
func example() *Report {
	r := &Report{Servers: true, Every: 15e9}
	for _, name := range Loads() {
		l, _ := (&Bench{Processes: 2, Sources: 10, Demand: 30, Sockets: 20, Every: 15e9}).load(name)
		r.Results = append(r.Results, Result{
			Load: l.name, Processes: 2, Unit: l.unit, PerSecond: 123.4, P50: 5, P99: unknown,
			CPU: map[string]float64{"scheduler": 0.01234, redisCPU: 1}, RoundTrips: 6.5, Commands: 40,
		})
	}
	return r
}

// Each table of results in docs/scaling.md has the columns that make scale prints, and there is a table for each load.
func TestDocumentedTables(t *testing.T) {
	page, err := os.ReadFile("../../docs/scaling.md")
	if err != nil {
		t.Fatal(err)
	}
	_, results, _ := strings.Cut(string(page), "\n## Results\n")
	results, _, _ = strings.Cut(results, "\n## ")
	tables := regexp.MustCompile(`(?m)^\|.*\n\|[-:|]+\n`).FindAllString(results, -1)
	for _, header := range tables {
		if header != Header(true) {
			t.Errorf("docs/scaling.md has a table with the columns\n%swant\n%s", header, Header(true))
		}
	}
	for _, load := range Loads() {
		row := regexp.MustCompile(`(?m)^\| ` + load + ` \|`)
		if got, want := len(row.FindAllString(results, -1)), 1; got < want {
			t.Errorf("docs/scaling.md has no row for the load %s", load)
		}
		_, what, _ := strings.Cut(string(page), "\n| `"+load+"` | ")
		if what == "" {
			t.Errorf("docs/scaling.md does not describe the load %s", load)
		}
	}
	if len(tables) != len(Loads()) {
		t.Errorf("docs/scaling.md has %d tables of results, want one for each of the loads %q", len(tables), Loads())
	}
}

// A report survives the way through JSON. An unknown number is null.
func TestReportJSON(t *testing.T) {
	text, err := json.Marshal(example())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(`"p99":null`)) {
		t.Errorf("the report is %s, want an unknown p99 as null", text)
	}
	var back Report
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(float64(back.Results[0].P99)) || back.Markdown() != example().Markdown() {
		t.Errorf("the table is\n%s, want\n%s", back.Markdown(), example().Markdown())
	}
}

// Print writes a line for each quantity, and what the load polls means for the interval of the load schedule.
func TestPrint(t *testing.T) {
	var out strings.Builder
	if err := example().Print(terminal.NewWriter(&out)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"load               schedule   polls      events      sockets\n",
		"per second         123 polls  123 polls  123 events  123 frames\n",
		"delay p99, ms      –          –          –           –\n",
		"CPU scheduler, ms  0.0123     0.0123     0.0123      0.0123\n",
		"123 polls per second are enough for 1851 sources with an interval of 15s.\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not contain %q:\n%s", want, out.String())
		}
	}
}
