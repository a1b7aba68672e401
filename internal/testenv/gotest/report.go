package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// An event is one line of the output of go test -json. go doc cmd/test2json describes its fields.
type event struct {
	Action, Package, ImportPath, Test, Output string

	Elapsed float64 // seconds, of an event that ends a test
}

// A report converts events to the output of go test without -json, and collects the skipped tests and
// the slow tests.
// It does not print the output of tests that pass or are skipped.
type report struct {
	out      io.Writer
	packages map[string]*packageOutput
	skipped  map[string][]string // names of tests, by reason
	slow     []slowTest
}

// A slowTest is a top-level test that took at least minSlow.
type slowTest struct {
	name    string
	seconds float64
}

const (
	minSlow = 20 // seconds
	maxSlow = 15 // maximum number of slow tests that the summary lists
)

// A packageOutput holds the output of a package until add prints it.
type packageOutput struct {
	tests map[string]*strings.Builder // output of running tests, by name
	own   strings.Builder             // output of the package itself and of its failed tests
}

// read adds the events of a stream until its end. It prints the lines that are not events.
func (r *report) read(from io.Reader) error {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil {
				fmt.Fprint(r.out, line)
			} else {
				r.add(e)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// add adds one event. At the last event of a package it prints the package's output.
func (r *report) add(e event) {
	if e.Action == "build-output" {
		fmt.Fprint(r.out, e.Output)
	}
	if e.Package == "" {
		return
	}
	p := r.packages[e.Package]
	if p == nil {
		p = &packageOutput{tests: map[string]*strings.Builder{}}
		if r.packages == nil {
			r.packages = map[string]*packageOutput{}
		}
		r.packages[e.Package] = p
	}
	switch {
	case e.Test != "":
		r.addTest(p, e)
	case e.Action == "output":
		if e.Output != "PASS\n" {
			p.own.WriteString(e.Output)
		}
	case e.Action == "pass", e.Action == "skip", e.Action == "fail":
		for _, name := range slices.Sorted(maps.Keys(p.tests)) { // tests that did not finish because of a panic
			fmt.Fprint(r.out, p.tests[name])
		}
		fmt.Fprint(r.out, p.own.String())
		delete(r.packages, e.Package)
	}
}

// addTest adds an event of a test to the output of its package. It discards the output of a test that
// passes or is skipped.
func (r *report) addTest(p *packageOutput, e event) {
	output := p.tests[e.Test]
	if e.Elapsed >= minSlow && !strings.Contains(e.Test, "/") {
		r.slow = append(r.slow, slowTest{path.Base(e.Package) + "." + e.Test, e.Elapsed})
	}
	switch e.Action {
	case "output":
		if strings.HasPrefix(e.Output, "=== ") { // RUN, PAUSE, CONT, NAME
			return
		}
		if output == nil {
			output = &strings.Builder{}
			p.tests[e.Test] = output
		}
		output.WriteString(e.Output)
	case "fail":
		if output != nil {
			p.own.WriteString(output.String())
		}
		delete(p.tests, e.Test)
	case "skip":
		if r.skipped == nil {
			r.skipped = map[string][]string{}
		}
		why := reason(output)
		r.skipped[why] = append(r.skipped[why], path.Base(e.Package)+"."+e.Test)
		delete(p.tests, e.Test)
	case "pass":
		delete(p.tests, e.Test)
	}
}

// position matches the file and line that precede the text of t.Log, t.Error or t.Skip.
var position = regexp.MustCompile(`^\s*\w+\.go:\d+: `)

// reason returns the first line of the text that a test passed to t.Skip. output is the output of
// the skipped test. In output, the text of t.Skip follows all other log texts.
func reason(output *strings.Builder) string {
	why := "no reason given"
	if output == nil {
		return why
	}
	for line := range strings.Lines(output.String()) {
		if at := position.FindString(line); at != "" {
			why = strings.TrimSpace(line[len(at):])
		}
	}
	return why
}

// maxNamed is the maximum number of tests listed for one reason. Under -short more than a hundred
// tests are skipped.
const maxNamed = 25

// summary prints the slowest tests, the number of skipped tests, and their names by reason.
func (r *report) summary() {
	slices.SortStableFunc(r.slow, func(a, b slowTest) int { return cmp.Compare(b.seconds, a.seconds) })
	for i, test := range r.slow[:min(len(r.slow), maxSlow)] {
		if i == 0 {
			fmt.Fprintln(r.out, "slowest tests:")
		}
		fmt.Fprintf(r.out, "%6.0f s  %s\n", test.seconds, test.name)
	}
	n := 0
	for _, tests := range r.skipped {
		n += len(tests)
	}
	if n == 0 {
		fmt.Fprintln(r.out, "no test was skipped")
		return
	}
	fmt.Fprintf(r.out, "skipped tests: %d\n", n)
	for _, why := range slices.Sorted(maps.Keys(r.skipped)) {
		tests := r.skipped[why]
		slices.Sort(tests)
		if len(tests) > maxNamed {
			tests = append(tests[:maxNamed:maxNamed], fmt.Sprintf("and %d more", len(tests)-maxNamed))
		}
		fmt.Fprintf(r.out, "  %s: %s\n", why, strings.Join(tests, ", "))
	}
}
