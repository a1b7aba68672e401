package poll_test

import (
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
)

// Two limiters in the same Redis database share the slots and the pause of a host.
func TestLimiterIsShared(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		ctx := t.Context()
		const maxWait = 20 * time.Second
		one, two := poll.NewRedisLimiter(r, "mw:"), poll.NewRedisLimiter(r, "mw:")
		first, err1 := one.Reserve(ctx, "http://a", time.Second, maxWait)
		second, err2 := two.Reserve(ctx, "http://a", time.Second, maxWait)
		elsewhere, err3 := two.Reserve(ctx, "http://b", time.Second, maxWait)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		if first != 0 || second < 900*time.Millisecond || second > time.Second || elsewhere != 0 {
			t.Errorf("waits %v and %v at one host and %v at another, want 0, about 1s and 0", first, second, elsewhere)
		}
		if err := one.Pause(ctx, "http://a", 40*time.Second); err != nil {
			t.Fatal(err)
		}
		if err := one.Pause(ctx, "http://a", time.Second); err != nil { // does not shorten the pause
			t.Fatal(err)
		}
		_, err := two.Reserve(ctx, "http://a", time.Second, maxWait)
		var refused *page.RefusedError
		if !errors.As(err, &refused) || refused.Wait < 38*time.Second || refused.Wait > 40*time.Second {
			t.Errorf("reserving a slot at a paused host: %v, want a RefusedError with a wait of about 40s", err)
		}
		for range 30 {
			_, err = one.Reserve(ctx, "http://b", time.Second, maxWait)
		}
		var busy *page.BusyError
		if !errors.As(err, &busy) || busy.Wait < 15*time.Second {
			t.Errorf("reserving a slot at a host with 20s of reserved slots: %v, want a BusyError with a wait of at least 15s",
				err)
		}
	})
}
