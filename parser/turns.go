package parser

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Turns space the requests to a host. All who ask the same hosts should share
// them: see [RedisTurns].
type Turns interface {
	// Take takes the next turn at a host, gap after the one before, and returns
	// how long it is until then. Where the host wants to be left alone the error is
	// a [RefusedError], where its turns are given out for the next most, a
	// [BusyError].
	Take(ctx context.Context, host string, gap, most time.Duration) (time.Duration, error)
	// Rest leaves the host alone for so long.
	Rest(ctx context.Context, host string, long time.Duration) error
}

// A BusyError says that so many others want to ask the same host that it would
// take too long to wait for a turn.
type BusyError struct{ Wait time.Duration }

func (e *BusyError) Error() string {
	return fmt.Sprintf("too many pages of one host: the next turn is in %v", e.Wait.Round(time.Millisecond))
}

// ownTurns are those of one process.
type ownTurns struct {
	mu    sync.Mutex
	hosts map[string]*hostTurn
}

type hostTurn struct{ next, rest time.Time }

func (o *ownTurns) host(name string) *hostTurn {
	if o.hosts == nil {
		o.hosts = map[string]*hostTurn{}
	}
	if o.hosts[name] == nil {
		o.hosts[name] = &hostTurn{}
	}
	return o.hosts[name]
}

func (o *ownTurns) Take(_ context.Context, host string, gap, most time.Duration) (time.Duration, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	h, now := o.host(host), time.Now()
	if h.rest.After(now) {
		return 0, &RefusedError{http.StatusTooManyRequests, h.rest.Sub(now)}
	}
	wait := max(0, h.next.Sub(now))
	if wait > most {
		return 0, &BusyError{wait}
	}
	h.next = now.Add(wait + gap)
	return wait, nil
}

func (o *ownTurns) Rest(_ context.Context, host string, long time.Duration) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if h, till := o.host(host), time.Now().Add(long); till.After(h.rest) {
		h.rest = till
	}
	return nil
}

// RedisTurns are those of all workers of an installation:
//
//	mw:{host:<scheme and host>}  hash: next (when the next turn is), rest (till when the host is left alone), Unix milliseconds of Redis' clock
type RedisTurns struct {
	redis  redis.UniversalClient
	prefix string
}

// NewRedisTurns keeps the turns in r, under keys that begin with prefix.
func NewRedisTurns(r redis.UniversalClient, prefix string) RedisTurns { return RedisTurns{r, prefix} }

func (t RedisTurns) keys(host string) []string { return []string{t.prefix + "{host:" + host + "}"} }

var takeTurn = redis.NewScript(`
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local rest = tonumber(redis.call('hget', KEYS[1], 'rest') or '0') - now
if rest > 0 then return {rest, 1} end
local wait = math.max(0, tonumber(redis.call('hget', KEYS[1], 'next') or '0') - now)
if wait > tonumber(ARGV[2]) then return {wait, 2} end
redis.call('hset', KEYS[1], 'next', string.format('%.0f', now + wait + ARGV[1]))
redis.call('pexpire', KEYS[1], math.max(wait + ARGV[1] + 60000, redis.call('pttl', KEYS[1])))
return {wait, 0}`)

// Take is that of [Turns].
func (t RedisTurns) Take(ctx context.Context, host string, gap, most time.Duration) (time.Duration, error) {
	found, err := takeTurn.Run(ctx, t.redis, t.keys(host), gap.Milliseconds(), most.Milliseconds()).Int64Slice()
	if err != nil {
		return 0, fmt.Errorf("taking turns at %s: %w", host, err)
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

var restHost = redis.NewScript(`
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local till = math.max(now + ARGV[1], tonumber(redis.call('hget', KEYS[1], 'rest') or '0'))
redis.call('hset', KEYS[1], 'rest', string.format('%.0f', till))
redis.call('pexpire', KEYS[1], math.max(till - now + 60000, redis.call('pttl', KEYS[1])))
return 1`)

// Rest is that of [Turns].
func (t RedisTurns) Rest(ctx context.Context, host string, long time.Duration) error {
	if err := restHost.Run(ctx, t.redis, t.keys(host), long.Milliseconds()).Err(); err != nil {
		return fmt.Errorf("leaving %s alone: %w", host, err)
	}
	return nil
}
