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

// If the reply to a script is lost, the client sends the script again. The script then returns the
// reply of its first run and changes nothing.
func TestScheduleWhenRepliesAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, r, lossy *redis.Client) {
		nudges := 0
		s := scheduler.NewSchedule(lossy, "mw:", func(string) { nudges++ })
		wrote := func(what string, kinds ...event.Kind) {
			t.Helper()
			all := emitted(t, r)
			if len(all) != len(kinds) || nudges != len(kinds) {
				t.Fatalf("%s: %d events in the outbox, nudged %d times; want %d each", what, len(all), nudges, len(kinds))
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
			t.Errorf("activated: fresh %v, error %v; want a fresh activation", fresh, err)
		}
		wrote("activated", event.MatchActivated)
		if _, current, err := s.Begin(ctx, a.ID, a.Event, 0); !current || err != nil {
			t.Errorf("begun: current %v, error %v; want current", current, err)
		}
		var due time.Time
		testenv.Eventually(t, func() bool { // the second poll is due in the same millisecond as the first poll
			polls, _, err := s.Pop(ctx, 8, new(scheduler.PopID))
			if err != nil || len(polls) == 0 {
				return false
			}
			due = polls[0].Due
			return true
		}, "a due poll")
		if tick := r.HGet(ctx, "mw:{schedule}:tick", a.ID).Val(); tick == "" {
			t.Error("no tick is stored after Pop, want the time at which the poll was due")
		}
		live := []event.Match{{ID: "m1", Status: event.Live}}
		if err := s.Polled(ctx, a.ID, poll.Result{Due: due, At: time.Now(), Matches: live}); err != nil {
			t.Error(err)
		}
		if e, ok, err := s.Get(ctx, a.ID); !ok || err != nil || e.Next.Sub(due) < time.Second || len(e.Latest.Matches) != 1 {
			t.Errorf("polled: entry %+v, found %v, error %v; want one match and the next poll a second after %v or later",
				e, ok, err, due)
		}
		if err := s.Polled(ctx, a.ID, poll.Result{Due: due.Add(time.Second), At: time.Now(), Stop: "forbidden"}); err != nil {
			t.Error(err)
		}
		wrote("stopped", event.MatchActivated, event.MatchDeactivated)
		if _, fresh, err := s.Activate(ctx, activation("https://a.example/", "m1")); !fresh || err != nil {
			t.Errorf("reactivated: fresh %v, error %v; want a fresh activation", fresh, err)
		}
		wrote("reactivated", event.MatchActivated, event.MatchDeactivated, event.MatchActivated)
		if was, err := s.Deactivate(ctx, a.ID, "enough"); !was || err != nil {
			t.Errorf("deactivated: found %v, error %v; want true", was, err)
		}
		wrote("deactivated", event.MatchActivated, event.MatchDeactivated, event.MatchActivated, event.MatchDeactivated)
		if was, err := s.Deactivate(ctx, a.ID, "enough"); was || err != nil {
			t.Errorf("deactivated twice: found %v, error %v; want false", was, err)
		}
	})
}

// If the reply to Pop is lost, the next Pop with the same PopID returns the popped polls.
func TestPopAgainAfterALostReply(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		p, lossy := testenv.ProxiedRedis(t, r, -1)
		s := scheduler.NewSchedule(lossy, "mw:", nil)
		a := begun(t, s, "https://a.example/")
		if err := r.ZAdd(t.Context(), "mw:{schedule}:due", redis.Z{Score: 1, Member: a.ID}).Err(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Pop(t.Context(), 0, new(scheduler.PopID)); err != nil { // loads the script
			t.Fatal(err)
		}
		var pop scheduler.PopID
		p.LoseReplies(1)
		if polls, _, err := s.Pop(t.Context(), 8, &pop); err == nil {
			t.Fatalf("Pop without a reply returns %v and no error, want an error", polls)
		}
		p.LoseReplies(0)
		if polls, _, err := s.Pop(t.Context(), 8, new(scheduler.PopID)); len(polls) != 0 || err != nil {
			t.Errorf("another PopID gets %v, error %v, want no polls", polls, err)
		}
		if polls, _, err := s.Pop(t.Context(), 8, &pop); len(polls) != 1 || err != nil || polls[0].Activation.ID != a.ID {
			t.Errorf("the same PopID gets %v, error %v, want the poll of %s", polls, err, a.ID)
		}
		if polls, _, err := s.Pop(t.Context(), 8, &pop); len(polls) != 0 || err != nil {
			t.Errorf("the same PopID gets %v, error %v the second time, want no polls", polls, err)
		}
	})
}
