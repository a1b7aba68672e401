package poll

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/matchwire/matchwire/health"
)

// The limits for a source whose polls do not end.
const (
	// A source is quarantined after maxUnended polls in a row that did not end.
	maxUnended        = 3
	firstQuarantine   = 5 * time.Minute
	longestQuarantine = 6 * time.Hour
)

// quarantineFor returns how long a source is quarantined after the given number of polls in a row
// that did not end. The quarantine is 5 minutes after maxUnended polls, and doubles with each
// further poll, up to 6 hours. For fewer than maxUnended polls, quarantineFor returns 0.
func quarantineFor(unended int) time.Duration {
	if unended < maxUnended {
		return 0
	}
	return min(firstQuarantine<<min(unended-maxUnended, 10), longestQuarantine)
}

// run runs a claimed poll. A page can cause the process to end during a poll, or the poll to time
// out. So after maxUnended such polls in a row, run quarantines the source. run skips the poll of a
// quarantined source if the poll before did not end (c.died).
func (w *Worker) run(ctx context.Context, c *claim, r *run) Result {
	var result Result
	if wait := quarantineFor(c.unended); wait > 0 && c.died {
		now := time.Now().UTC()
		result = Result{Due: r.poll.Due, At: now, Failures: c.state.Failures + c.unended}
	} else {
		c.state, result = r.do(ctx, c.state)
		if r.timedOut {
			c.unended++
		} else {
			c.unended = 0
		}
	}
	wait := quarantineFor(c.unended)
	if wait == 0 {
		w.quarantined.remove(r.poll.Source.ID)
		return result
	}
	why := fmt.Sprintf("%d polls in a row did not end: the next poll is in %v", c.unended, wait)
	r.log.Error("source quarantined", "problem", why)
	w.quarantined.add(r.poll.Source.ID, quarantinedSource{r.poll.Source.Profile, why, result.At.Add(wait)})
	result.Wait, result.Problem = max(result.Wait, wait), cmp.Or(result.Problem, why)
	return result
}

// A quarantine contains the sources that a worker has quarantined. Goroutines can share it.
type quarantine struct {
	mu      sync.Mutex
	sources map[string]quarantinedSource // by ID
}

// A quarantinedSource contains the profile of a source, why it is quarantined, and until when.
type quarantinedSource struct {
	profile, why string
	until        time.Time
}

func (q *quarantine) add(id string, s quarantinedSource) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sources == nil {
		q.sources = map[string]quarantinedSource{}
	}
	q.sources[id] = s
}

func (q *quarantine) remove(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.sources, id)
}

// Health returns an issue for each source that this worker has quarantined. The issue ends when
// this worker completes a poll of the source, or an hour after the end of the quarantine.
func (w *Worker) Health(context.Context) (issues []health.Issue) {
	w.quarantined.mu.Lock()
	defer w.quarantined.mu.Unlock()
	sources := w.quarantined.sources
	maps.DeleteFunc(sources, func(_ string, s quarantinedSource) bool { return time.Since(s.until) > time.Hour })
	for _, id := range slices.Sorted(maps.Keys(sources)) {
		s := sources[id]
		issues = append(issues, health.Issue{Text: fmt.Sprintf("source %s (profile %s): %s", id, s.profile, s.why)})
	}
	return issues
}
