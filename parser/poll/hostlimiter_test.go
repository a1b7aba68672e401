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

// Workers share the slots at a host, and none sends a request to a paused one.
func TestLimiterIsShared(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		ctx := t.Context()
		const most = 20 * time.Second
		one, two := poll.NewRedisLimiter(r, "mw:"), poll.NewRedisLimiter(r, "mw:")
		first, err1 := one.Reserve(ctx, "http://a", time.Second, most)
		second, err2 := two.Reserve(ctx, "http://a", time.Second, most)
		elsewhere, err3 := two.Reserve(ctx, "http://b", time.Second, most)
		if err1 != nil || err2 != nil || err3 != nil || first != 0 || second < 900*time.Millisecond || second > time.Second || elsewhere != 0 {
			t.Errorf("%v %v %v, %v %v %v", first, second, elsewhere, err1, err2, err3)
		}
		if err := one.Pause(ctx, "http://a", 40*time.Second); err != nil {
			t.Fatal(err)
		}
		_ = one.Pause(ctx, "http://a", time.Second) // takes nothing back
		_, err := two.Reserve(ctx, "http://a", time.Second, most)
		var refused *page.RefusedError
		if !errors.As(err, &refused) || refused.Wait < 38*time.Second || refused.Wait > 40*time.Second {
			t.Errorf("a paused host: %v", err)
		}
		for range 30 {
			_, err = one.Reserve(ctx, "http://b", time.Second, most)
		}
		var busy *page.BusyError
		if !errors.As(err, &busy) || busy.Wait < 15*time.Second {
			t.Errorf("a host that everybody waits for: %v", err)
		}
	})
}
