package poll_test

import (
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/internal/redisclient"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
)

// A poll of an unchanged match makes six calls to Redis, two of them at the same time: it claims the poll, reserves
// a slot at the host, loads the match, saves the source, and reads and saves the schedule. A changed match needs two
// more.
func TestCallsPerPoll(t *testing.T) {
	options, err := redis.ParseURL(testenv.Redis(t)) // the embedded Redis does not keep scripts
	if err != nil {
		t.Fatal(err)
	}
	r := redis.NewClient(options)
	defer r.Close()
	s := parsertest.NewSite(t)
	goals := 0
	s.Answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, parsertest.SmallPage, goals) })
	c := newCluster(t, r, 0, s.URL, "mine")
	schedule := scheduler.NewSchedule(r, "mw:", nil)
	a := scheduler.Activation{Source: c.source, Sport: event.Soccer, By: scheduler.ByAPI}
	if _, _, err := schedule.Activate(event.WithTID(t.Context(), event.NewTID()), a); err != nil {
		t.Fatal(err)
	}
	client := page.NewClient(page.Options{PerHost: time.Millisecond, Policy: page.Policy{Private: true},
		Limiter: poll.NewRedisLimiter(r, "mw:")})
	in := &poll.Ingester{Store: poll.NewStore(r, "mw:"), Log: slog.New(slog.DiscardHandler)}
	c.workers = []*poll.Worker{poll.NewWorker(c.profiles, client, in, r, "mw:", nil, schedule.Polled)}
	registry := prometheus.NewRegistry()
	if err := redisclient.Measure(r, registry); err != nil {
		t.Fatal(err)
	}
	calls := func() uint64 {
		all, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		return all[0].GetMetric()[0].GetHistogram().GetSampleCount()
	}
	pollWith := func(now int) uint64 {
		goals = now
		before := calls()
		if err := c.workers[0].Handle(t.Context(), c.task()); err != nil {
			t.Fatal(err)
		}
		return calls() - before
	}
	pollWith(0)
	goal, unchanged := uint64(math.MaxUint64), uint64(math.MaxUint64)
	for n := range 5 { // the fewest calls count: the server can forget a script at any time, for all tests that use it
		goal = min(goal, pollWith(n+1))
		unchanged = min(unchanged, pollWith(n+1))
	}
	if goal != 8 || unchanged != 6 {
		t.Errorf("a goal needs %d calls to Redis, a poll without a change %d; want 8 and 6", goal, unchanged)
	}
}
