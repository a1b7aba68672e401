// Package bench measures how much an installation can do, for the command bench. It runs the roles of matchwire as
// processes, on the servers of the installation or without servers. It polls a site on the loopback interface, and
// opens WebSockets. It reads the results from the metrics of the processes.
package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/internal/pipeline"
)

// A Bench holds the settings of the measurements.
type Bench struct {
	Program   string // path of matchwire
	Servers   pipeline.Servers
	Plugins   []consumers.Plugin
	Namespace string   // for the data on the servers; nothing else may use it
	Loads     []string // names of the loads to measure

	Processes int           // number of processes of each role; without servers, there is one process
	Demand    int           // polls per second of the load polls, more than the installation can do
	Sources   int           // of the load schedule
	Every     time.Duration // interval of these sources
	Sockets   int           // of the load sockets
	For       time.Duration // duration of each measurement, without the start of the processes

	Log      *slog.Logger
	Progress func(note string) // called every second with what is being done
}

// A load is what the processes do during a measurement.
type load struct {
	name     string
	unit     string // what its rate counts
	sources  int
	matches  int // on each page
	every    time.Duration
	changing bool // the score of each match changes at each poll
	sockets  int
}

// Names of the loads.
const (
	Schedule = "schedule" // sources at an interval, whose matches do not change
	Polls    = "polls"    // as many such polls as possible
	Events   = "events"   // as many changed matches as possible
	Sockets  = "sockets"  // few changed matches, sent to many WebSockets
)

// Loads returns the names of all loads.
func Loads() []string { return []string{Schedule, Polls, Events, Sockets} }

// Demand returns the demand that is more than this machine can do.
func Demand() int { return 1000 * runtime.NumCPU() }

// load returns a load by its name. A poll of the load events needs as much time as 13 of the load polls.
func (b *Bench) load(name string) (load, error) {
	switch name {
	case Schedule:
		return load{name: name, unit: "poll", sources: b.Sources, matches: 1, every: b.Every}, nil
	case Polls:
		return load{name: name, unit: "poll", sources: b.Demand, matches: 1, every: time.Second}, nil
	case Events:
		return load{name: name, unit: "event", sources: max(1, b.Demand/13), matches: 20, every: time.Second,
			changing: true}, nil
	case Sockets:
		return load{name: name, unit: "frame", sources: 1, matches: 20, every: time.Second, changing: true,
			sockets: b.Sockets}, nil
	}
	return load{}, fmt.Errorf("load %q: want one of %s", name, strings.Join(Loads(), ", "))
}

// Run measures the loads one after the other. Before it returns, it removes all data from the servers.
func (b *Bench) Run(ctx context.Context) (*Report, error) {
	report := &Report{Version: pipeline.Version(), Servers: !b.Servers.Embedded(), Every: b.Every}
	for _, name := range b.Loads {
		l, err := b.load(name)
		if err != nil {
			return nil, err
		}
		result, err := b.measure(ctx, l)
		if err != nil {
			return nil, fmt.Errorf("load %s: %w", l.name, err)
		}
		report.Results = append(report.Results, result)
	}
	return report, nil
}

// measure starts a site and the processes, waits until they have polled each page, and measures for b.For.
func (b *Bench) measure(ctx context.Context, l load) (result Result, err error) {
	dir, err := os.MkdirTemp("", "matchwire-bench-")
	if err != nil {
		return result, err
	}
	defer os.RemoveAll(dir)
	pages, err := newSite(ctx, l)
	if err != nil {
		return result, err
	}
	defer pages.close()
	file, config, err := b.writeConfig(dir, l, pages)
	if err != nil {
		return result, err
	}
	w := &world{load: l, site: pages}
	if !b.Servers.Embedded() {
		var stop func()
		if w.redis, stop, err = b.Servers.ConnectRedis(ctx, b.Log); err != nil {
			return result, err
		}
		defer stop()
		defer func() { err = errors.Join(err, b.clean(ctx, config)) }()
	}
	running, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		for _, p := range w.processes {
			p.wait()
		}
	}()
	b.Progress(l.name + ": starting the processes")
	if err := b.startProcesses(running, w, file); err != nil {
		return result, err
	}
	return b.watch(ctx, w)
}

// cleanTimeout is the time limit for removing the data from the servers.
const cleanTimeout = time.Minute

// clean removes the data of a measurement from the servers, even if ctx has ended.
func (b *Bench) clean(ctx context.Context, config pipeline.Config) error {
	b.Progress("removing the data from the servers")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTimeout)
	defer cancel()
	if err := pipeline.New(config, b.Servers, b.Log, b.Plugins).Remove(ctx); err != nil {
		return fmt.Errorf("removing the data of the namespace %s from the servers: %w", config.Namespace, err)
	}
	return nil
}

