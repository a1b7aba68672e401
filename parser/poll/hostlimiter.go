package poll

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/parser/page"
)

// A RedisLimiter is a [page.HostLimiter] that all workers of an installation share. Its key in
// Redis is
//
//	mw:{host:<scheme and host>}  hash: next (the next free slot), rest (the end of the pause)
//
// Both are Unix milliseconds by the clock of the Redis server.
type RedisLimiter struct {
	redis  redis.UniversalClient
	prefix string
}

// NewRedisLimiter returns a limiter in r. Its keys begin with prefix.
func NewRedisLimiter(r redis.UniversalClient, prefix string) RedisLimiter {
	return RedisLimiter{r, prefix}
}

func (l RedisLimiter) keys(host string) []string { return []string{l.prefix + "{host:" + host + "}"} }

// reserveSlot returns a number of milliseconds, and what it is: 0, the wait for the slot that was
// reserved; 1, the rest of the pause; 2, a wait that is too long.
var reserveSlot = redis.NewScript(`
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local rest = tonumber(redis.call('hget', KEYS[1], 'rest') or '0') - now
if rest > 0 then return {rest, 1} end
local wait = math.max(0, tonumber(redis.call('hget', KEYS[1], 'next') or '0') - now)
if wait > tonumber(ARGV[2]) then return {wait, 2} end
redis.call('hset', KEYS[1], 'next', string.format('%.0f', now + wait + ARGV[1]))
redis.call('pexpire', KEYS[1], math.max(wait + ARGV[1] + 60000, redis.call('pttl', KEYS[1])))
return {wait, 0}`)

// Reserve implements [page.HostLimiter].
func (l RedisLimiter) Reserve(ctx context.Context, host string, gap, maxWait time.Duration) (time.Duration, error) {
	reply, err := reserveSlot.Run(ctx, l.redis, l.keys(host), gap.Milliseconds(), maxWait.Milliseconds()).Int64Slice()
	if err != nil {
		return 0, fmt.Errorf("reserving a slot at %s: %w", host, err)
	}
	wait := time.Duration(reply[0]) * time.Millisecond
	switch reply[1] {
	case 1:
		return 0, &page.RefusedError{Status: http.StatusTooManyRequests, Wait: wait}
	case 2:
		return 0, &page.BusyError{Wait: wait}
	}
	return wait, nil
}

// pauseHost pauses a host, unless it is paused for longer.
var pauseHost = redis.NewScript(`
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local till = math.max(now + ARGV[1], tonumber(redis.call('hget', KEYS[1], 'rest') or '0'))
redis.call('hset', KEYS[1], 'rest', string.format('%.0f', till))
redis.call('pexpire', KEYS[1], math.max(till - now + 60000, redis.call('pttl', KEYS[1])))
return 1`)

// Pause implements [page.HostLimiter].
func (l RedisLimiter) Pause(ctx context.Context, host string, d time.Duration) error {
	if err := pauseHost.Run(ctx, l.redis, l.keys(host), d.Milliseconds()).Err(); err != nil {
		return fmt.Errorf("pausing requests to %s: %w", host, err)
	}
	return nil
}
