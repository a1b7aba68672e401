package parser

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A HostLimiter spaces the requests to each host. Clients that fetch from the same hosts should
// share one: see [RedisLimiter].
type HostLimiter interface {
	// Reserve reserves the next slot at a host, gap after the previous one, and returns how long
	// to wait for it. The error is a [RefusedError] if the host is paused, and a [BusyError] if
	// the next free slot is more than most away.
	Reserve(ctx context.Context, host string, gap, most time.Duration) (time.Duration, error)
	// Pause lets no request to the host begin for a while. A longer pause is not shortened.
	Pause(ctx context.Context, host string, long time.Duration) error
}

// A BusyError reports that the next free slot at a host is too far away to wait for it.
type BusyError struct{ Wait time.Duration }

func (e *BusyError) Error() string {
	return fmt.Sprintf("too many pages of one host: the next slot is in %v", e.Wait.Round(time.Millisecond))
}

// A localLimiter spaces the requests of one process.
type localLimiter struct {
	mu    sync.Mutex
	hosts map[string]*hostSlots
}

// hostSlots are the next free slot of a host, and the end of its pause.
type hostSlots struct{ next, paused time.Time }

func (l *localLimiter) host(name string) *hostSlots {
	if l.hosts == nil {
		l.hosts = map[string]*hostSlots{}
	}
	if l.hosts[name] == nil {
		l.hosts[name] = &hostSlots{}
	}
	return l.hosts[name]
}

func (l *localLimiter) Reserve(_ context.Context, host string, gap, most time.Duration) (time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, now := l.host(host), time.Now()
	if h.paused.After(now) {
		return 0, &RefusedError{http.StatusTooManyRequests, h.paused.Sub(now)}
	}
	wait := max(0, h.next.Sub(now))
	if wait > most {
		return 0, &BusyError{wait}
	}
	h.next = now.Add(wait + gap)
	return wait, nil
}

func (l *localLimiter) Pause(_ context.Context, host string, long time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h, until := l.host(host), time.Now().Add(long); until.After(h.paused) {
		h.paused = until
	}
	return nil
}

// A RedisLimiter spaces the requests of all workers of an installation:
//
//	mw:{host:<scheme and host>}  hash: next (the next free slot), rest (the end of the pause), Unix milliseconds of Redis's clock
type RedisLimiter struct {
	redis  redis.UniversalClient
	prefix string
}

// NewRedisLimiter returns a limiter whose keys in r begin with prefix.
func NewRedisLimiter(r redis.UniversalClient, prefix string) RedisLimiter {
	return RedisLimiter{r, prefix}
}

func (l RedisLimiter) keys(host string) []string { return []string{l.prefix + "{host:" + host + "}"} }

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

// Reserve implements [HostLimiter].
func (l RedisLimiter) Reserve(ctx context.Context, host string, gap, most time.Duration) (time.Duration, error) {
	found, err := reserveSlot.Run(ctx, l.redis, l.keys(host), gap.Milliseconds(), most.Milliseconds()).Int64Slice()
	if err != nil {
		return 0, fmt.Errorf("reserving a slot at %s: %w", host, err)
	}
	wait := time.Duration(found[0]) * time.Millisecond
	switch found[1] {
	case 1:
		return 0, &RefusedError{http.StatusTooManyRequests, wait}
	case 2:
		return 0, &BusyError{wait}
	}
	return wait, nil
}

var pauseHost = redis.NewScript(`
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local till = math.max(now + ARGV[1], tonumber(redis.call('hget', KEYS[1], 'rest') or '0'))
redis.call('hset', KEYS[1], 'rest', string.format('%.0f', till))
redis.call('pexpire', KEYS[1], math.max(till - now + 60000, redis.call('pttl', KEYS[1])))
return 1`)

// Pause implements [HostLimiter].
func (l RedisLimiter) Pause(ctx context.Context, host string, long time.Duration) error {
	if err := pauseHost.Run(ctx, l.redis, l.keys(host), long.Milliseconds()).Err(); err != nil {
		return fmt.Errorf("pausing requests to %s: %w", host, err)
	}
	return nil
}
