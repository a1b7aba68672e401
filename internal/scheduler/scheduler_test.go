package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/poll"
)

var discard = slog.New(slog.DiscardHandler)

func activation(url, match string) scheduler.Activation {
	return scheduler.Activation{Sport: event.Soccer, League: "MLS", By: scheduler.ByAPI,
		Source: event.Source{ID: event.SourceID(url, match), URL: url, Profile: "p", Match: match, Every: event.Interval(time.Second)}}
}

// emitted are the events that wait in the schedule's outbox.
func emitted(t *testing.T, r *redis.Client) (all []event.Event) {
	t.Helper()
	owed, err := outbox.NewStore(r, "mw:").Oldest(t.Context(), "schedule", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range owed {
		e, err := event.Decode(m.Body)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func TestActivateAndDeactivate(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		tid := event.NewTID()
		ctx := event.WithTID(t.Context(), tid)
		told := 0
		s := scheduler.NewSchedule(r, "mw:", func(string) { told++ })
		first, fresh, err := s.Activate(ctx, activation("https://a.example/", "m1"))
		if err != nil || !fresh || first.ID != event.SourceID("https://a.example/", "m1") || first.TID != tid {
			t.Fatalf("%+v %v %v", first, fresh, err)
		}
		// The same again is the same; another setting is refused.
		again, fresh, err := s.Activate(t.Context(), activation("https://a.example/", "m1"))
		if err != nil || fresh || again.TID != tid || again.Event != first.Event {
			t.Errorf("again: %+v %v %v", again, fresh, err)
		}
		other := activation("https://a.example/", "m1")
		other.Profile = "q"
		if current, _, err := s.Activate(t.Context(), other); !errors.Is(err, scheduler.ErrOther) || current.Profile != "p" {
			t.Errorf("another profile: %+v %v", current, err)
		}
		all := emitted(t, r)
		if len(all) != 1 || all[0].Type != "soccer.mls.match_activated" || all[0].Subject != "m1" || all[0].TID != tid || *all[0].Data.Source != first.Source || told != 1 {
			t.Fatalf("emitted %+v, told %d times", all, told)
		}
		entry, ok, err := s.Get(t.Context(), first.ID)
		if err != nil || !ok || time.Until(entry.Next) > time.Minute || time.Until(entry.Next) < 50*time.Second || entry.URL != "https://a.example/" {
			t.Errorf("%+v %v %v", entry, ok, err)
		}
		if was, err := s.Deactivate(t.Context(), first.ID, "enough"); !was || err != nil {
			t.Error(was, err)
		}
		if was, err := s.Deactivate(t.Context(), first.ID, "enough"); was || err != nil {
			t.Error("deactivated twice", was, err)
		}
		all = emitted(t, r)
		if last := all[len(all)-1]; len(all) != 2 || last.Type != "soccer.mls.match_deactivated" || last.Data.Reason != "enough" || last.CausationID != first.Event {
			t.Errorf("emitted %+v", all)
		}
		// What was deactivated before a scheduler heard of it is not begun.
		if _, current, err := s.Begin(t.Context(), first.ID, first.Event, 0); current || err != nil {
			t.Error(current, err)
		}
		if all, err := s.List(t.Context()); len(all) != 0 || err != nil {
			t.Error(all, err)
		}
	})
}

// begun is an active source whose next poll is due at once.
func begun(t *testing.T, s *scheduler.Schedule, url string) scheduler.Activation {
	t.Helper()
	a, _, err := s.Activate(t.Context(), activation(url, ""))
	if err != nil {
		t.Fatal(err)
	}
	tick, current, err := s.Begin(t.Context(), a.ID, a.Event, 0)
	if !current || err != nil || time.Since(tick).Abs() > 10*time.Second {
		t.Fatal(tick, current, err)
	}
	// The same event once more begins the same.
	if again, current, err := s.Begin(t.Context(), a.ID, a.Event, time.Hour); !again.Equal(tick) || !current || err != nil {
		t.Fatal(again, current, err)
	}
	return a
}

// What is due is taken by one of those who look, and its next poll is an
// interval later; what was missed for long is not made up for.
func TestPop(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := scheduler.NewSchedule(r, "mw:", nil)
		for i := range 40 {
			begun(t, s, fmt.Sprintf("https://a.example/%d", i))
		}
		var mu sync.Mutex
		taken := map[string]int{}
		var looking sync.WaitGroup
		for range 4 {
			looking.Go(func() {
				for {
					ticks, _, err := s.Pop(t.Context(), 3, new(scheduler.Call))
					if err != nil || len(ticks) == 0 {
						if err != nil {
							t.Error(err)
						}
						return
					}
					mu.Lock()
					for _, tick := range ticks {
						taken[tick.Activation.ID]++
						if late := time.Since(tick.Due); late < 0 || late > 10*time.Second || tick.Left > time.Minute || tick.Left < 50*time.Second {
							t.Errorf("due %v ago, next in %v", late, tick.Left)
						}
					}
					mu.Unlock()
				}
			})
		}
		looking.Wait()
		for id, n := range taken {
			if n != 1 {
				t.Errorf("%s was taken %d times", id, n)
			}
		}
		if len(taken) != 40 {
			t.Errorf("%d taken of 40", len(taken))
		}
		_, wait, err := s.Pop(t.Context(), 3, new(scheduler.Call))
		if err != nil || wait < 50*time.Second || wait > time.Minute {
			t.Errorf("nothing is due for %v, %v", wait, err)
		}
		if err := r.ZAdd(t.Context(), "mw:{schedule}:due", redis.Z{Score: float64(time.Now().Add(-time.Hour).UnixMilli()), Member: event.SourceID("https://a.example/0", "")}).Err(); err != nil {
			t.Fatal(err)
		}
		ticks, _, err := s.Pop(t.Context(), 3, new(scheduler.Call))
		if err != nil || len(ticks) != 1 || time.Since(ticks[0].Due) > 10*time.Second || ticks[0].Left < 50*time.Second {
			t.Errorf("after an hour: %+v %v", ticks, err)
		}
	})
}

