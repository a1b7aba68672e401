package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// benchOptions are the runner's.
type benchOptions struct {
	rounds   int
	only     []string
	markdown bool
	sockets  int // instead of each measure's own number; 0: that
	seconds  int // likewise
	template []byte
	failed   bool // a run came to nothing
}

// A measure is one question, its table and its bars.
type measure struct {
	name string
	run  func(*benchOptions) (table, []bar, error)
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

// errSkipped says that a measure was not made, and why.
var errSkipped = errors.New("skipped")

// bench runs the measures and prints their tables, and which bars were met.
// A bar that does not hold, or was not measured, is an error.
func bench(args []string) error {
	o := &benchOptions{}
	flags := flag.NewFlagSet("fanout", flag.ExitOnError)
	flags.IntVar(&o.rounds, "rounds", 5, "how often each server is measured")
	only := flags.String("only", "", "the measures to make, separated by commas: "+strings.Join(measureNames(), ", "))
	flags.BoolVar(&o.markdown, "markdown", false, "print the tables as Markdown")
	flags.IntVar(&o.sockets, "sockets", 0, "how many sockets, instead of each measure's own number")
	flags.IntVar(&o.seconds, "seconds", 0, "for how many seconds events are sent, instead of each measure's own number")
	_ = flags.Parse(args)
	if flags.NArg() > 0 {
		return fmt.Errorf("argument %q: there are only flags", flags.Arg(0))
	}
	for name := range strings.SplitSeq(*only, ",") {
		if name != "" && !slices.Contains(measureNames(), name) {
			return fmt.Errorf("measure %q: there are %s", name, strings.Join(measureNames(), ", "))
		}
		if name != "" {
			o.only = append(o.only, name)
		}
	}
	var err error
	if o.template, err = sample(); err != nil {
		return fmt.Errorf("making an event: %w", err)
	}
	var bars []bar
	for _, m := range measures {
		if len(o.only) > 0 && !slices.Contains(o.only, m.name) {
			continue
		}
		t, own, err := m.run(o)
		if errors.Is(err, errSkipped) {
			fmt.Printf("\n%s: %v\n", m.name, err)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		t.print(os.Stdout, o.markdown)
		bars = append(bars, own...)
	}
	fmt.Println()
	for _, b := range bars {
		fmt.Println(b)
	}
	if o.failed {
		return errors.New("not every run came to an end")
	}
	if i := slices.IndexFunc(bars, func(b bar) bool { return !b.holds() }); i >= 0 {
		return errors.New("not every bar holds")
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

// rotate runs each of names once in every round, each round beginning with
// another. What fails is reported at once and has no figure.
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

// or is the runner's own number, or else the measure's.
func or(own, usual int) int {
	if own > 0 {
		return own
	}
	return usual
}
