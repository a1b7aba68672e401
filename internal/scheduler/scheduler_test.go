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
		Source: event.Source{
			ID: event.SourceID(url, match), URL: url, Profile: "p", Match: match, Every: event.Interval(time.Second),
		}}
}

// emitted returns the events in the schedule's outbox.
func emitted(t *testing.T, r *redis.Client) (all []event.Event) {
	t.Helper()
	msgs, err := outbox.NewStore(r, "mw:").Oldest(t.Context(), "schedule", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range msgs {
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
		nudges := 0
		s := scheduler.NewSchedule(r, "mw:", func(string) { nudges++ })
		first, fresh, err := s.Activate(ctx, activation("https://a.example/", "m1"))
		if err != nil || !fresh || first.ID != event.SourceID("https://a.example/", "m1") || first.TID != tid {
			t.Fatalf("first activation is %+v, fresh %v, error %v; want it fresh, with TID %s", first, fresh, err, tid)
		}
		// An activation with the same settings changes nothing. Other settings are an error.
		again, fresh, err := s.Activate(t.Context(), activation("https://a.example/", "m1"))
		if err != nil || fresh || again.TID != tid || again.Event != first.Event {
			t.Errorf("second activation is %+v, fresh %v, error %v; want the first activation", again, fresh, err)
		}
		for setting, change := range map[string]func(*scheduler.Activation){
			"profile":  func(a *scheduler.Activation) { a.Profile = "q" },
			"interval": func(a *scheduler.Activation) { a.Every = event.Interval(time.Minute) },
			"league":   func(a *scheduler.Activation) { a.League = "USL" },
		} {
			other := activation("https://a.example/", "m1")
			change(&other)
			current, _, err := s.Activate(t.Context(), other)
			if !errors.Is(err, scheduler.ErrActiveWithOtherSettings) || current.Event != first.Event || current.League != "MLS" {
				t.Errorf("different %s: current %+v, error %v; want the first activation and ErrActiveWithOtherSettings",
					setting, current, err)
			}
		}
		all := emitted(t, r)
		if len(all) != 1 || all[0].Type != "soccer.mls.match_activated" || all[0].Subject != "m1" || all[0].TID != tid ||
			*all[0].Data.Source != first.Source || nudges != 1 {
			t.Fatalf("emitted %+v, %d nudges; want one match_activated of job %s and one nudge", all, nudges, tid)
		}
		entry, ok, err := s.Get(t.Context(), first.ID)
		next := time.Until(entry.Next)
		if err != nil || !ok || next > time.Minute || next < 50*time.Second || entry.URL != "https://a.example/" {
			t.Errorf("entry %+v, found %v, error %v; want the next poll in a minute", entry, ok, err)
		}
		if was, err := s.Deactivate(t.Context(), first.ID, "enough"); !was || err != nil {
			t.Errorf("deactivated %v, error %v, want true", was, err)
		}
		if was, err := s.Deactivate(t.Context(), first.ID, "enough"); was || err != nil {
			t.Errorf("deactivated again %v, error %v, want false", was, err)
		}
		all = emitted(t, r)
		if last := all[len(all)-1]; len(all) != 2 || last.Type != "soccer.mls.match_deactivated" ||
			last.Data.Reason != "enough" || last.CausationID != first.Event {
			t.Errorf("emitted %+v, want match_deactivated caused by %s as the second event", all, first.Event)
		}
		// A source that was deactivated before a scheduler received the event is not scheduled.
		if _, current, err := s.Begin(t.Context(), first.ID, first.Event, 0); current || err != nil {
			t.Errorf("begun after the deactivation: current %v, error %v, want false", current, err)
		}
		if all, err := s.List(t.Context()); len(all) != 0 || err != nil {
			t.Errorf("active sources %+v, error %v, want none", all, err)
		}
	})
}