// What came of a poll sets the next, unless a later one has begun; and a source
// that is done stops, and says so once.
func TestPolled(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		ctx := t.Context()
		s := scheduler.NewSchedule(r, "mw:", nil)
		a := begun(t, s, "https://a.example/")
		ticks, _, err := s.Pop(ctx, 1, new(scheduler.Call))
		if err != nil || len(ticks) != 1 {
			t.Fatal(ticks, err)
		}
		due := ticks[0].Due
		half := event.Match{ID: "m1", Status: event.Break}
		if err := s.Polled(ctx, a.ID, poll.Result{Due: due, At: time.Now(), Took: time.Millisecond, Matches: []event.Match{half}}); err != nil {
			t.Fatal(err)
		}
		e, _, err := s.Get(ctx, a.ID)
		if err != nil || e.Interval != 4*time.Second || e.Next.Sub(due) != 4*time.Second || len(e.Latest.Matches) != 1 || e.Latest.Took != time.Millisecond {
			t.Errorf("%+v %v", e, err)
		}
		// A poll that the next has overtaken counts; one that ended after it does not.
		if err := r.HSet(ctx, "mw:{schedule}:tick", a.ID, due.Add(time.Minute).UnixMilli()).Err(); err != nil {
			t.Fatal(err)
		}
		if err := s.Polled(ctx, a.ID, poll.Result{Due: due.Add(time.Second), At: time.Now(), Took: time.Second, Matches: []event.Match{half}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Polled(ctx, a.ID, poll.Result{Due: due, At: time.Now(), Matches: []event.Match{{Status: event.Live}}}); err != nil {
			t.Fatal(err)
		}
		if e, _, _ := s.Get(ctx, a.ID); e.Interval != 4*time.Second || e.Latest.Took != time.Second || e.Next.Sub(due) != 64*time.Second {
			t.Errorf("overtaken: next %v later, %+v", e.Next.Sub(due), e)
		}
		due = due.Add(2 * time.Second)
		if err := s.Polled(ctx, a.ID, poll.Result{Due: due, At: time.Now(), Failures: 2, Problem: "away"}); err != nil {
			t.Fatal(err)
		}
		if e, _, _ := s.Get(ctx, a.ID); e.Latest.Problem != "away" || e.Latest.Failures != 2 || len(e.Latest.Matches) != 1 {
			t.Errorf("after a failure: %+v", e)
		}
		tid := event.NewTID()
		for range 2 {
			if err := s.Polled(event.WithTID(ctx, tid), a.ID, poll.Result{Due: due, At: time.Now(), Stop: "forbidden", Problem: "forbidden"}); err != nil {
				t.Fatal(err)
			}
		}
		all := emitted(t, r)
		if last := all[len(all)-1]; len(all) != 2 || last.Type != "soccer.mls.match_deactivated" || last.TID != tid || last.Data.Reason != "forbidden" {
			t.Errorf("emitted %+v", all)
		}
		if e, ok, _ := s.Get(ctx, a.ID); !ok || !e.Next.IsZero() || e.Latest.Stopped != "forbidden" || len(e.Latest.Matches) != 1 {
			t.Errorf("stopped: %+v", e)
		}
		// The event that began it, come again, does not begin it again; only
		// another activation does.
		if _, current, err := s.Begin(ctx, a.ID, a.Event, 0); current || err != nil {
			t.Error(current, err)
		}
		b, fresh, err := s.Activate(ctx, activation("https://a.example/", ""))
		if err != nil || !fresh || b.Event == a.Event {
			t.Errorf("%+v %v %v", b, fresh, err)
		}
		if e, _, _ := s.Get(ctx, a.ID); e.Latest.Stopped != "" {
			t.Errorf("%+v", e)
		}
	})
}

