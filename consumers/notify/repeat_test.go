package notify

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// The client repeats a script whose reply was lost. The repetition does not change the state of an
// incident or its lock.
func TestDeliveriesWhenRepliesAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, r, lossy *redis.Client) {
		ctx := t.Context()
		d := deliveries{redis: lossy, prefix: "mw:notify:a:", lease: time.Minute, log: slog.New(slog.DiscardHandler)}
		at := time.Now()
		of := func(id string, rev int, action event.Action, after time.Duration) event.Event {
			return event.Event{ID: id, Time: at.Add(after), Data: event.Data{Incident: "i", Rev: rev, Action: action}}
		}
		goal, corrected := of("goal", 1, event.New, 0), of("corrected", 2, event.Corrected, time.Minute)
		begin := func(e event.Event) *incidentState {
			t.Helper()
			s, err := d.begin(ctx, e)
			if err != nil {
				t.Fatalf("begin of %s: error %v, want nil", e.ID, err)
			}
			return s
		}
		if err := d.markSeen(ctx, goal); err != nil {
			t.Error(err)
		}
		s := begin(goal)
		if err := s.suppress(ctx, "backfill"); err != nil {
			t.Error(err)
		}
		if _, err := d.begin(ctx, corrected); !errors.As(err, new(*broker.PostponedError)) {
			t.Errorf("begin while another event holds the lock: error %v, want a PostponedError", err)
		}
		s.end(ctx)
		s = begin(corrected)
		if s.suppressed != "backfill" {
			t.Errorf("a correction that was observed later is suppressed by %q, want backfill", s.suppressed)
		}
		s.end(ctx)
		if _, err := d.begin(ctx, goal); !errors.Is(err, errSuperseded) {
			t.Errorf("begin of an earlier revision: error %v, want errSuperseded", err)
		}
		before := corrected
		before.Time = at.Add(-time.Minute)
		s = begin(before)
		if s.suppressed != "" {
			t.Errorf("a correction that was observed before the backfill is suppressed by %q, want no suppression", s.suppressed)
		}
		to := target{recipient: recipient{id: "x"}}
		if err := s.recordAttempt(ctx, []target{to}); err != nil {
			t.Error(err)
		}
		s.markDelivered(ctx, to)
		s.end(ctx)
		s = begin(corrected)
		if s.delivered["x"] != 2 || len(s.attempted) != 0 {
			t.Errorf("delivered %v, attempted %v, want revision 2 delivered to x", s.delivered, s.attempted)
		}
		s.end(ctx)
		if left := r.HKeys(ctx, d.key("i")).Val(); len(left) != 2 {
			t.Errorf("hash fields %v, want seen and to:x", left)
		}
	})
}

// The client repeats a script whose reply was lost. Each subscription is stored and removed once.
func TestSubscribersWhenRepliesAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, _, lossy *redis.Client) {
		s := &subscribers{redis: lossy, key: "mw:subscribers", log: slog.New(slog.DiscardHandler)}
		one := subscriber{Subscription: send.Subscription{Endpoint: "https://push.example/1"}}
		if err := s.add(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		if all, err := s.list(t.Context()); len(all) != 1 || err != nil {
			t.Errorf("subscribers after add: %v, error %v, want one", all, err)
		}
		s.remove(t.Context(), subscriptionID(one.Subscription), "unsubscribed")
		if all, err := s.list(t.Context()); len(all) != 0 || err != nil {
			t.Errorf("subscribers after remove: %v, error %v, want none", all, err)
		}
	})
}
