// Package monitor runs the health checks of a process in the background, and serves their
// latest results over HTTP.
//
// The answers to /livez, /readyz and /healthz do not wait for a check to end: a check that hangs is
// itself an issue. Until each check has a first result, /readyz and /healthz wait briefly for
// the first results.
package monitor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/matchwire/matchwire/health"
)

const (
	defaultInterval = 2 * time.Second
	failingInterval = time.Second     // maximum interval after a run that found an issue that is Down
	checkTimeout    = 3 * time.Second // time limit for a run
	// hangsAfter is the duration of a run after which the check counts as hanging. A server that
	// answers within this time is slow, not down.
	hangsAfter = 1500 * time.Millisecond
	// firstResult is the maximum time that an answer waits for the first results of all checks.
	firstResult = 300 * time.Millisecond
)

// A Check is a health check of a part of the process.
type Check struct {
	Name string
	// Run returns the issues of the part. Its context ends after 3 seconds. Only one Run of a
	// check is in progress at a time.
	Run func(context.Context) []health.Issue
	// Ready means that the process is not ready while the check has an issue that is Down. A check
	// without Ready affects only the health.
	Ready bool
	// Every is the time between two runs. The default is 2 seconds. After a run with an issue that
	// is Down, the time is at most a second.
	Every time.Duration
}

// A Monitor runs checks. The zero Monitor has no checks.
type Monitor struct {
	mu       sync.Mutex
	checks   []*running
	stopping bool
}

// running is a check with its latest result.
type running struct {
	Check
	first  chan struct{} // closed after the first run
	began  time.Time     // start of the run in progress, or the time of Add before the first run; otherwise zero
	issues []health.Issue
}

// Add adds a check. All calls must come before Run.
func (m *Monitor) Add(c Check) {
	c.Every = cmp.Or(c.Every, defaultInterval)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checks = append(m.checks, &running{Check: c, first: make(chan struct{}), began: time.Now()})
}

// Run runs the checks until ctx ends, and waits for the runs in progress.
func (m *Monitor) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, c := range m.all() {
		all.Go(func() { m.repeat(ctx, c) })
	}
	all.Wait()
}

// repeat runs a check until ctx ends.
func (m *Monitor) repeat(ctx context.Context, c *running) {
	for n := 0; ; n++ {
		pause := m.once(ctx, c)
		if n == 0 {
			close(c.first)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// once runs a check and saves its issues. It returns the time until the next run.
func (m *Monitor) once(ctx context.Context, c *running) time.Duration {
	m.mu.Lock()
	c.began = time.Now()
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	issues := c.Run(ctx)

	m.mu.Lock()
	defer m.mu.Unlock()
	c.began, c.issues = time.Time{}, issues
	if slices.ContainsFunc(issues, func(i health.Issue) bool { return i.Down }) {
		return min(c.Every, failingInterval)
	}
	return c.Every
}

// Stop makes the process not ready, permanently.
func (m *Monitor) Stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopping = true
}

func (m *Monitor) all() []*running {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.checks)
}

// wait waits until each check has a result, ctx ends, or firstResult has passed.
func (m *Monitor) wait(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, firstResult)
	defer cancel()
	for _, c := range m.all() {
		select {
		case <-c.first:
		case <-ctx.Done():
			return
		}
	}
}

// Health returns the issues that the latest runs found, in the order of Add. It adds an issue if the
// process is stopping, and one for each check that hangs or has no result yet. It waits at most 300
// milliseconds, and only for the first results.
func (m *Monitor) Health(ctx context.Context) []health.Issue {
	return m.issues(ctx, func(*running) bool { return true })
}

// Unready returns the issues that make the process not ready, or none if it is ready. It waits as
// Health does.
func (m *Monitor) Unready(ctx context.Context) []health.Issue {
	all := m.issues(ctx, func(c *running) bool { return c.Ready })
	return slices.DeleteFunc(all, func(i health.Issue) bool { return !i.Down })
}

// Statuses returns the status of each check, by its name. It does not wait.
func (m *Monitor) Statuses() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string]string{}
	for _, c := range m.checks {
		all[c.Name], _ = Status(c.current(time.Now()))
	}
	return all
}

func (m *Monitor) issues(ctx context.Context, include func(*running) bool) (all []health.Issue) {
	m.wait(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopping {
		all = append(all, health.Issue{Text: "the process is stopping", Down: true})
	}
	for _, c := range m.checks {
		if include(c) {
			all = append(all, c.current(time.Now())...)
		}
	}
	return all
}

// current returns the issues of the latest run, and an issue if the check hangs or has no result yet.
func (c *running) current(now time.Time) []health.Issue {
	select {
	case <-c.first:
		if c.began.IsZero() || now.Sub(c.began) < hangsAfter {
			return c.issues
		}
		hangs := fmt.Sprintf("the check %q has had no answer for %v", c.Name, now.Sub(c.began).Round(time.Second))
		return append(slices.Clone(c.issues), health.Issue{Text: hangs, Down: true})
	default:
		return []health.Issue{{Text: fmt.Sprintf("the check %q has no result yet", c.Name), Down: true}}
	}
}

// Status returns "pass" if there are no issues, "fail" if an issue is Down, and otherwise "warn".
// texts are the texts of the issues.
func Status(issues []health.Issue) (status string, texts []string) {
	status = "pass"
	for _, i := range issues {
		texts = append(texts, i.Text)
		switch {
		case i.Down:
			status = "fail"
		case status == "pass":
			status = "warn"
		}
	}
	return status, texts
}
