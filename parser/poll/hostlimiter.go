package poll

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/ratelimit"
	"github.com/matchwire/matchwire/parser/page"
)

// A RedisLimiter spaces the requests that all workers of an installation send to each host. It uses
// a [ratelimit.Limiter], with this key in Redis for each host:
//
//	mw:{host:<scheme and host>}  hash: next (the next free slot), rest (the end of the pause)
type RedisLimiter struct {
	limiter ratelimit.Limiter
	prefix  string
}

// NewRedisLimiter returns a limiter that stores its state in r. Its keys begin with prefix.
func NewRedisLimiter(r redis.UniversalClient, prefix string) RedisLimiter {
	return RedisLimiter{ratelimit.Limiter{Redis: r}, prefix}
}

func (l RedisLimiter) key(host string) string { return l.prefix + "{host:" + host + "}" }

// pauseName is the name of the hash field that contains the end of the pause.
const pauseName = "rest"

// Reserve implements [page.HostLimiter].
func (l RedisLimiter) Reserve(ctx context.Context, host string, gap, maxWait time.Duration) (time.Duration, error) {
	slot := ratelimit.Request{Gap: gap, MaxWait: maxWait, Pause: pauseName}
	wait, verdict, err := l.limiter.Reserve(ctx, l.key(host), slot)
	if err != nil {
		return 0, fmt.Errorf("reserving a slot at %s: %w", host, err)
	}
	switch verdict {
	case ratelimit.Paused:
		return 0, &page.RefusedError{Status: http.StatusTooManyRequests, Wait: wait}
	case ratelimit.Busy:
		return 0, &page.BusyError{Wait: wait}
	}
	return wait, nil
}

// Pause implements [page.HostLimiter].
func (l RedisLimiter) Pause(ctx context.Context, host string, d time.Duration) error {
	if err := l.limiter.Pause(ctx, l.key(host), pauseName, d); err != nil {
		return fmt.Errorf("pausing requests to %s: %w", host, err)
	}
	return nil
}
