// Package ratelimit limits the rate of calls by all processes that share a Redis server. It uses
// the generic cell rate algorithm (GCRA) with the clock of Redis, so the clocks of the processes
// may differ.
package ratelimit

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/redis/go-redis/v9"
)

// A Limiter reserves slots and starts pauses. The state of each key is one hash. All times are
// Unix milliseconds by Redis's clock:
//
//	next      when the whole burst is free again; if Burst is 1, when the next slot is free
//	promised  the latest time that was returned to a refused request with Queue
//	<pause>   when the pause of that name ends
//
// A key expires a minute after the last of these times. The client repeats a command whose reply
// was lost. So if a request changes the state, the script stores the reply in the separate key
// <key>:<request ID>, for keepReply. On a Redis Cluster, key must contain a hash tag.
type Limiter struct{ Redis redis.UniversalClient }

// A Request asks for a slot.
type Request struct {
	Gap     time.Duration // time between two slots; 0 means no limit
	Burst   int           // number of slots that are free together after a break; values below 1 mean 1
	MaxWait time.Duration // maximum wait; for a longer wait, no slot is reserved
	Pause   string        // the name of the pause that applies
	// If Queue is true, each refused request gets a different time. The times are at least Gap apart.
	// Otherwise, each refused request gets the time of the next free slot.
	Queue bool
}

// A Verdict is the result of a request.
type Verdict int

// The verdicts.
const (
	Reserved Verdict = iota // the caller can use the slot after the wait
	Paused                  // nothing is reserved: a pause is in force
	Busy                    // nothing is reserved: the wait for the next slot exceeds MaxWait
)

// keepReply is how long the reply to a request is stored. The client repeats a command only for a
// shorter time.
const keepReply = 30 * time.Second

// reserve returns the wait in milliseconds and the verdict. If the client repeats the script with
// the same KEYS[2], the script returns the first verdict and the remaining wait.
var reserve = redis.NewScript(`
local gap, burst, most, queue = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[5] == '1'
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local stored = redis.call('get', KEYS[2])
if stored then
  local time, verdict = string.match(stored, '^(%S+) (%d)$')
  return {math.max(0, math.ceil(tonumber(time) - now)), tonumber(verdict)}
end
local function reply(wait, verdict)
  redis.call('set', KEYS[2], string.format('%.3f %d', now + wait, verdict), 'px', ARGV[6])
  return {math.ceil(wait), verdict}
end
local function at(name) return tonumber(redis.call('hget', KEYS[1], name) or '0') end
local function store(name, time)
  redis.call('hset', KEYS[1], name, string.format('%.3f', time))
  redis.call('pexpire', KEYS[1], math.max(math.ceil(time - now) + 60000, redis.call('pttl', KEYS[1])))
end
local paused = at(ARGV[4]) - now
if paused > 0 then return {math.ceil(paused), 1} end
if gap == 0 then return {0, 0} end
local next = math.max(now, at('next'))
local wait = math.max(0, next - now - gap * (burst - 1))
if wait <= most then
  store('next', next + gap)
  return reply(wait, 0)
end
if not queue then return {math.ceil(wait), 2} end
local promised = math.max(now + wait, at('promised') + gap)
store('promised', promised)
return reply(promised - now, 2)`)

// Reserve reserves the next free slot of key. wait is the time until that slot. If no slot was
// reserved, wait is the time until the next request should be made.
func (l Limiter) Reserve(ctx context.Context, key string, r Request) (wait time.Duration, v Verdict, err error) {
	queue := 0
	if r.Queue {
		queue = 1
	}
	found, err := reserve.Run(ctx, l.Redis, []string{key, key + ":" + rand.Text()},
		milliseconds(r.Gap), max(r.Burst, 1), milliseconds(r.MaxWait), r.Pause, queue,
		keepReply.Milliseconds()).Int64Slice()
	if err != nil {
		return 0, Busy, err
	}
	return time.Duration(found[0]) * time.Millisecond, Verdict(found[1]), nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

var pause = redis.NewScript(`
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ends = math.max(now + ARGV[2], tonumber(redis.call('hget', KEYS[1], ARGV[1]) or '0'))
redis.call('hset', KEYS[1], ARGV[1], string.format('%.0f', ends))
redis.call('pexpire', KEYS[1], math.max(math.ceil(ends - now) + 60000, redis.call('pttl', KEYS[1])))
return 1`)

// Pause starts the named pause of a key, which ends after wait. Until then, requests with this pause
// reserve no slot. Pause never shortens a pause.
func (l Limiter) Pause(ctx context.Context, key, name string, wait time.Duration) error {
	return pause.Run(ctx, l.Redis, []string{key}, name, wait.Milliseconds()).Err()
}
