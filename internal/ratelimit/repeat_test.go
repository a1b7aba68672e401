package ratelimit_test

import (
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/ratelimit"
	"github.com/matchwire/matchwire/internal/testenv"
)

// If the reply to a request is lost, the client repeats the request. Both requests together reserve
// one slot, or move the queue by one gap.
func TestRepeatedRequestsReserveOneSlot(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, _, lossy *redis.Client) {
		l := ratelimit.Limiter{Redis: lossy}
		patient := ratelimit.Request{Gap: time.Minute, MaxWait: time.Minute}
		queued := ratelimit.Request{Gap: time.Minute, Queue: true}
		var got []reply
		for _, r := range []ratelimit.Request{patient, patient, queued, queued} {
			got = append(got, reserve(t, l, "{a}", r))
		}
		w := []reply{
			{0, ratelimit.Reserved}, {time.Minute, ratelimit.Reserved},
			{2 * time.Minute, ratelimit.Busy}, {3 * time.Minute, ratelimit.Busy},
		}
		if !slices.Equal(got, w) {
			t.Errorf("replies are %v, want %v", got, w)
		}
	})
}