// writeConfig writes the config of the processes and the profile of the site.
func (b *Bench) writeConfig(dir string, l load, pages *site) (file string, c pipeline.Config, err error) {
	var text strings.Builder
	fmt.Fprintf(&text, "namespace: %s\nstop_delay: 1s\nconsumers: {scoreboard: {}}\n", b.Namespace)
	fmt.Fprintf(&text, "fanout: {anybody: true, connections: %d, connections_per_address: %[1]d}\n", l.sockets+100)
	text.WriteString("fetch: {ignore_robots: true, private_addresses: [127.0.0.1]}\nsources:\n")
	for i := range l.sources {
		fmt.Fprintf(&text, "  - {url: '%s', profile: bench.yaml, every: %s}\n", pages.url(i), l.every)
	}
	file = filepath.Join(dir, "matchwire.yaml")
	err = errors.Join(os.WriteFile(filepath.Join(dir, "bench.yaml"), []byte(siteProfile), 0o600),
		os.WriteFile(file, []byte(text.String()), 0o600))
	if err == nil {
		c, err = pipeline.LoadConfig(file, false)
	}
	return file, c, err
}

// A world is what one measurement runs.
type world struct {
	load      load
	site      *site
	redis     redis.UniversalClient // nil without servers
	processes []*process
	sockets   *crowd // may be nil
}

// measuredRoles are the roles that have their own processes.
var measuredRoles = []pipeline.Role{
	pipeline.RoleScheduler, pipeline.RoleParser, pipeline.RoleConsumers, pipeline.RoleFanout,
}

// startProcesses starts the processes.
func (b *Bench) startProcesses(ctx context.Context, w *world, file string) error {
	env := []string{"AMQP_URL=" + b.Servers.AMQP, "REDIS_URL=" + b.Servers.Redis, "AMQP_URL_FILE=", "REDIS_URL_FILE="}
	run := func(role string, n int) error {
		args := []string{"run", "--config", file, "--namespace", b.Namespace, "--listen", "127.0.0.1:0", "--data", "none",
			"--name", fmt.Sprintf("bench-%s-%d", role, n), "--log-json", "--log-level", "info"}
		if role != allRoles {
			args = append(args, role)
		}
		p, err := start(ctx, b.Program, role, env, args)
		if err == nil {
			w.processes = append(w.processes, p)
		}
		return err
	}
	if b.Servers.Embedded() {
		return run(allRoles, 0)
	}
	for _, role := range slices.Backward(measuredRoles) { // receivers before senders
		for n := range b.Processes {
			if err := run(string(role), n); err != nil {
				return err
			}
		}
	}
	return nil
}

// allRoles is the role of a process that has all roles.
const allRoles = "all"

// watch opens the sockets, waits until each page was polled, and returns what the processes do during the next b.For.
func (b *Bench) watch(ctx context.Context, w *world) (result Result, err error) {
	if w.load.sockets > 0 {
		var addresses []string
		for _, p := range w.processes {
			if p.role == allRoles || p.role == string(pipeline.RoleFanout) {
				addresses = append(addresses, p.address)
			}
		}
		b.Progress(w.load.name + ": opening the sockets")
		if w.sockets, err = connect(ctx, w.load.sockets, addresses); err != nil {
			return result, err
		}
		defer w.sockets.close()
	}
	if err := b.warmUp(ctx, w); err != nil {
		return result, err
	}
	before, err := w.sample(ctx)
	if err != nil {
		return result, err
	}
	for end := time.Now().Add(b.For); time.Now().Before(end); {
		b.Progress(fmt.Sprintf("%s: %v left", w.load.name, time.Until(end).Round(time.Second)))
		if err := pause(ctx, min(time.Second, time.Until(end))); err != nil {
			return result, err
		}
	}
	after, err := w.sample(ctx)
	if err != nil {
		return result, err
	}
	return b.result(w.load, before, after), nil
}

// warmUpLimit returns the time limit for the first poll of n sources.
func warmUpLimit(n int) time.Duration { return time.Minute + time.Duration(n)*20*time.Millisecond }

// warmUp waits until each page was polled, and then for a fifth of b.For.
func (b *Bench) warmUp(ctx context.Context, w *world) error {
	limit := warmUpLimit(w.load.sources)
	began := time.Now()
	for w.site.seen.Load() < int64(w.load.sources) {
		if time.Since(began) > limit {
			return fmt.Errorf("%d of %d sources were polled within %v", w.site.seen.Load(), w.load.sources, limit)
		}
		b.Progress(fmt.Sprintf("%s: %d of %d sources polled", w.load.name, w.site.seen.Load(), w.load.sources))
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
	b.Progress(w.load.name + ": all sources polled")
	return pause(ctx, b.For/5)
}

// pause waits for d. If ctx ends earlier, it returns an error.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// sample reads the metrics of all processes and of Redis.
func (w *world) sample(ctx context.Context) (*sample, error) {
	s := &sample{series: map[string]float64{}, cpu: map[string]float64{}, memory: map[string]float64{}, commands: -1}
	for _, p := range w.processes {
		if err := s.scrape(ctx, p.role, p.address); err != nil {
			return nil, fmt.Errorf("matchwire run %s: %w", p.role, err)
		}
	}
	s.at = time.Now()
	return s, w.readRedis(ctx, s)
}
