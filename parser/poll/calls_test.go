package poll_test

import (
	"fmt"
	"log/slog"
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
	for _, tc := range []struct {
		what  string
		goals int
		want  uint64 // 0 means any number
	}{
		{"first poll", 0, 0}, // Redis does not know the scripts yet
		{"goal", 1, 0}, {"poll without a change", 1, 6}, {"goal", 2, 8}, {"poll without a change", 2, 6},
	} {
		goals = tc.goals
		before := calls()
		if err := c.workers[0].Handle(t.Context(), c.task()); err != nil {
			t.Fatal(err)
		}
		if n := calls() - before; tc.want > 0 && n != tc.want {
			t.Errorf("%s: %d calls to Redis, want %d", tc.what, n, tc.want)
		}
	}
}
