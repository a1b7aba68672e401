package notify

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
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
		return strictyaml.PlaceOf(n).Errorf("%q: want a rate like 5/s, 30/m or 1000/h", s)
	}
	*r = rate{number, per}
	return nil
}

// turns space what all processes send on a channel, as its rate has it, and
// pause it when a service asks for that. A hash has, in Unix milliseconds, next,
// the time from which the channel owes nothing, promised, the last time that was
// promised to what could not be sent at once, and of each service that is not to
// be called paused:<service>, until when.
type turns struct {
	redis  redis.UniversalClient
	prefix string
	rate   rate // zero: as many as there are
}

func (t turns) key() string { return t.prefix + "{turns}" }

// patience is how long a worker waits for a turn. Beyond it the event goes back
// to the queue.
const patience = 2 * time.Second

var takeTurn = redis.NewScript(`
local now, gap, burst, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local function at(name) return tonumber(redis.call('hget', KEYS[1], name) or '0') end
local paused = at('paused:' .. ARGV[5]) - now
if paused > 0 then return {math.ceil(paused), 1} end
if gap == 0 then return {0, 0} end
local next = math.max(now, at('next'))
local wait = math.max(0, next - now - gap * (burst - 1))
if wait <= most then
  redis.call('hset', KEYS[1], 'next', string.format('%.3f', next + gap))
  redis.call('pexpire', KEYS[1], math.max(math.ceil(next + gap - now) + 60000, redis.call('pttl', KEYS[1])))
  return {math.ceil(wait), 0}
end
-- Each gets a time of its own, or all would come at once, and most for nothing.
local promised = math.max(now + wait, at('promised') + gap)
redis.call('hset', KEYS[1], 'promised', string.format('%.3f', promised))
redis.call('pexpire', KEYS[1], math.max(math.ceil(promised - now) + 60000, redis.call('pttl', KEYS[1])))
return {math.ceil(promised - now), 1}`)

// take waits for a turn to call a service of the channel ("" where there is
// one), or says when to come again.
func (t turns) take(ctx context.Context, service string) error {
	gap := 0.0
	if t.rate.n > 0 {
		gap = float64(t.rate.per.Milliseconds()) / float64(t.rate.n)
	}
	found, err := takeTurn.Run(ctx, t.redis, []string{t.key()}, time.Now().UnixMilli(), gap, t.rate.n, patience.Milliseconds(), service).Int64Slice()
	if err != nil {
		return fmt.Errorf("waiting for a turn: %w", consumers.RedisError(err))
	}
	wait := time.Duration(found[0]) * time.Millisecond
	if found[1] == 1 {
		return event.Postpone(time.Now().Add(wait), "nothing may be sent before")
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pause has nobody call a service before that time.
func (t turns) pause(ctx context.Context, service string, until time.Time) {
	ctx = context.WithoutCancel(ctx)
	_, _ = t.redis.Pipelined(ctx, func(p redis.Pipeliner) error { // without it others learn it for themselves
		p.HSet(ctx, t.key(), "paused:"+service, until.UnixMilli())
		p.PExpire(ctx, t.key(), longRest+time.Hour)
		return nil
	})
}
