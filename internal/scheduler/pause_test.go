package scheduler_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/poll"
)

// pop returns the polls that are due.
func pop(t *testing.T, s *scheduler.Schedule) []scheduler.DuePoll {
	t.Helper()
	polls, _, err := s.Pop(t.Context(), 8, new(scheduler.PopID))
	if err != nil {
		t.Fatal(err)
	}
	return polls
}

// A paused source is not polled, whatever else happens to it, until it is resumed. The poll after that has the TID of
// the request.
func TestPause(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		ctx := event.WithTID(t.Context(), event.NewTID())
		s := scheduler.NewSchedule(r, "mw:", nil)
		a := begun(t, s, "https://a.example/")
		for range 2 {
			if err := s.Pause(ctx, a.ID); err != nil {
				t.Fatal(err)
			}
		}
		paused := func(what string) {
			t.Helper()
			other := scheduler.NewSchedule(r, "mw:", nil) // of another process
			e, ok, err := other.Get(t.Context(), a.ID)
			if err != nil || !ok || e.Paused == nil || e.Paused.TID != event.TIDFrom(ctx) ||
				time.Since(e.Paused.Since).Abs() > time.Minute || !e.Next.IsZero() || e.IsOverdue(time.Now().Add(time.Hour)) {
				t.Errorf("%s: entry %+v, found %v, error %v; want it paused by job %s", what, e, ok, err, event.TIDFrom(ctx))
			}
			if polls := pop(t, other); len(polls) != 0 {
				t.Errorf("%s: polls %+v, want none", what, polls)
			}
			all, err := other.List(t.Context())
			if err != nil || len(all) != 1 || all[0].Paused == nil {
				t.Errorf("%s: list %+v, error %v; want one paused source", what, all, err)
			}
		}
		paused("paused")
		if err := s.Polled(t.Context(), a.ID, poll.Result{Due: time.Now(), At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		paused("after a poll that was under way")
		if _, current, err := s.Begin(t.Context(), a.ID, a.Event, 0); current || err != nil {
			t.Errorf("begun again: current %v, error %v, want false", current, err)
		}
		if _, fresh, err := s.Activate(t.Context(), activation("https://a.example/", "")); fresh || err != nil {
			t.Errorf("activated again: fresh %v, error %v, want false", fresh, err)
		}
		paused("after another activation")
		// An earlier version of matchwire schedules a poll.
		if err := r.ZAdd(t.Context(), "mw:{schedule}:due", redis.Z{Score: 1, Member: a.ID}).Err(); err != nil {
			t.Fatal(err)
		}
		if polls := pop(t, s); len(polls) != 0 {
			t.Errorf("a poll of another process: %+v, want none", polls)
		}
		paused("after a poll of another process")
		if err := s.Ask(ctx, a.ID); !errors.Is(err, scheduler.ErrPaused) {
			t.Errorf("asked for a poll: error %v, want %v", err, scheduler.ErrPaused)
		}

		tid := event.NewTID()
		for range 2 {
			if err := s.Resume(event.WithTID(t.Context(), tid), a.ID); err != nil {
				t.Fatal(err)
			}
		}
		if polls := pop(t, s); len(polls) != 1 || polls[0].Asked != tid {
			t.Errorf("resumed: polls %+v, want one of job %s", polls, tid)
		}
		if e, _, err := s.Get(t.Context(), a.ID); err != nil || e.Paused != nil || e.Next.IsZero() {
			t.Errorf("resumed: entry %+v, error %v; want it scheduled", e, err)
		}
		if deadline := r.ZScore(t.Context(), "mw:{schedule}:deadline", a.ID).Val(); deadline == 0 {
			t.Error("resumed: no poll is expected")
		}

		// A poll that was under way when the source was paused can stop it.
		if err := s.Pause(ctx, a.ID); err != nil {
			t.Fatal(err)
		}
		result := poll.Result{Due: time.Now().Add(time.Second), At: time.Now(), Stop: "forbidden"}
		for range 2 {
			if err := s.Polled(event.WithTID(t.Context(), tid), a.ID, result); err != nil {
				t.Fatal(err)
			}
		}
		all := emitted(t, r)
		if last := all[len(all)-1]; len(all) != 2 || last.Data.Kind != event.MatchDeactivated {
			t.Errorf("stopped: emitted %+v, want one match_deactivated after the activation", all)
		}
		for name, request := range map[string]func(context.Context, string) error{
			"pause": s.Pause, "resume": s.Resume, "ask": s.Ask,
		} {
			if err := request(ctx, a.ID); !errors.Is(err, scheduler.ErrStopped) {
				t.Errorf("%s a stopped source: error %v, want %v", name, err, scheduler.ErrStopped)
			}
			if err := request(ctx, "other"); !errors.Is(err, scheduler.ErrNotActive) {
				t.Errorf("%s an unknown source: error %v, want %v", name, err, scheduler.ErrNotActive)
			}
		}
		// A source that is deactivated and activated again by calls is not paused.
		b := begun(t, s, "https://b.example/")
		if err := s.Pause(ctx, b.ID); err != nil {
			t.Fatal(err)
		}
		if was, err := s.Deactivate(t.Context(), b.ID, "enough"); !was || err != nil {
			t.Fatal(was, err)
		}
		begun(t, s, "https://b.example/")
		if e, _, err := s.Get(t.Context(), b.ID); err != nil || e.Paused != nil {
			t.Errorf("activated after a deactivation: entry %+v, error %v; want it not paused", e, err)
		}
	})
}

