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

// The client sends a script again when its answer was lost. The state of an incident and its lock
// are the same afterwards.
func TestDeliveriesWhenAnswersAreLost(t *testing.T) {
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
				t.Fatalf("%s: %v", e.ID, err)
			}
			return s
		}
		if err := d.see(ctx, goal); err != nil {
			t.Error(err)
		}
		s := begin(goal)
		if err := s.mute(ctx, "backfill"); err != nil {
			t.Error(err)
		}
		if _, err := d.begin(ctx, corrected); !errors.As(err, new(*broker.PostponedError)) {
			t.Errorf("while the goal is locked: %v, want it postponed", err)
		}
		s.end(ctx)
		s = begin(corrected)
		if s.muted != "backfill" {
			t.Errorf("a correction found later is muted by %q, want backfill", s.muted)
		}
		s.end(ctx)
		if _, err := d.begin(ctx, goal); !errors.Is(err, errSuperseded) {
			t.Errorf("the earlier revision: %v, want errSuperseded", err)
		}
		before := corrected
		before.Time = at.Add(-time.Minute)
		s = begin(before)
		if s.muted != "" {
			t.Errorf("a correction that was observed before is muted by %q", s.muted)
		}
		to := target{recipient: recipient{id: "x"}}
		if err := s.expect(ctx, []target{to}); err != nil {
			t.Error(err)
		}
		s.arrived(ctx, to)
		s.end(ctx)
		s = begin(corrected)
		if s.to["x"] != 2 || len(s.try) != 0 {
			t.Errorf("delivered %v, tried %v, want revision 2 delivered to x", s.to, s.try)
		}
		s.end(ctx)
		if left := r.HKeys(ctx, d.key("i")).Val(); len(left) != 2 { // seen, to:x
			t.Errorf("the hash holds %v", left)
		}
	})
}

func TestSubscribersWhenAnswersAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, _, lossy *redis.Client) {
		s := &subscribers{redis: lossy, key: "mw:subscribers", log: slog.New(slog.DiscardHandler)}
		one := subscriber{Subscription: send.Subscription{Endpoint: "https://push.example/1"}}
		if err := s.add(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		if all, err := s.list(t.Context()); len(all) != 1 || err != nil {
			t.Errorf("subscribed are %v, %v, want one", all, err)
		}
		s.remove(t.Context(), subscriptionID(one.Subscription), "its owner asked")
		if all, err := s.list(t.Context()); len(all) != 0 || err != nil {
			t.Errorf("subscribed are %v, %v, want none", all, err)
		}
	})
}
