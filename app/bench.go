package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/internal/bench"
	"github.com/matchwire/matchwire/internal/pipeline"
)

func benchCommand(c *console) *cobra.Command {
	b := &bench.Bench{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bench [LOAD…]",
		Short: "Measure how many sources, events and sockets this installation can serve.",
		Long: `Arguments:
  LOAD…  Loads to measure (default: all)

Starts the roles as processes on this machine, and measures them under each load, one after the other:

  schedule  sources at an interval whose matches do not change: how late are their polls?
  polls     as many such polls as possible
  events    as many changes of scores as possible, until a consumer has handled their events
  sockets   20 events per second that are sent to many WebSockets

bench polls a site of its own on this machine, and no other site. It uses the servers of AMQP_URL and REDIS_URL, or
embedded servers in one process. On the servers, it uses a namespace of its own, which it removes at the end. The user
of these servers must be allowed to create and delete everything in the namespace.

The load slows down other processes on this machine and on the servers. The site and the clients run on this machine
too, and share its processors with the roles.

The delay is the time from when a poll is due until it begins. For events and sockets, it is the time from reading a
page until the event was handled or written to all sockets. The CPU time and the calls to Redis are those for one poll,
event or frame. A call is a command, a script or a pipeline. Redis executes several commands for most calls.`,
		ValidArgs: bench.Loads(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if b.Loads = args; len(args) == 0 {
				b.Loads = bench.Loads()
			}
			return runBench(cmd.Context(), c, b, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&b.Sources, "sources", 200, "`NUMBER` of sources of the load schedule.")
	flags.DurationVar(&b.Every, "every", 15*time.Second, "`INTERVAL` of these sources.")
	flags.IntVar(&b.Demand, "demand", 0, "`NUMBER` of polls per second of the load polls (default: 1000 for each core).")
	flags.IntVar(&b.Sockets, "sockets", 500, "`NUMBER` of WebSockets of the load sockets.")
	flags.IntVar(&b.Processes, "processes", 1, "`NUMBER` of processes of each role.")
	flags.DurationVar(&b.For, "for", 20*time.Second, "`TIME` to measure each load after its start.")
	flags.BoolVar(&asJSON, "json", false, "Print JSON.")
	return cmd
}

// Limits of the flags of bench. They keep a mistyped number from filling the servers.
const (
	maxBenchSources   = 100_000
	maxBenchSockets   = 100_000
	maxBenchProcesses = 16
	maxBenchTime      = time.Hour
)

func runBench(ctx context.Context, c *console, b *bench.Bench, asJSON bool) error {
	b.Demand = cmp.Or(b.Demand, bench.Demand())
	if err := checkBench(c, b); err != nil {
		return err
	}
	var err error
	if b.Servers, err = c.servers(); err != nil {
		return err
	}
	if b.Servers.Embedded() && b.Processes > 1 {
		return pipeline.UsageError(errors.New("--processes: without servers, there is only one process: " +
			"set AMQP_URL and REDIS_URL"))
	}
	if b.Program, err = os.Executable(); err != nil {
		return err
	}
	b.Namespace = "bench-" + uuid.NewString()[:8]
	b.Plugins, b.Log = c.plugins, c.log
	b.Progress = func(string) {}
	if c.status != nil {
		b.Progress = c.status.Set
	}
	report, err := b.Run(ctx)
	b.Progress("")
	if err != nil {
		return interrupted(ctx, err)
	}
	if asJSON {
		return json.NewEncoder(c.out).Encode(report)
	}
	return report.Print(c.text())
}

// checkBench checks the arguments and flags of bench.
func checkBench(c *console, b *bench.Bench) error {
	if c.namespaceFlag != "" {
		return pipeline.UsageError(errors.New("--namespace: bench has a namespace of its own"))
	}
	for _, name := range b.Loads {
		if !slices.Contains(bench.Loads(), name) {
			return pipeline.UsageError(fmt.Errorf("load %q: want one of %s", name, strings.Join(bench.Loads(), ", ")))
		}
	}
	for _, f := range []struct {
		name        string
		value, most int
	}{
		{"sources", b.Sources, maxBenchSources}, {"demand", b.Demand, maxBenchSources},
		{"sockets", b.Sockets, maxBenchSockets}, {"processes", b.Processes, maxBenchProcesses},
	} {
		if f.value < 1 || f.value > f.most {
			return pipeline.UsageError(fmt.Errorf("--%s %d: want a number from 1 to %d", f.name, f.value, f.most))
		}
	}
	for _, f := range []struct {
		name  string
		value time.Duration
	}{{"every", b.Every}, {"for", b.For}} {
		if f.value < time.Second || f.value > maxBenchTime {
			return pipeline.UsageError(fmt.Errorf("--%s %v: want a time from 1s to %v", f.name, f.value, maxBenchTime))
		}
	}
	return nil
}