// begun returns an active source whose next poll is due now.
func begun(t *testing.T, s *scheduler.Schedule, url string) scheduler.Activation {
	t.Helper()
	a, _, err := s.Activate(t.Context(), activation(url, ""))
	if err != nil {
		t.Fatal(err)
	}
	tick, current, err := s.Begin(t.Context(), a.ID, a.Event, 0)
	if !current || err != nil || time.Since(tick).Abs() > 10*time.Second {
		t.Fatalf("Begin: tick %v, current %v, error %v; want the current time", tick, current, err)
	}
	// Begin with the same event changes nothing.
	again, current, err := s.Begin(t.Context(), a.ID, a.Event, time.Hour)
	if !again.Equal(tick) || !current || err != nil {
		t.Fatalf("second Begin: tick %v, current %v, error %v; want %v", again, current, err, tick)
	}
	return a
}

// Pop returns each due poll to one caller. The next poll of the source is due an interval later. Pop
// skips the polls that were missed during an outage.
func TestPop(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := scheduler.NewSchedule(r, "mw:", nil)
		for i := range 40 {
			begun(t, s, fmt.Sprintf("https://a.example/%d", i))
		}
		var mu sync.Mutex
		popped := map[string]int{}
		var popping sync.WaitGroup
		for range 4 {
			popping.Go(func() {
				for {
					polls, _, err := s.Pop(t.Context(), 3, new(scheduler.PopID))
					if err != nil || len(polls) == 0 {
						if err != nil {
							t.Error(err)
						}
						return
					}
					mu.Lock()
					for _, p := range polls {
						popped[p.Activation.ID]++
						late, left := time.Since(p.Due), p.Left
						if late < 0 || late > 10*time.Second || left > time.Minute || left < 50*time.Second {
							t.Errorf("poll was due %v ago, next poll is due in %v; want now and in a minute", late, left)
						}
					}
					mu.Unlock()
				}
			})
		}
		popping.Wait()
		for id, n := range popped {
			if n != 1 {
				t.Errorf("the poll of %s was returned %d times, want once", id, n)
			}
		}
		if len(popped) != 40 {
			t.Errorf("%d polls returned, want 40", len(popped))
		}
		_, wait, err := s.Pop(t.Context(), 3, new(scheduler.PopID))
		if err != nil || wait < 50*time.Second || wait > time.Minute {
			t.Errorf("the next poll is due in %v, error %v, want in a minute", wait, err)
		}
		hourAgo := redis.Z{
			Score:  float64(time.Now().Add(-time.Hour).UnixMilli()),
			Member: event.SourceID("https://a.example/0", ""),
		}
		if err := r.ZAdd(t.Context(), "mw:{schedule}:due", hourAgo).Err(); err != nil {
			t.Fatal(err)
		}
		polls, _, err := s.Pop(t.Context(), 3, new(scheduler.PopID))
		if err != nil || len(polls) != 1 || time.Since(polls[0].Due) > 10*time.Second || polls[0].Left < 50*time.Second {
			t.Errorf("after an outage of an hour: polls %+v, error %v, want one that is due now", polls, err)
		}
	})
}

