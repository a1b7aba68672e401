package main

import (
	"bufio"
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

// An event is a line of go test -json, see go doc cmd/test2json.
type event struct {
	Action, Package, ImportPath, Test, Output string
}

// A report turns events back into the output of a plain go test, and collects
// the tests that were skipped.
type report struct {
	out      io.Writer
	packages map[string]*packageOutput
	skipped  map[string][]string // the tests, by reason
}

// A packageOutput is what a package and its tests have printed so far.
type packageOutput struct {
	tests map[string]*strings.Builder // of those that run
	own   strings.Builder             // of the package and of failed tests
}

// read reads events until the end of the stream.
func (r *report) read(from io.Reader) error {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil {
				fmt.Fprint(r.out, line) // not from a test
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
		for _, name := range slices.Sorted(maps.Keys(p.tests)) { // they did not come to an end
			fmt.Fprint(r.out, p.tests[name])
		}
		fmt.Fprint(r.out, p.own.String())
		delete(r.packages, e.Package)
	}
}

func (r *report) addTest(p *packageOutput, e event) {
	said := p.tests[e.Test]
	switch e.Action {
	case "output":
		if strings.HasPrefix(e.Output, "=== ") { // RUN, PAUSE, CONT, NAME
			return
		}
		if said == nil {
			said = &strings.Builder{}
			p.tests[e.Test] = said
		}
		said.WriteString(e.Output)
	case "fail":
		if said != nil {
			p.own.WriteString(said.String())
		}
		delete(p.tests, e.Test)
	case "skip":
		if r.skipped == nil {
			r.skipped = map[string][]string{}
		}
		why := reason(said)
		r.skipped[why] = append(r.skipped[why], path.Base(e.Package)+"."+e.Test)
		delete(p.tests, e.Test)
	case "pass":
		delete(p.tests, e.Test)
	}
}

// place is where a test logged something.
var place = regexp.MustCompile(`^\s*\w+\.go:\d+: `)

// reason is the first line of t.Skip's text: the last thing that a test logged.
func reason(said *strings.Builder) string {
	why := "no reason given"
	if said == nil {
		return why
	}
	for line := range strings.Lines(said.String()) {
		if at := place.FindString(line); at != "" {
			why = strings.TrimSpace(line[len(at):])
		}
	}
	return why
}

// nameMost is how many tests are named for one reason. Under -short there are over a hundred.
const nameMost = 25

// summary prints which tests were skipped.
func (r *report) summary() {
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
		if len(tests) > nameMost {
			tests = append(tests[:nameMost:nameMost], fmt.Sprintf("and %d more", len(tests)-nameMost))
		}
		fmt.Fprintf(r.out, "  %s: %s\n", why, strings.Join(tests, ", "))
	}
}
