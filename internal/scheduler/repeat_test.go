package scheduler_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/poll"
)

// The client sends a script again when its answer was lost. The second answer is that of the first
// run, and nothing is done twice.
func TestScheduleWhenAnswersAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, r, lossy *redis.Client) {
		nudges := 0
		s := scheduler.NewSchedule(lossy, "mw:", func(string) { nudges++ })
		wrote := func(what string, kinds ...event.Kind) {
			t.Helper()
			all := emitted(t, r)
			if len(all) != len(kinds) || nudges != len(kinds) {
				t.Fatalf("%s: %d events in the outbox, nudged %d times; want %d", what, len(all), nudges, len(kinds))
			}
			for i, e := range all {
				if e.Data.Kind != kinds[i] {
					t.Errorf("%s: event %d is %s, want %s", what, i, e.Data.Kind, kinds[i])
				}
			}
		}
		ctx := event.WithTID(t.Context(), event.NewTID())
		a, fresh, err := s.Activate(ctx, activation("https://a.example/", "m1"))
		if !fresh || err != nil {
			t.Errorf("activated: fresh %v, %v", fresh, err)
		}
		wrote("activated", event.MatchActivated)
		if _, current, err := s.Begin(ctx, a.ID, a.Event, 0); !current || err != nil {
			t.Errorf("begun: current %v, %v", current, err)
		}
		var due time.Time
		testenv.Eventually(t, func() bool { // the second poll is due in the millisecond of the first
			ticks, _, err := s.Pop(ctx, 8, new(scheduler.Call))
			if err != nil || len(ticks) == 0 {
				return false
			}
			due = ticks[0].Due
			return true
		}, "the poll that is due")
		if tick := r.HGet(ctx, "mw:{schedule}:tick", a.ID).Val(); tick == "" {
			t.Error("the poll that was popped is not the latest tick")
		}
		live := []event.Match{{ID: "m1", Status: event.Live}}
		if err := s.Polled(ctx, a.ID, poll.Result{Due: due, At: time.Now(), Matches: live}); err != nil {
			t.Error(err)
		}
		if e, ok, err := s.Get(ctx, a.ID); !ok || err != nil || e.Next.Sub(due) < time.Second || len(e.Latest.Matches) != 1 {
			t.Errorf("polled: %+v %v %v", e, ok, err)
		}
		if err := s.Polled(ctx, a.ID, poll.Result{Due: due.Add(time.Second), At: time.Now(), Stop: "forbidden"}); err != nil {
			t.Error(err)
		}
		wrote("stopped", event.MatchActivated, event.MatchDeactivated)
		if _, fresh, err := s.Activate(ctx, activation("https://a.example/", "m1")); !fresh || err != nil {
			t.Errorf("activated again: fresh %v, %v", fresh, err)
		}
		wrote("activated again", event.MatchActivated, event.MatchDeactivated, event.MatchActivated)
		if was, err := s.Deactivate(ctx, a.ID, "enough"); !was || err != nil {
			t.Errorf("deactivated: %v, %v", was, err)
		}
		wrote("deactivated", event.MatchActivated, event.MatchDeactivated, event.MatchActivated, event.MatchDeactivated)
		if was, err := s.Deactivate(ctx, a.ID, "enough"); was || err != nil {
			t.Errorf("deactivated twice: %v, %v", was, err)
		}
	})
}

// Polls that were popped are not lost with the answer: the same call gets them.
func TestPopAgainWithoutAnAnswer(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		p := testenv.NewProxy(t, "redis://"+r.Options().Addr)
		opts, err := redis.ParseURL(p.URL)
		if err != nil {
			t.Fatal(err)
		}
		opts.DB, opts.MaxRetries = r.Options().DB, -1
		unsure := redis.NewClient(opts)
		defer unsure.Close()
		s := scheduler.NewSchedule(unsure, "mw:", nil)
		a := begun(t, s, "https://a.example/")
		if err := r.ZAdd(t.Context(), "mw:{schedule}:due", redis.Z{Score: 1, Member: a.ID}).Err(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Pop(t.Context(), 0, new(scheduler.Call)); err != nil { // Redis knows the script afterwards
			t.Fatal(err)
		}
		var call scheduler.Call
		p.LoseAnswers(1)
		if ticks, _, err := s.Pop(t.Context(), 8, &call); err == nil {
			t.Fatalf("no error without an answer: %v", ticks)
		}
		p.LoseAnswers(0)
		if ticks, _, err := s.Pop(t.Context(), 8, new(scheduler.Call)); len(ticks) != 0 || err != nil {
			t.Errorf("another call gets %v, %v, want nothing", ticks, err)
		}
		if ticks, _, err := s.Pop(t.Context(), 8, &call); len(ticks) != 1 || err != nil || ticks[0].Activation.ID != a.ID {
			t.Errorf("the same call gets %v, %v, want the poll", ticks, err)
		}
		if ticks, _, err := s.Pop(t.Context(), 8, &call); len(ticks) != 0 || err != nil {
			t.Errorf("the next call gets %v, %v, want nothing", ticks, err)
		}
	})
}
