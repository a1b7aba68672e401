package notify

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// A rate is so many in a time, of which all may come at once.
type rate struct {
	n   int
	per time.Duration
}

// UnmarshalYAML reads 5/s, 30/m or 1000/h.
func (r *rate) UnmarshalYAML(n ast.Node) error {
	var s string
	if err := strictyaml.DecodeNode(n, &s); err != nil {
		return err
	}
	count, unit, _ := strings.Cut(s, "/")
	number, err := strconv.Atoi(count)
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	if err != nil || number < 1 || per == 0 {
		return strictyaml.PosOf(n).Errorf("%q: want a rate like 5/s, 30/m or 1000/h", s)
	}
	*r = rate{number, per}
	return nil
}

// A rateLimiter limits what all processes send on a channel to its rate, and pauses a service that
// asks for it. Its state is one hash; all times are Unix milliseconds of Redis's clock:
//
//	next              from when on the whole burst is free again
//	promised          the last time that was given to an event that could not be sent at once
//	paused:<service>  the end of a service's pause
type rateLimiter struct {
	redis  redis.UniversalClient
	prefix string
	rate   rate // zero: no limit
}

func (l rateLimiter) key() string { return l.prefix + "{turns}" }

// patience is how long a worker waits for a slot. If the next one is further away, the event goes
// back to the queue.
const patience = 2 * time.Second

var reserveSlot = redis.NewScript(`
local gap, burst, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function at(name) return tonumber(redis.call('hget', KEYS[1], name) or '0') end
local paused = at('paused:' .. ARGV[4]) - now
if paused > 0 then return {math.ceil(paused), 1} end
if gap == 0 then return {0, 0} end
local next = math.max(now, at('next'))
local wait = math.max(0, next - now - gap * (burst - 1))
if wait <= most then
  redis.call('hset', KEYS[1], 'next', string.format('%.3f', next + gap))
  redis.call('pexpire', KEYS[1], math.max(math.ceil(next + gap - now) + 60000, redis.call('pttl', KEYS[1])))
  return {math.ceil(wait), 0}
end
-- Each event gets a time of its own, or all would come back at once, most of them in vain.
local promised = math.max(now + wait, at('promised') + gap)
redis.call('hset', KEYS[1], 'promised', string.format('%.3f', promised))
redis.call('pexpire', KEYS[1], math.max(math.ceil(promised - now) + 60000, redis.call('pttl', KEYS[1])))
return {math.ceil(promised - now), 1}`)

// wait waits for a slot to call a service of the channel ("" if it has only one). If none is free
// soon it returns the error of [broker.Postpone].
func (l rateLimiter) wait(ctx context.Context, service string) error {
	gap := 0.0
	if l.rate.n > 0 {
		gap = float64(l.rate.per.Milliseconds()) / float64(l.rate.n)
	}
	found, err := reserveSlot.Run(ctx, l.redis, []string{l.key()}, gap, l.rate.n, patience.Milliseconds(), service).Int64Slice()
	if err != nil {
		return fmt.Errorf("waiting for a slot: %w", consumers.RedisError(err))
	}
	pause := time.Duration(found[0]) * time.Millisecond
	if found[1] == 1 {
		return broker.Postpone(time.Now().Add(pause), "nothing may be sent before")
	}
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var pauseService = redis.NewScript(`
local t = redis.call('time')
redis.call('hset', KEYS[1], 'paused:' .. ARGV[1], string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[2]))
return redis.call('pexpire', KEYS[1], ARGV[3])`)

// pause lets no process call a service before until. If it cannot be stored, each process learns
// it from the service.
func (l rateLimiter) pause(ctx context.Context, service string, until time.Time) {
	_ = pauseService.Run(context.WithoutCancel(ctx), l.redis, []string{l.key()}, service, time.Until(until).Milliseconds(), (longRest + time.Hour).Milliseconds()).Err()
}