// Redis's clock decides when the next poll is due: a worker whose own clock is a minute ahead does
// not delay it.
func TestPolledUsesRedisClock(t *testing.T) {
	m := miniredis.RunT(t)
	now := time.Now().Add(-time.Minute).Truncate(time.Millisecond) // this process is a minute ahead
	m.SetTime(now)
	r := redis.NewClient(&redis.Options{Addr: m.Addr()})
	defer r.Close()
	s := scheduler.NewSchedule(r, "mw:", nil)
	a, _, err := s.Activate(t.Context(), activation("https://a.example/", ""))
	if err != nil {
		t.Fatal(err)
	}
	due, _, err := s.Begin(t.Context(), a.ID, a.Event, 0)
	if err != nil || !due.Equal(now) {
		t.Fatal(due, err)
	}
	live := []event.Match{{Status: event.Live}}
	for _, tc := range []struct {
		what   string
		took   time.Duration
		polled poll.Result
		want   time.Duration // after it was due
	}{
		{"at once", 0, poll.Result{Matches: live}, time.Second},
		{"within the interval", time.Second / 2, poll.Result{Matches: live}, time.Second},
		{"late", 5 * time.Second, poll.Result{Matches: live}, 6 * time.Second},
		{"and the site asks to wait", time.Second, poll.Result{Failures: 1, Wait: 10 * time.Second}, 11 * time.Second},
	} {
		m.SetTime(now.Add(tc.took))
		tc.polled.Due, tc.polled.At = due, time.Now()
		if err := s.Polled(t.Context(), a.ID, tc.polled); err != nil {
			t.Fatal(err)
		}
		if e, _, err := s.Get(t.Context(), a.ID); err != nil || e.Next.Sub(due) != tc.want {
			t.Errorf("done %s: the next is due %v later, want %v (%v)", tc.what, e.Next.Sub(due), tc.want, err)
		}
	}
}

// tasks collects the polls that are asked for.
type tasks struct {
	mu   sync.Mutex
	all  []broker.Task
	came chan struct{} // after each
}

