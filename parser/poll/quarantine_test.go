package poll_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/internal/testenv"
)

// If processes end during the polls of a source, the source is quarantined. Each further poll
// that does not end makes the quarantine longer. Health names the source. After a poll that ends, the
// source is no longer quarantined.
func TestSourceThatEndsProcesses(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		site := parsertest.NewSite(t)
		c := newCluster(t, r, 2, site.URL, "m1")
		// redelivered returns a task that was delivered n times to processes that ended.
		redelivered := func(n int) broker.Message {
			m := c.task()
			for range n {
				c.workers[0].ClaimOnly(t, m)
				m.Redelivered = true
			}
			return m
		}
		if got := c.do(1, redelivered(2)); strings.Contains(got.Problem, "did not end") || got.Wait != 0 {
			t.Errorf("after 2 deliveries: %+v, want a poll", got)
		}
		for i, want := range []time.Duration{5 * time.Minute, 10 * time.Minute} {
			if got := c.do(1, redelivered(3-2*i)); !strings.Contains(got.Problem, "did not end") || got.Wait != want {
				t.Errorf("quarantine %d: %+v, want a wait of %v", i+1, got, want)
			}
			if issues := c.workers[1].Health(t.Context()); len(issues) != 1 || !strings.Contains(issues[0].Text, c.source.ID) {
				t.Errorf("issues %v, want one that names source %s", issues, c.source.ID)
			}
		}
		if got := c.poll(1); strings.Contains(got.Problem, "did not end") || got.Wait != 0 {
			t.Errorf("after the quarantine: %+v, want a poll", got)
		}
		if issues := c.workers[1].Health(t.Context()); len(issues) != 0 {
			t.Errorf("issues %v after a poll that ended, want none", issues)
		}
		if got := c.do(1, redelivered(2)); strings.Contains(got.Problem, "did not end") {
			t.Errorf("later, after 2 deliveries: %+v, want a poll", got)
		}
	})
}