// A poll that an operator asks for is due at once, under the TID of the request, unless the source was just polled. The
// result of an earlier poll does not delay it.
func TestAsk(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := scheduler.NewSchedule(r, "mw:", nil)
		a := begun(t, s, "https://a.example/")
		pop(t, s)
		tid := event.NewTID()
		ctx := event.WithTID(t.Context(), tid)
		var soon *scheduler.TooSoonError
		if err := s.Ask(ctx, a.ID); !errors.As(err, &soon) || soon.Wait <= 0 || soon.Wait > 5*time.Second {
			t.Errorf("asked after a poll: error %v, want one to wait for at most 5 s", err)
		}
		if polls := pop(t, s); len(polls) != 0 {
			t.Errorf("asked after a poll: polls %+v, want none", polls)
		}
		earlier := time.Now().Add(-time.Minute)
		if err := r.HSet(ctx, "mw:{schedule}:tick", a.ID, earlier.UnixMilli()).Err(); err != nil {
			t.Fatal(err)
		}
		if err := s.Ask(ctx, a.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.Polled(t.Context(), a.ID, poll.Result{Due: earlier, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if polls := pop(t, s); len(polls) != 1 || polls[0].Asked != tid || time.Since(polls[0].Due).Abs() > 10*time.Second {
			t.Errorf("asked: polls %+v, want one of job %s that is due now", polls, tid)
		}
		if polls := pop(t, s); len(polls) != 0 {
			t.Errorf("afterwards: polls %+v, want none", polls)
		}
	})
}

// If replies are lost, each request has one effect, and no error.
func TestRequestsWhenRepliesAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, r, lossy *redis.Client) {
		s := scheduler.NewSchedule(lossy, "mw:", nil)
		a := begun(t, scheduler.NewSchedule(r, "mw:", nil), "https://a.example/")
		if err := r.HSet(t.Context(), "mw:{schedule}:tick", a.ID, 1).Err(); err != nil {
			t.Fatal(err)
		}
		for _, request := range []func(context.Context, string) error{s.Ask, s.Pause, s.Resume} {
			if err := request(event.WithTID(t.Context(), event.NewTID()), a.ID); err != nil {
				t.Error(err)
			}
		}
		if polls := pop(t, scheduler.NewSchedule(r, "mw:", nil)); len(polls) != 1 {
			t.Errorf("polls %+v, want one", polls)
		}
	})
}

// The task of a poll that an operator asks for has the TID of the request. A worker records it even if the poll
// produces nothing.
func TestTaskOfRequest(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		ctx, cancel := context.WithCancel(t.Context())
		b := memory.New(nil, discard)
		s := scheduler.NewSchedule(r, "mw:", nil)
		a := begun(t, s, "https://a.example/")
		pop(t, s)
		if err := r.HSet(ctx, "mw:{schedule}:tick", a.ID, 1).Err(); err != nil {
			t.Fatal(err)
		}
		tid := event.NewTID()
		if err := s.Ask(event.WithTID(ctx, tid), a.ID); err != nil {
			t.Fatal(err)
		}
		got := tasks{received: make(chan struct{}, 100)}
		ready := make(chan struct{})
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		running.Go(func() {
			_ = b.Subscribe(ctx, broker.Subscription{
				Queue: broker.TaskQueue(poll.PagePoll), Exchange: broker.Tasks, Patterns: []string{poll.PagePoll}, Ready: ready,
			}, got.handle)
		})
		<-ready
		one := &scheduler.Scheduler{Schedule: s, Publisher: b, Log: discard}
		running.Go(func() { _ = one.Run(ctx) })
		<-got.received
		polls, all := got.of(a.ID)
		if len(all) != 1 || all[0].TID != tid || all[0].CausationID != a.Event || !polls[0].Asked || polls[0].ByClock(tid) {
			t.Errorf("tasks %+v, polls %+v; want one of job %s", all, polls, tid)
		}
	})
}
