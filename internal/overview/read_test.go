package overview_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/embedded"
	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/internal/overview"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/poll"
)

var discard = slog.New(slog.DiscardHandler)

// newReader returns a reader of a pipeline with the consumer scoreboard.
func newReader(b broker.Broker, r redis.UniversalClient) *overview.Reader {
	plan := overview.New([]broker.Subscription{{Queue: "consumer.scoreboard", Patterns: []string{"#"}}},
		func(string) string { return "scoreboard" })
	return &overview.Reader{
		Plan: plan, Broker: b, Schedule: scheduler.NewSchedule(r, "mw:", nil), Outboxes: outbox.NewStore(r, "mw:"),
		Instances: instances.New(r, "mw:", ""), Log: discard,
	}
}

func open(t *testing.T) *embedded.Servers {
	t.Helper()
	s, err := embedded.Open("", discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// An overview has at most the requested number of sources, outboxes and instances. If there are more, Partial is true.
func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	s := open(t)
	r := newReader(s.Broker, s.Redis)
	for i := range 7 {
		source := event.Source{ID: fmt.Sprint(i), URL: fmt.Sprint("https://site.example/", i), Profile: "mls",
			Every: event.Interval(time.Second)}
		a := scheduler.Activation{Source: source, Sport: event.Soccer, By: scheduler.ByAPI}
		if _, _, err := r.Schedule.Activate(event.WithTID(t.Context(), event.NewTID()), a); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		limit, want int
		partial     bool
	}{{3, 3, true}, {7, 7, false}} {
		o := r.Read(t.Context(), tc.limit)
		if len(o.Sources.List) != tc.want || o.Sources.Count != 7 || o.Partial != tc.partial || len(o.Problems) > 0 {
			t.Errorf("limit %d: %d of %d sources, partial %v, problems %v; want %d of 7 and partial %v", tc.limit,
				len(o.Sources.List), o.Sources.Count, o.Partial, o.Problems, tc.want, tc.partial)
		}
	}
	want := overview.Outbox{Name: "schedule", Messages: 7}
	if o := r.Read(t.Context(), 7); len(o.Outboxes.List) != 1 || o.Outboxes.List[0] != want {
		t.Errorf("outboxes %+v, want the seven events of the schedule", o.Outboxes)
	}
	for i := range 201 {
		if err := r.Outboxes.Mark(t.Context(), fmt.Sprint("m", i)); err != nil {
			t.Fatal(err)
		}
	}
	if o := r.Read(t.Context(), 7); o.Outboxes.Pending != 202 || !o.Partial {
		t.Errorf("%d pending outboxes, partial %v; want 202 and true", o.Outboxes.Pending, o.Partial)
	}
}

// Each state of a source follows from its latest poll.
func TestStatesOfSources(t *testing.T) {
	t.Parallel()
	s := open(t)
	r := newReader(s.Broker, s.Redis)
	source := event.Source{ID: "one", URL: "https://site.example/1", Profile: "mls", Every: event.Interval(time.Second)}
	state := func(want string) {
		t.Helper()
		o := r.Read(t.Context(), 10)
		if len(o.Sources.List) != 1 || o.Sources.List[0].State != want {
			t.Errorf("sources %+v, want one that is %s", o.Sources.List, want)
		}
	}
	activate := func(at time.Time) {
		t.Helper()
		a := scheduler.Activation{Source: source, Sport: event.Soccer, By: scheduler.ByAPI, Activated: at}
		if _, _, err := r.Schedule.Activate(event.WithTID(t.Context(), event.NewTID()), a); err != nil {
			t.Fatal(err)
		}
	}
	activate(time.Now())
	state(overview.Starting)
	for _, tc := range []struct {
		result poll.Result
		want   string
	}{
		{poll.Result{At: time.Now()}, overview.Polled},
		{poll.Result{At: time.Now(), Problem: "the site answered 404"}, overview.Failing},
		{poll.Result{At: time.Now().Add(-time.Hour)}, overview.Overdue},
	} {
		if err := r.Schedule.Polled(t.Context(), "one", tc.result); err != nil {
			t.Fatal(err)
		}
		state(tc.want)
	}
}

// If Redis does not respond, the overview still has the queues, and names the parts that are unknown. It contains no
// addresses.
func TestReadWithoutRedis(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	defer client.Close()
	b := memory.New(nil, discard)
	if err := b.Declare(t.Context(), broker.Subscription{Queue: "consumer.scoreboard"}); err != nil {
		t.Fatal(err)
	}
	o := newReader(b, client).Read(t.Context(), 10)
	problems := strings.Join(o.Problems, "; ")
	if len(o.Problems) != 3 || strings.Contains(problems, "127.0.0.1") || o.Queues[0].State == nil {
		t.Errorf("problems %q, queues %+v; want three problems without an address, and the state of the queue", problems,
			o.Queues)
	}
}

// The rate of a consumer is the sum of its instances. A killed instance does not count.
func TestRatesOfInstances(t *testing.T) {
	t.Parallel()
	s := open(t)
	r := newReader(s.Broker, s.Redis)
	ctx, cancel := context.WithCancel(t.Context())
	var announcing sync.WaitGroup
	defer announcing.Wait()
	defer cancel()
	for i, rate := range []float64{1.5, 2} {
		announcing.Go(func() {
			r.Instances.Announce(ctx, nil, discard, func(context.Context) instances.Instance {
				return instances.Instance{Name: fmt.Sprint("server-", i), Status: "pass", Clients: new(i + 1),
					Consumers: []instances.Consumer{{Name: "scoreboard", Handled: 10, Rate: rate}, {Name: "unknown"}}}
			})
		})
	}
	var o overview.Overview
	testenv.Eventually(t, func() bool {
		o = r.Read(t.Context(), 10)
		return len(o.Fanout) == 2
	}, "both instances")
	if c := o.Consumers[0]; c.Rate != 3.5 || c.Handled != 20 || len(c.Instances) != 2 || o.Fanout[1].Clients != 2 {
		t.Errorf("consumer %+v, nodes %+v; want a rate of 3.5 on two instances, and 2 clients of the second", c, o.Fanout)
	}
}
