package notify

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/ratelimit"
	"github.com/matchwire/matchwire/internal/testenv"
)

// redisAt returns an embedded Redis and a client. at is the initial time of Redis's clock.
func redisAt(t *testing.T, at time.Time) (*miniredis.Miniredis, *redis.Client) {
	m := miniredis.RunT(t)
	m.SetTime(at)
	c := redis.NewClient(&redis.Options{Addr: m.Addr()})
	t.Cleanup(func() { c.Close() })
	return m, c
}

// Redis's clock decides when a slot is free and when a pause ends. A process whose clock is a minute
// ahead waits as long as other processes.
func TestRateLimiterUsesRedisClock(t *testing.T) {
	began := time.Now().Add(-time.Minute) // this process is a minute ahead
	m, c := redisAt(t, began)
	for name, tc := range map[string]struct {
		rate send.Rate
		use  func(l rateLimiter) error
	}{
		"rate": {send.Rate{N: 1, Per: time.Minute}, func(l rateLimiter) error { return l.wait(t.Context(), "a") }},
		"pause": {send.Rate{}, func(l rateLimiter) error {
			l.pause(t.Context(), "a", time.Now().Add(time.Minute))
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m.SetTime(began)
			l := rateLimiter{limiter: ratelimit.Limiter{Redis: c}, prefix: "mw:" + name + ":", rate: tc.rate}
			if err := tc.use(l); err != nil {
				t.Fatal(err)
			}
			var postponed *broker.PostponedError
			m.SetTime(began.Add(57 * time.Second))
			if err := l.wait(t.Context(), "a"); !errors.As(err, &postponed) {
				t.Errorf("wait 57 s later by Redis's clock: error %v, want a PostponedError", err)
			} else if wait := time.Until(postponed.Until); wait > 3*time.Second {
				t.Errorf("wait 57 s later by Redis's clock is postponed by %v, want at most 3 s", wait)
			}
			m.SetTime(began.Add(61 * time.Second))
			if err := l.wait(t.Context(), "a"); err != nil {
				t.Errorf("wait 61 s later by Redis's clock: error %v, want nil", err)
			}
		})
	}
}

// The second notification of a match waits until the gap has passed. Notifications of other matches
// do not wait.
func TestSpacing(t *testing.T) {
	m, c := redisAt(t, time.Now())
	l := rateLimiter{limiter: ratelimit.Limiter{Redis: c}, prefix: "mw:a:"}
	const gap = 10 * time.Second // longer than maxSlotWait
	for _, match := range []string{"m", "other"} {
		if err := l.space(t.Context(), match, gap); err != nil {
			t.Errorf("first notification of %s: error %v, want nil", match, err)
		}
	}
	if err := l.space(t.Context(), "m", gap); !errors.As(err, new(*broker.PostponedError)) {
		t.Errorf("second notification: error %v, want a PostponedError", err)
	}
	m.SetTime(time.Now().Add(gap))
	if err := l.space(t.Context(), "m", gap); err != nil {
		t.Errorf("notification after the gap: error %v, want nil", err)
	}
}

// Redis's clock decides when the lock of an incident has expired.
func TestLockUsesRedisClock(t *testing.T) {
	began := time.Now().Add(-time.Minute)
	m, c := redisAt(t, began)
	d := deliveries{redis: c, prefix: "mw:notify:a:", lease: 20 * time.Second, log: slog.New(slog.DiscardHandler)}
	goal := event.Event{ID: "goal", Data: event.Data{Incident: "i", Rev: 1}}
	corrected := event.Event{ID: "corrected", Data: event.Data{Incident: "i", Rev: 2}}
	if _, err := d.begin(t.Context(), goal); err != nil {
		t.Fatal(err)
	}
	m.SetTime(began.Add(19 * time.Second))
	if _, err := d.begin(t.Context(), corrected); !errors.As(err, new(*broker.PostponedError)) {
		t.Errorf("begin before the lock expires: error %v, want a PostponedError", err)
	}
	m.SetTime(began.Add(21 * time.Second))
	if _, err := d.begin(t.Context(), corrected); err != nil {
		t.Errorf("begin after the lock expired: error %v, want nil", err)
	}
}

// The process that sends an event renews the lock of its incident.
func TestLockIsRenewed(t *testing.T) {
	at := time.Now()
	m, c := redisAt(t, at)
	const lease = 300 * time.Millisecond
	d := deliveries{redis: c, prefix: "mw:notify:a:", lease: lease, log: slog.New(slog.DiscardHandler)}
	goal := event.Event{ID: "goal", Data: event.Data{Incident: "i", Rev: 1}}
	corrected := event.Event{ID: "corrected", Data: event.Data{Incident: "i", Rev: 2}}
	s, err := d.begin(t.Context(), goal)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		at = at.Add(lease * 9 / 10)
		m.SetTime(at)
		testenv.Eventually(t, func() bool {
			until, _ := c.HGet(t.Context(), d.key("i"), "until").Int64()
			return until > at.Add(lease/2).UnixMilli()
		}, "the lock to be renewed")
	}
	if _, err := d.begin(t.Context(), corrected); !errors.As(err, new(*broker.PostponedError)) {
		t.Errorf("begin while the lock is renewed: error %v, want a PostponedError", err)
	}
	s.end(t.Context())
	if _, err := d.begin(t.Context(), corrected); err != nil {
		t.Errorf("begin after the lock was released: error %v, want nil", err)
	}
}
