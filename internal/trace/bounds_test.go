package trace_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/internal/trace"
)

// countSteps returns the number of steps in nodes.
func countSteps(nodes []*trace.Node) (n int) {
	for _, node := range nodes {
		n += 1 + countSteps(node.Children)
	}
	return n
}

// A trace contains at most 12,000 steps, including those of its jobs. If there are more steps, the trace
// contains only the latest jobs.
func TestTreeIsBounded(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, c *redis.Client) {
		s := trace.NewStore(c, "mw:", time.Hour)
		parent := event.NewTID()
		began := time.Now()
		span := func(tid event.TID, at time.Time) trace.Span {
			return trace.Span{TID: tid, ID: event.NewSpanID(), Op: trace.Process, Role: "notify", Start: at}
		}
		const jobs, steps = 20, 1000
		var latest event.TID
		for i := range jobs {
			latest = event.NewTID()
			var spans []trace.Span
			for n := range steps {
				one := span(latest, began.Add(time.Duration(i)*time.Second+time.Duration(n)*time.Millisecond))
				if n == 0 {
					one.Cause = &trace.Cause{TID: parent}
				}
				spans = append(spans, one)
			}
			if err := s.Write(t.Context(), spans); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Write(t.Context(), []trace.Span{span(parent, began)}); err != nil {
			t.Fatal(err)
		}
		tree, err := s.Tree(t.Context(), parent.String(), 100)
		if err != nil {
			t.Fatal(err)
		}
		total := countSteps(tree.Steps)
		for _, job := range tree.Jobs {
			total += countSteps(job.Steps)
		}
		if total != 12_000 || tree.AllJobs != jobs || len(tree.Jobs) != 12 {
			t.Errorf("the trace has %d steps and %d of %d jobs, want 12,000 steps and 12 of %d jobs",
				total, len(tree.Jobs), tree.AllJobs, jobs)
		}
		if last := tree.Jobs[len(tree.Jobs)-1]; last.TID != latest || last.Cut || !tree.Jobs[0].Cut {
			t.Errorf("the last job is %s, cut: %v; the first is cut: %v; want the latest job %s whole, and the first cut",
				last.TID, last.Cut, tree.Jobs[0].Cut, fmt.Sprint(latest))
		}
	})
}
