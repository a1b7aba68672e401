package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// benchOptions holds the options and the state of the runner.
type benchOptions struct {
	rounds   int      // number of runs per server
	only     []string // names of the measures to run; empty: all
	markdown bool
	sockets  int    // number of sockets; 0: the default of each measure
	seconds  int    // seconds for which events are sent; 0: the default of each measure
	template []byte // encoded event from which a stamper creates the events
	failed   bool   // whether a run failed
}

// A measure measures one property of the servers, such as their CPU time. run returns a table of
// the results, and ratios with their limits.
type measure struct {
	name string
	run  func(*benchOptions) (table, []limit, error)
}

var measures = []measure{
	{"cpu", measureCPU},
	{"burst", measureBurst},
	{"memory", measureMemory},
	{"interest", measureInterest},
	{"latency", measureLatency},
	{"calm", measureCalm},
	{"slow", measureSlow},
}

// bench runs the measures and prints their tables and limits. It returns an error if args are not
// valid, a run failed, or a ratio exceeds its limit or was not measured.
func bench(args []string) error {
	o := &benchOptions{}
	flags := flag.NewFlagSet("fanout", flag.ExitOnError)
	flags.IntVar(&o.rounds, "rounds", 5, "number of runs per server")
	only := flags.String("only", "", "measures to run, separated by commas: "+strings.Join(measureNames(), ", "))
	flags.BoolVar(&o.markdown, "markdown", false, "print the tables as Markdown")
	flags.IntVar(&o.sockets, "sockets", 0, "number of sockets; 0 means the default of each measure")
	flags.IntVar(&o.seconds, "seconds", 0, "seconds for which events are sent; 0 means the default of each measure")
	_ = flags.Parse(args)
	if flags.NArg() > 0 {
		return fmt.Errorf("argument %q: want only flags", flags.Arg(0))
	}
	for name := range strings.SplitSeq(*only, ",") {
		if name != "" && !slices.Contains(measureNames(), name) {
			return fmt.Errorf("measure %q: want one of %s", name, strings.Join(measureNames(), ", "))
		}
		if name != "" {
			o.only = append(o.only, name)
		}
	}
	var err error
	if o.template, err = sample(); err != nil {
		return fmt.Errorf("encoding the event: %w", err)
	}
	var limits []limit
	for _, m := range measures {
		if len(o.only) > 0 && !slices.Contains(o.only, m.name) {
			continue
		}
		t, own, err := m.run(o)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		t.print(os.Stdout, o.markdown)
		limits = append(limits, own...)
	}
	fmt.Println()
	for _, l := range limits {
		fmt.Println(l)
	}
	if o.failed {
		return errors.New("a run failed")
	}
	if slices.ContainsFunc(limits, func(l limit) bool { return !l.ok() }) {
		return errors.New("a ratio exceeds its limit or was not measured")
	}
	return nil
}

func measureNames() []string {
	var names []string
	for _, m := range measures {
		names = append(names, m.name)
	}
	return names
}

// rotate calls run for each name, o.rounds times. Each round begins with the next name, so that no
// name is always first. If a run fails, rotate prints the error and continues.
func (o *benchOptions) rotate(measure string, names []string, run func(name string) error) {
	for round := range o.rounds {
		at := round % len(names)
		for _, name := range append(slices.Clone(names[at:]), names[:at]...) {
			fmt.Fprintf(os.Stderr, "%s: round %d of %d: %s\n", measure, round+1, o.rounds, name)
			if err := run(name); err != nil {
				fmt.Fprintf(os.Stderr, "%s: %s: %v\n", measure, name, err)
				o.failed = true
			}
		}
	}
}

// orDefault returns n if it is positive, otherwise def.
func orDefault(n, def int) int {
	if n > 0 {
		return n
	}
	return def
}