func (c *tasks) take(_ context.Context, m broker.Message) error {
	t, err := broker.DecodeTask(m.Body)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.all = append(c.all, t)
	c.mu.Unlock()
	c.came <- struct{}{}
	return nil
}

func (c *tasks) of(source string) (polls []poll.Poll, all []broker.Task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.all {
		var p poll.Poll
		if json.Unmarshal(t.Data, &p) == nil && p.Source.ID == source {
			polls, all = append(polls, p), append(all, t)
		}
	}
	return polls, all
}

// Several schedulers on one broker: an activation causes a task at once, under
// its TID; the clock causes the others, each a job of its own that names the
// activation; the sources of the config are those that it names.
func TestSchedulers(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		ctx, cancel := context.WithCancel(t.Context())
		b := memory.New(nil, discard)
		box := outbox.NewRelay(outbox.NewStore(r, "mw:"), b, nil, discard)
		s := scheduler.NewSchedule(r, "mw:", box.Nudge)
		gone := activation("https://gone.example/", "")
		gone.By = scheduler.ByConfig
		if _, _, err := s.Activate(ctx, gone); err != nil {
			t.Fatal(err)
		}
		named := activation("https://named.example/", "")
		named.By = scheduler.ByConfig

		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		for range 3 {
			one := &scheduler.Scheduler{Schedule: s, Publisher: b, Config: []scheduler.Activation{named}, Log: discard}
			ready := make(chan struct{})
			running.Go(func() { _ = one.Run(ctx) })
			running.Go(func() {
				_ = consumers.Runner{Broker: b, Redis: r, Prefix: "mw:", Log: discard}.Run(ctx, "scheduler", one.Consumer(), ready)
			})
			<-ready
		}
		got := tasks{came: make(chan struct{}, 100)}
		ready := make(chan struct{})
		running.Go(func() {
			_ = b.Subscribe(ctx, broker.Subscription{Queue: broker.TaskQueue(poll.PagePoll), Exchange: broker.Tasks, Patterns: []string{poll.PagePoll}, Ready: ready}, got.take)
		})
		<-ready
		running.Go(func() { _ = box.Run(ctx) })

		tid := event.NewTID()
		a, _, err := s.Activate(event.WithTID(ctx, tid), activation("https://a.example/", "m1"))
		if err != nil {
			t.Fatal(err)
		}
		patience, enough := context.WithTimeout(ctx, 20*time.Second)
		defer enough()
		for {
			polls, _ := got.of(a.ID)
			byConfig, _ := got.of(event.SourceID("https://named.example/", ""))
			if len(polls) >= 2 && len(byConfig) >= 2 {
				break
			}
			if len(polls) == 1 { // half a minute would be long
				r.HSet(ctx, "mw:{schedule}:interval", a.ID, 500)
			}
			select {
			case <-got.came:
			case <-patience.Done():
				t.Fatalf("polls %+v, of the config %+v", polls, byConfig)
			}
		}
		polls, all := got.of(a.ID)
		if polls[0].Source != a.Source || all[0].TID != tid || all[0].CausationID != a.Event || polls[0].Activated != tid {
			t.Errorf("the first: %+v of %+v", all[0], polls[0])
		}
		if all[1].TID == tid || all[1].TID.IsZero() || all[1].CausationID != a.Event || polls[1].Activated != tid || !polls[1].Due.After(polls[0].Due) {
			t.Errorf("the second: %+v of %+v", all[1], polls[1])
		}
		if all[0].Expires.Before(polls[0].Due.Add(10*time.Second)) || all[1].Expires.Before(polls[1].Due) {
			t.Errorf("expire %v and %v", all[0].Expires, all[1].Expires)
		}
		list, err := s.List(ctx)
		urls := []string{}
		for _, e := range list {
			urls = append(urls, e.URL)
		}
		if slices.Sort(urls); err != nil || strings.Join(urls, " ") != "https://a.example/ https://named.example/" {
			t.Errorf("active are %v, %v", urls, err)
		}
	})
}
