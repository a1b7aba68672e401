package ratelimit_test

import (
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/ratelimit"
	"github.com/matchwire/matchwire/internal/testenv"
)

// A reply is the result of a request.
type reply struct {
	wait    time.Duration
	verdict ratelimit.Verdict
}

func reserve(t *testing.T, l ratelimit.Limiter, key string, r ratelimit.Request) reply {
	t.Helper()
	wait, verdict, err := l.Reserve(t.Context(), key, r)
	if err != nil {
		t.Fatal(err)
	}
	return reply{wait.Round(time.Second), verdict}
}

// Processes share the slots of a key, on an embedded and on a real Redis.
func TestSlotsAreShared(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		one, two := ratelimit.Limiter{Redis: r}, ratelimit.Limiter{Redis: r}
		minute := ratelimit.Request{Gap: time.Minute, MaxWait: time.Hour}
		got := []reply{
			reserve(t, one, "a", minute), reserve(t, two, "a", minute), reserve(t, one, "a", minute),
			reserve(t, two, "b", minute),
		}
		if w := []reply{{0, 0}, {time.Minute, 0}, {2 * time.Minute, 0}, {0, 0}}; !slices.Equal(got, w) {
			t.Errorf("got %v, want %v", got, w)
		}
	})
}

// Redis's clock determines when a slot is free, even if the clock of this process is an hour ahead.
func TestRedisClockDecides(t *testing.T) {
	m := miniredis.RunT(t)
	began := time.Now().Add(-time.Hour)
	at := func(d time.Duration) { m.SetTime(began.Add(d)) }
	c := redis.NewClient(&redis.Options{Addr: m.Addr()})
	t.Cleanup(func() { c.Close() })
	l := ratelimit.Limiter{Redis: c}
	t.Run("burst", func(t *testing.T) {
		at(0)
		three := ratelimit.Request{Gap: 20 * time.Second, Burst: 3, MaxWait: 2 * time.Second}
		var got []reply
		for range 5 {
			got = append(got, reserve(t, l, "burst", three))
		}
		busy := reply{20 * time.Second, ratelimit.Busy}
		if w := []reply{{}, {}, {}, busy, busy}; !slices.Equal(got, w) {
			t.Errorf("at once: %v, want %v", got, w)
		}
		at(19 * time.Second)
		if got, w := reserve(t, l, "burst", three), (reply{time.Second, ratelimit.Reserved}); got != w {
			t.Errorf("after 19 s: %v, want %v", got, w)
		}
		at(100 * time.Second)
		got = nil
		for range 4 {
			got = append(got, reserve(t, l, "burst", three))
		}
		if w := []reply{{}, {}, {}, busy}; !slices.Equal(got, w) {
			t.Errorf("after a break: %v, want %v", got, w)
		}
	})
	t.Run("queue", func(t *testing.T) {
		at(0)
		queue := ratelimit.Request{Gap: time.Minute, Queue: true}
		var got []reply
		for range 4 {
			got = append(got, reserve(t, l, "queue", queue))
		}
		w := []reply{{}, {time.Minute, ratelimit.Busy}, {2 * time.Minute, ratelimit.Busy}, {3 * time.Minute, ratelimit.Busy}}
		if !slices.Equal(got, w) {
			t.Errorf("got %v, want %v", got, w)
		}
	})
	t.Run("pause", func(t *testing.T) {
		at(0)
		free := ratelimit.Request{Pause: "paused"}
		for _, wait := range []time.Duration{time.Minute, time.Second} { // the second does not shorten the first
			if err := l.Pause(t.Context(), "pause", "paused", wait); err != nil {
				t.Fatal(err)
			}
		}
		at(57 * time.Second)
		if got, w := reserve(t, l, "pause", free), (reply{3 * time.Second, ratelimit.Paused}); got != w {
			t.Errorf("after 57 s: %v, want %v", got, w)
		}
		if got := reserve(t, l, "pause", ratelimit.Request{Pause: "another"}); got != (reply{}) {
			t.Errorf("another pause: %v, want a slot", got)
		}
		at(61 * time.Second)
		if got := reserve(t, l, "pause", free); got != (reply{}) {
			t.Errorf("after 61 s: %v, want a slot", got)
		}
	})
}

// Every key expires a minute after the latest time that it contains.
func TestKeysExpire(t *testing.T) {
	m := miniredis.RunT(t)
	c := redis.NewClient(&redis.Options{Addr: m.Addr()})
	t.Cleanup(func() { c.Close() })
	l := ratelimit.Limiter{Redis: c}
	reserve(t, l, "slot", ratelimit.Request{Gap: time.Hour})
	reserve(t, l, "slot", ratelimit.Request{Gap: time.Second})
	if err := l.Pause(t.Context(), "pause", "paused", time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"slot", "pause"} {
		if ttl := m.TTL(key).Round(time.Second); ttl != 61*time.Minute {
			t.Errorf("%s expires after %v, want an hour and a minute", key, ttl)
		}
	}
}
