package ratelimit_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/ratelimit"
)

// A Local returns the same waits and verdicts as a Limiter, for random requests at random times.
func TestLocalIsLikeALimiter(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	c := redis.NewClient(&redis.Options{Addr: m.Addr()})
	t.Cleanup(func() { c.Close() })
	l := ratelimit.Limiter{Redis: c}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	verdicts := map[ratelimit.Verdict]int{}
	for key, r := range map[string]ratelimit.Request{
		"none":  {},
		"space": {Gap: 1100 * time.Millisecond, MaxWait: 2 * time.Second},
		"rate":  {Gap: 5 * time.Second, Burst: 3, MaxWait: 2 * time.Second, Queue: true},
	} {
		var local ratelimit.Local
		now := time.Date(2016, 11, 6, 23, 0, 0, 0, time.UTC)
		for range 100 {
			now = now.Add(time.Duration(random.IntN(4000)) * time.Millisecond)
			m.SetTime(now)
			want, wantVerdict, err := l.Reserve(t.Context(), key, r)
			if err != nil {
				t.Fatal(err)
			}
			wait, verdict := local.Reserve(now, r)
			if wait != want || verdict != wantVerdict {
				t.Fatalf("%s: wait %v, verdict %d; want %v and %d", key, wait, verdict, want, wantVerdict)
			}
			verdicts[verdict]++
		}
	}
	if verdicts[ratelimit.Reserved] == 0 || verdicts[ratelimit.Busy] == 0 {
		t.Errorf("verdicts %v, want both Reserved and Busy", verdicts)
	}
}