// The result of a poll determines when the next poll is due, unless the result of a later poll is
// stored. When polling ends, the source stops and match_deactivated is emitted once.
func TestPolled(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		ctx := t.Context()
		s := scheduler.NewSchedule(r, "mw:", nil)
		a := begun(t, s, "https://a.example/")
		polls, _, err := s.Pop(ctx, 1, new(scheduler.PopID))
		if err != nil || len(polls) != 1 {
			t.Fatalf("Pop: polls %+v, error %v, want one poll", polls, err)
		}
		due := polls[0].Due
		paused := event.Match{ID: "m1", Status: event.Break}
		result := poll.Result{Due: due, At: time.Now(), Took: time.Millisecond, Matches: []event.Match{paused}}
		if err := s.Polled(ctx, a.ID, result); err != nil {
			t.Fatal(err)
		}
		e, _, err := s.Get(ctx, a.ID)
		if err != nil || e.Interval != 4*time.Second || e.Next.Sub(due) != 4*time.Second ||
			len(e.Latest.Matches) != 1 || e.Latest.Took != time.Millisecond {
			t.Errorf("after the first poll: entry %+v, error %v; want interval 4s, the next poll 4s after %v, and one match",
				e, err, due)
		}
		// A result that arrives after the next poll was due is saved, unless the result of the next
		// poll was saved first.
		if err := r.HSet(ctx, "mw:{schedule}:tick", a.ID, due.Add(time.Minute).UnixMilli()).Err(); err != nil {
			t.Fatal(err)
		}
		result = poll.Result{Due: due.Add(time.Second), At: time.Now(), Took: time.Second, Matches: []event.Match{paused}}
		if err := s.Polled(ctx, a.ID, result); err != nil {
			t.Fatal(err)
		}
		result = poll.Result{Due: due, At: time.Now(), Matches: []event.Match{{Status: event.Live}}}
		if err := s.Polled(ctx, a.ID, result); err != nil {
			t.Fatal(err)
		}
		e, _, _ = s.Get(ctx, a.ID)
		if e.Interval != 4*time.Second || e.Latest.Took != time.Second || e.Next.Sub(due) != 64*time.Second {
			t.Errorf("after an old result: the next poll is due %v later, entry %+v; want 64s and interval 4s",
				e.Next.Sub(due), e)
		}
		due = due.Add(2 * time.Second)
		if err := s.Polled(ctx, a.ID, poll.Result{Due: due, At: time.Now(), Failures: 2, Problem: "away"}); err != nil {
			t.Fatal(err)
		}
		if e, _, _ := s.Get(ctx, a.ID); e.Latest.Problem != "away" || e.Latest.Failures != 2 || len(e.Latest.Matches) != 1 {
			t.Errorf("after a failed poll: entry %+v, want problem away, 2 failures and the earlier match", e)
		}
		tid := event.NewTID()
		for range 2 {
			result := poll.Result{Due: due, At: time.Now(), Stop: "forbidden", Problem: "forbidden"}
			if err := s.Polled(event.WithTID(ctx, tid), a.ID, result); err != nil {
				t.Fatal(err)
			}
		}
		all := emitted(t, r)
		if last := all[len(all)-1]; len(all) != 2 || last.Type != "soccer.mls.match_deactivated" ||
			last.TID != tid || last.Data.Reason != "forbidden" {
			t.Errorf("emitted %+v, want one match_deactivated of job %s with reason forbidden", all, tid)
		}
		e, ok, _ := s.Get(ctx, a.ID)
		if !ok || !e.Next.IsZero() || e.Latest.Stopped != "forbidden" || len(e.Latest.Matches) != 1 {
			t.Errorf("stopped: entry %+v, found %v; want it stopped as forbidden, with the earlier match", e, ok)
		}
		// The same event does not restart a stopped source. A new activation does.
		if _, current, err := s.Begin(ctx, a.ID, a.Event, 0); current || err != nil {
			t.Errorf("begun after the stop: current %v, error %v, want false", current, err)
		}
		b, fresh, err := s.Activate(ctx, activation("https://a.example/", ""))
		if err != nil || !fresh || b.Event == a.Event {
			t.Errorf("reactivated: %+v, fresh %v, error %v; want a new activation", b, fresh, err)
		}
		if e, _, _ := s.Get(ctx, a.ID); e.Latest.Stopped != "" {
			t.Errorf("reactivated: entry %+v, want it not stopped", e)
		}
	})
}

// Redis's clock determines when the next poll is due. A worker whose clock is a minute ahead does
// not delay the poll.
func TestPolledUsesRedisClock(t *testing.T) {
	m := miniredis.RunT(t)
	now := time.Now().Add(-time.Minute).Truncate(time.Millisecond) // the clock of this process is a minute ahead
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
		t.Fatalf("begun at %v, error %v; want %v", due, err, now)
	}
	live := []event.Match{{Status: event.Live}}
	for _, tc := range []struct {
		what   string
		took   time.Duration
		polled poll.Result
		want   time.Duration // from the time at which the poll was due to the next poll
	}{
		{"at once", 0, poll.Result{Matches: live}, time.Second},
		{"within the interval", time.Second / 2, poll.Result{Matches: live}, time.Second},
		{"late", 5 * time.Second, poll.Result{Matches: live}, 6 * time.Second},
		{"and asked to wait", time.Second, poll.Result{Failures: 1, Wait: 10 * time.Second}, 11 * time.Second},
	} {
		m.SetTime(now.Add(tc.took))
		tc.polled.Due, tc.polled.At = due, time.Now()
		if err := s.Polled(t.Context(), a.ID, tc.polled); err != nil {
			t.Fatal(err)
		}
		if e, _, err := s.Get(t.Context(), a.ID); err != nil || e.Next.Sub(due) != tc.want {
			t.Errorf("polled %s: the next poll is due %v later, want %v (error %v)", tc.what, e.Next.Sub(due), tc.want, err)
		}
	}
}

// tasks collects the published tasks.
type tasks struct {
	mu       sync.Mutex
	all      []broker.Task
	received chan struct{} // receives a value after each task
}

func (c *tasks) handle(_ context.Context, m broker.Message) error {
	t, err := broker.DecodeTask(m.Body)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.all = append(c.all, t)
	c.mu.Unlock()
	c.received <- struct{}{}
	return nil
}

// of returns the polls of a source, and their tasks.
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

// Several schedulers share one broker. An activation immediately causes a task with the same TID.
// Each later task has its own TID, and its cause is the activation. Sources that the config no
// longer names are deactivated.
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
		got := tasks{received: make(chan struct{}, 100)}
		ready := make(chan struct{})
		running.Go(func() {
			_ = b.Subscribe(ctx, broker.Subscription{
				Queue: broker.TaskQueue(poll.PagePoll), Exchange: broker.Tasks, Patterns: []string{poll.PagePoll}, Ready: ready,
			}, got.handle)
		})
		<-ready
		running.Go(func() { _ = box.Run(ctx) })

		tid := event.NewTID()
		a, _, err := s.Activate(event.WithTID(ctx, tid), activation("https://a.example/", "m1"))
		if err != nil {
			t.Fatal(err)
		}
		bounded, stop := context.WithTimeout(ctx, 20*time.Second)
		defer stop()
		for {
			polls, _ := got.of(a.ID)
			byConfig, _ := got.of(event.SourceID("https://named.example/", ""))
			if len(polls) >= 2 && len(byConfig) >= 2 {
				break
			}
			if len(polls) == 1 { // make the next poll due sooner
				r.HSet(ctx, "mw:{schedule}:interval", a.ID, 500)
			}
			select {
			case <-got.received:
			case <-bounded.Done():
				t.Fatalf("after 20 seconds: polls of the activated source %+v, of the config's source %+v; want 2 each",
					polls, byConfig)
			}
		}
		polls, all := got.of(a.ID)
		if polls[0].Source != a.Source || all[0].TID != tid || all[0].CausationID != a.Event || polls[0].Activated != tid {
			t.Errorf("the first task is %+v, poll %+v; want the activation's TID, and its event as the cause", all[0], polls[0])
		}
		if all[1].TID == tid || all[1].TID.IsZero() || all[1].CausationID != a.Event ||
			polls[1].Activated != tid || !polls[1].Due.After(polls[0].Due) {
			t.Errorf("the second task is %+v, poll %+v; want a new TID and the activation as its cause", all[1], polls[1])
		}
		if all[0].Expires.Before(polls[0].Due.Add(10*time.Second)) || all[1].Expires.Before(polls[1].Due) {
			t.Errorf("the tasks expire at %v and %v; want 10 s after %v or later, and %v or later",
				all[0].Expires, all[1].Expires, polls[0].Due, polls[1].Due)
		}
		list, err := s.List(ctx)
		urls := []string{}
		for _, e := range list {
			urls = append(urls, e.URL)
		}
		if slices.Sort(urls); err != nil || strings.Join(urls, " ") != "https://a.example/ https://named.example/" {
			t.Errorf("the active sources are %v, error %v; want a.example and named.example", urls, err)
		}
	})
}
